//! `keyward key`: the keys that the cabinet is sealed with.

use std::path::Path;

use clap::Subcommand;
use keyward_core::clock::Clock;
use keyward_core::clock::Timestamp;
use keyward_storage::data_keys::{self, DataKeyRow};
use serde::Serialize;

use crate::config;
use crate::output::{self, Format, Row};
use crate::wiring::{self, storage};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the data keys: which root key opens each, and how much each has sealed
    ///
    /// Needs no root key: it helps to find the right one.
    List {
        #[command(flatten)]
        format: Format,
    },
}

pub(crate) fn run(file: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    let Command::List { format } = command;
    let loaded = config::load(file)?;
    wiring::runtime()?.block_on(async {
        let database = storage::open_prepared(&loaded, &Clock::System).await?;
        let rows: Vec<DataKey> = data_keys::all(&database).await?.into_iter().map(DataKey::from).collect();
        Ok(format.list(&rows, "No data key has been made yet; the first is made when something is sealed.")?)
    })
}

#[derive(Serialize)]
struct DataKey {
    id: String,
    state: &'static str,
    root_key: String,
    created_at: Timestamp,
    sealed: i64,
}

impl From<DataKeyRow> for DataKey {
    fn from(row: DataKeyRow) -> Self {
        Self {
            id: row.key_id,
            state: row.state.as_str(),
            root_key: row.wrapped_by,
            created_at: row.created_at,
            sealed: row.sealed_count,
        }
    }
}

impl Row for DataKey {
    const HEADS: &'static [&'static str] = &["ID", "STATE", "ROOT KEY", "CREATED", "SEALED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.state.to_owned(),
            self.root_key.clone(),
            output::time(Some(self.created_at)),
            self.sealed.to_string(),
        ]
    }
}
