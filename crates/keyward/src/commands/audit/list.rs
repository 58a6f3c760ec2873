//! `keyward audit list`.

use std::path::Path;

use keyward_core::clock::Clock;
use keyward_storage::audit::{self, AuditFilter, AuditRecord};
use serde::Serialize;

use crate::config;
use crate::config::{Period, TextValue};
use crate::output::{self, Format, Row};
use crate::wiring::{self, storage};

/// List records, the newest first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
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
}

pub(super) fn run(file: Option<&Path>, args: Args) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    wiring::runtime()?.block_on(async {
        let database = storage::open_prepared(&loaded, &Clock::System).await?;
        let since = args.within.map(|period| Clock::System.now().minus(period.0));
        let Args { action, service, user, limit, .. } = args;
        let filter = AuditFilter { action, service_id: service, user_email: user, since, limit };
        let rows: Vec<Record> = audit::list(&database, &filter).await?.into_iter().map(Record).collect();
        Ok(args.format.list(&rows, "No records.")?)
    })
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
