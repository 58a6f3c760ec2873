//! The built binary as a process: how it starts, refuses to start, serves and stops.

mod accounts;
mod demo;
mod direct;
mod issuer_down;
mod metrics;
mod path;
mod process;
mod refusals;
mod secrets;
mod start_and_stop;
mod upstream;
