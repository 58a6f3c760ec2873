//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::{commands, demo, exit, serve};

/// The front door and the key cabinet for MCP servers.
///
/// Keyward stands between MCP clients and MCP servers. It logs people in and gives their clients short-lived tokens for
/// one server (OAuth 2.1), and it puts the token that the server itself needs into each call, from an encrypted cabinet.
///
/// See it work: `keyward demo`. For your own servers: `keyward init`, then `keyward serve`.
#[derive(Debug, Parser)]
#[command(name = "keyward", version, propagate_version = true, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration file [default: keyward.toml, when there is one here]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 called wrongly.";

/// What the arguments of a command say of it is its help; where it has commands of its own, it is said here.
#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Demo(demo::Args),
    Init(commands::init::Args),
    /// Check the configuration, or print its JSON Schema
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Put service tokens into the cabinet, and see what is there
    #[command(subcommand)]
    Token(commands::token::Command),
    /// See the keys that the cabinet is sealed with
    #[command(subcommand)]
    Key(commands::key::Command),
    /// Make development bearer tokens, for clients without a browser
    #[command(subcommand)]
    Bearer(commands::bearer::Command),
    /// See, add and remove OAuth clients
    #[command(subcommand)]
    Client(commands::client::Command),
    Connect(commands::connection::ConnectArgs),
    /// See what accounts of their own people have connected, and end a connection
    #[command(subcommand)]
    Connection(commands::connection::Command),
    /// Invite people, and see who has an account
    #[command(subcommand)]
    User(commands::user::Command),
    /// Read the audit log, and check that nobody has changed it
    #[command(subcommand)]
    Audit(commands::audit::Command),
    Backup(commands::backup::Args),
    Restore(commands::restore::Args),
    /// Show or raise the version of the database's schema
    #[command(subcommand)]
    Migrate(commands::migrate::Command),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
}

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let config = cli.config.as_deref();
    exit::code(match cli.command {
        Command::Serve(args) => serve::run(config, &args),
        Command::Demo(args) => demo::run(&args),
        Command::Init(args) => commands::init::run(config, &args),
        Command::Config(command) => commands::config::run(config, &command),
        Command::Token(command) => commands::token::run(config, command),
        Command::Key(command) => commands::key::run(config, &command),
        Command::Bearer(command) => commands::bearer::run(config, command),
        Command::Client(command) => commands::client::run(config, command),
        Command::Connect(args) => commands::connection::connect(config, &args),
        Command::Connection(command) => commands::connection::run(config, command),
        Command::User(command) => commands::user::run(config, command),
        Command::Audit(command) => commands::audit::run(config, command),
        Command::Backup(args) => commands::backup::run(config, &args),
        Command::Restore(args) => commands::restore::run(config, &args),
        Command::Migrate(command) => commands::migrate::run(config, &command),
        Command::Completions(args) => commands::completions::run(&args, Cli::command()),
        Command::Man(args) => commands::man::run(&args, Cli::command()),
    })
}
