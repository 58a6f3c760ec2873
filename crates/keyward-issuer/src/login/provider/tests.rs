//! Logging in at a provider: the whole way, what is tried on it, and what the provider takes back; on both databases.

mod accounts;
mod attacks;
mod ground;
mod taken_back;
mod way;
