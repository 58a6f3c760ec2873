//! Keyward: the front door and the key cabinet for MCP servers.
//!
//! The binary is the only place that knows the configuration file, the environment, the command line and every room; it
//! hands each room a plain configuration of its own and wires them together. In reading order: [`cli`], [`config`],
//! [`commands`].

mod cli;
mod commands;
mod config;
mod exit;
mod output;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
