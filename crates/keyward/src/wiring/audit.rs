//! The audit log: its handle, and the writer that runs beside everything else.

use std::path::{Path, PathBuf};

use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;

use super::storage;
use crate::config::{AuditMode, Loaded};

/// Starts the writer on the current runtime, as the configuration asks. It ends when the last handle is gone.
pub(crate) fn start(loaded: &Loaded, database: &Database, random: &Random) -> anyhow::Result<AuditLog> {
    let (log, writer) = AuditLog::with_spill(database.clone(), random.clone(), Some(spill(loaded)?));
    tokio::spawn(writer);
    Ok(log.required(loaded.config.audit.mode == AuditMode::FailClosed))
}

/// The folder for what cannot be written at the end.
fn spill(loaded: &Loaded) -> anyhow::Result<PathBuf> {
    if let Some(folder) = &loaded.config.audit.spill {
        return Ok(loaded.resolve(folder));
    }
    let url = storage::url_of(loaded)?;
    let database = url.strip_prefix("sqlite:").map(|path| Path::new(path.strip_prefix("//").unwrap_or(path)));
    let beside = database.and_then(Path::parent).map_or_else(|| loaded.resolve(""), Path::to_path_buf);
    Ok(if beside.as_os_str().is_empty() { PathBuf::from(".") } else { beside })
}
