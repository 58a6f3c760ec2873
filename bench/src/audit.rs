//! What the audit record of a call costs: CPU time of this process while it writes records as the gateway makes them.

use std::path::Path;

use anyhow::{Context, Result};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Clock;
use keyward_core::id::RequestId;
use keyward_core::random::Random;
use keyward_storage::audit::AuditLog;
use keyward_storage::{Database, StorageConfig};

use crate::process::own_cpu;

const RECORDS: u32 = 100_000;
/// Records of one transaction: what 20,000 calls a second leave while the writer waits for more.
const TOGETHER: u32 = 200;
const DETAIL: &str = r#"{"http_method":"POST","method":"tools/call","tool":"echo","subject":"user_000000000001","credential_version":1,"status":200,"bytes":1021,"duration_us":214}"#;

/// Microseconds for one record, in an SQLite database in `directory`.
pub(crate) fn cpu_micros(directory: &Path) -> Result<f64> {
    let home = directory.join("audit");
    std::fs::create_dir_all(&home)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (clock, random) = (Clock::System, Random::system());
    runtime.block_on(async {
        let url = format!("sqlite:{}", home.join("keyward.db").display());
        let database = Database::open(&StorageConfig { url, max_connections: 1 }, clock.clone()).await?;
        database.migrate().await?;
        let (log, writer) = AuditLog::new(database, random.clone());
        tokio::spawn(writer);
        let before = own_cpu().context("no figure")?;
        for _ in 0..RECORDS / TOGETHER {
            for _ in 0..TOGETHER {
                let now = clock.now();
                let mut event = AuditEvent::new(now, Action::Call, AuditResult::Ok);
                event.service_id = Some("bench".to_owned());
                event.token_key = Some("bench/api_token".to_owned());
                event.client_id = Some("c_01HXYZABCDEF".to_owned());
                event.request_id = Some(RequestId::new(now, &random)?);
                event.detail = Some(DETAIL.to_owned());
                log.record(event);
            }
            log.flush().await;
        }
        anyhow::ensure!(log.dropped() == 0, "records were dropped");
        let took = own_cpu().context("no figure")?.saturating_sub(before);
        Ok(took.as_secs_f64() * 1e6 / f64::from(RECORDS))
    })
}
