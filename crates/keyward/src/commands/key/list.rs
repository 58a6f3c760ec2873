//! `keyward key list`.

use std::path::Path;

use keyward_core::clock::{Clock, Timestamp};
use keyward_storage::data_keys::{self, DataKeyRow};
use keyward_storage::sealed_rows;
use serde::Serialize;

use crate::config;
use crate::output::{self, Format, Row};
use crate::wiring::{self, storage};

pub(super) fn run(file: Option<&Path>, format: Format) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    wiring::runtime()?.block_on(async {
        let database = storage::open_prepared(&loaded, &Clock::System).await?;
        let counts = sealed_rows::counts(&database).await?;
        let with_rows = |row: DataKeyRow| DataKey {
            rows: counts.get(&row.key_id).copied().unwrap_or_default(),
            id: row.key_id,
            state: row.state.as_str(),
            root_key: row.wrapped_by,
            created_at: row.created_at,
            sealed: row.sealed_count,
        };
        let rows: Vec<DataKey> = data_keys::all(&database).await?.into_iter().map(with_rows).collect();
        Ok(format.list(&rows, "No data key has been made yet; the first is made when something is sealed.")?)
    })
}

#[derive(Serialize)]
struct DataKey {
    id: String,
    state: &'static str,
    root_key: String,
    created_at: Timestamp,
    /// How often it has sealed, or more.
    sealed: i64,
    /// Rows that are under it now.
    rows: u64,
}

impl Row for DataKey {
    const HEADS: &'static [&'static str] = &["ID", "STATE", "ROOT KEY", "CREATED", "SEALED", "ROWS"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.state.to_owned(),
            self.root_key.clone(),
            output::time(Some(self.created_at)),
            self.sealed.to_string(),
            self.rows.to_string(),
        ]
    }
}
