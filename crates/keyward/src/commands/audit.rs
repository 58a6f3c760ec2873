//! `keyward audit`: what was done, by whom, and whether the record of it is whole.

use std::path::Path;

use clap::Subcommand;
use keyward_core::clock::Clock;
use keyward_storage::Database;
use keyward_storage::audit::{self, AuditFilter, AuditRecord};
use serde::Serialize;

use crate::config::{Period, TextValue};
use crate::output::{self, Format, Row};
use crate::wiring::{self, storage};
use crate::{config, exit};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List records, the newest first
    List {
        /// Only this action, such as call, token.open, login
        #[arg(long, value_name = "ACTION")]
        action: Option<String>,
        /// Only this server or service
        #[arg(long, value_name = "ID")]
        service: Option<String>,
        /// Only this person
        #[arg(long, value_name = "EMAIL")]
        user: Option<String>,
        /// Only what is not older than this: 1h, 7d
        #[arg(long, value_name = "DURATION", value_parser = Period::parse)]
        within: Option<Period>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "NUMBER")]
        limit: u32,
        #[command(flatten)]
        format: Format,
    },
    /// Check the chain of hashes from the first record to the last
    ///
    /// Names the first record that was altered, removed or moved, and ends with exit code 1 if there is one.
    Verify {
        #[command(flatten)]
        format: Format,
    },
}

pub(crate) fn run(file: Option<&Path>, command: Command) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    wiring::runtime()?.block_on(async {
        let database = storage::open_prepared(&loaded, &Clock::System).await?;
        match command {
            Command::List { action, service, user, within, limit, format } => {
                let since = within.map(|period| Clock::System.now().minus(period.0));
                let filter = AuditFilter { action, service_id: service, user_email: user, since, limit };
                let rows: Vec<Record> = audit::list(&database, &filter).await?.into_iter().map(Record).collect();
                Ok(format.list(&rows, "No records.")?)
            }
            Command::Verify { format } => verify(&database, format).await,
        }
    })
}

#[derive(Serialize)]
struct Verdict {
    good: u64,
    first_bad: Option<Bad>,
}

#[derive(Serialize)]
struct Bad {
    seq: i64,
    fault: String,
}

async fn verify(database: &Database, format: Format) -> anyhow::Result<()> {
    let report = audit::verify(database).await?;
    let first_bad = report.first_bad.as_ref().map(|bad| Bad { seq: bad.seq, fault: bad.fault.to_string() });
    let verdict = Verdict { good: report.good, first_bad };
    if format.json {
        output::json(&verdict)?;
    } else {
        match &verdict.first_bad {
            None => output::line(&format!("{} records, the chain is whole", verdict.good))?,
            Some(bad) => {
                output::line(&format!(
                    "record {}: {} ({} records before it are good)",
                    bad.seq, bad.fault, verdict.good
                ))?;
            }
        }
    }
    if verdict.first_bad.is_some() { Err(exit::Silent.into()) } else { Ok(()) }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Record(AuditRecord);

impl Row for Record {
    const HEADS: &'static [&'static str] =
        &["SEQ", "TIME", "ACTION", "RESULT", "SERVICE", "TOKEN", "USER", "CLIENT", "DETAIL"];

    fn cells(&self) -> Vec<String> {
        let record = &self.0;
        let text = |text: &Option<String>| text.as_deref().unwrap_or("-").to_owned();
        vec![
            record.seq.to_string(),
            output::time(Some(record.created_at)),
            record.action.clone(),
            record.result.clone(),
            text(&record.service_id),
            text(&record.token_key),
            text(&record.user_email),
            text(&record.client_id),
            text(&record.detail),
        ]
    }
}
