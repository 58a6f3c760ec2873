//! The walk from a client's socket to an upstream's, all of it real: hyper at both ends, a database, a cabinet.

mod answers;
mod calls;
mod connections;
mod credentials;
mod documents;
mod origins;
mod records;
mod refusals;
mod sessions;
mod streams;
mod support;
mod tools;
