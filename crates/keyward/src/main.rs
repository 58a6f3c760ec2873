//! Keyward: the front door and the key cabinet for MCP servers.
//!
//! The binary is the only place that knows the configuration file, the environment, the command line and every room; it
//! hands each room a plain configuration of its own and wires them together. In reading order: [`cli`], [`config`],
//! [`commands`].

mod cli;
mod commands;
mod config;
mod demo;
mod exit;
mod hardening;
mod input;
mod output;
mod private_file;
mod progress;
mod serve;
mod telemetry;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    hardening::keep_files_private();
    cli::run()
}
