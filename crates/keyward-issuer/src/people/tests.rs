//! The pages over HTTP, on both databases.

mod audit;
mod consent;
mod invite;
mod login;
mod session;
