//! The pages over HTTP, on both databases.

mod audit;
mod invite;
mod login;
mod session;
