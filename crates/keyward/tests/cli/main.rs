//! Transcripts of the command line: what a person or a script sees, and the exit code.

mod audit;
mod backups;
mod cabinet;
mod comfort;
mod configuration;
mod people;
mod transcript;
