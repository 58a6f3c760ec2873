//! The pages over HTTP, on both databases.

mod audit;
mod browser;
mod invite;
mod login;
mod session;
mod site;
