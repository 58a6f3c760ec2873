//! `keyward migrate`: the version of the database's schema.

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use keyward_core::clock::Clock;
use keyward_storage::NEWEST;
use serde::Serialize;

use crate::output::{self, Format};
use crate::wiring::{self, storage};
use crate::{config, exit};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show which schema version the database has and which one this Keyward works with
    Status {
        #[command(flatten)]
        format: Format,
    },
    /// Bring the database to the schema version of this Keyward
    ///
    /// `keyward serve` does the same when it starts. It is safe while other processes do so too.
    Up,
}

#[derive(Serialize)]
struct Status {
    database: i64,
    keyward: i64,
    up_to_date: bool,
}

pub(crate) fn run(file: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    wiring::runtime()?.block_on(async {
        let database = storage::open(&loaded, &Clock::System).await?;
        match command {
            Command::Status { format } => {
                let version = database.schema_version().await?;
                let status = Status { database: version, keyward: NEWEST, up_to_date: version == NEWEST };
                if format.json {
                    output::json(&status)?;
                } else {
                    let verdict = match version.cmp(&NEWEST) {
                        std::cmp::Ordering::Less => "run `keyward migrate up`, or start `keyward serve`",
                        std::cmp::Ordering::Equal => "up to date",
                        std::cmp::Ordering::Greater => "a newer Keyward has migrated it: run that one",
                    };
                    output::line(&format!("database: version {version}\nkeyward:  version {NEWEST}\n{verdict}"))?;
                }
                if version > NEWEST {
                    bail!(exit::Silent);
                }
            }
            Command::Up => {
                let report = storage::migrate(&database).await?;
                let applied = report.applied.iter().map(|name| format!("applied: {name}\n"));
                output::line(&format!("{}the database has version {}", applied.collect::<String>(), report.to))?;
            }
        }
        Ok(())
    })
}
