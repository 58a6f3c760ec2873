//! Logs on standard error. What may be in them is settled by types: secrets have no `Display` and print their type's name.

use std::io::IsTerminal;

use anyhow::anyhow;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::{Log, LogFilter, LogFormat, Text, TextValue};

/// Libraries that speak of every frame and connection; what they say at `debug` may quote headers.
const QUIET: &[&str] = &["hyper", "hyper_util", "rmcp", "rustls", "tokio_postgres", "h2", "mio"];

/// Starts the log.
pub(crate) fn start(config: &Log) -> anyhow::Result<()> {
    let level = config.level.0.to_text();
    let mut filter: Targets = level.parse()?;
    for library in QUIET.iter().filter(|library| !level.contains(**library)) {
        filter = filter.with_target(*library, tracing::Level::WARN);
    }
    let layer = match config.format {
        LogFormat::Text => fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).with_filter(filter).boxed()
        }
    };
    tracing_subscriber::registry().with(layer).try_init().map_err(|error| anyhow!("the log cannot start: {error}"))
}

/// The log of a command that is over soon: only what is wrong.
pub(crate) fn start_quiet() -> anyhow::Result<()> {
    start(&Log { level: Text::of(LogFilter("warn".to_owned())), ..Log::default() })
}
