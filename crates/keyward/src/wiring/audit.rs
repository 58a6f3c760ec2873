//! The audit log: its handle, and the writer that runs beside everything else.

use keyward_core::random::Random;
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;

use crate::config::{AuditMode, Loaded};

/// Starts the writer on the current runtime. It ends when the last handle is gone.
pub(crate) fn start(loaded: &Loaded, database: &Database, random: &Random) -> AuditLog {
    let (log, writer) = AuditLog::new(database.clone(), random.clone());
    tokio::spawn(writer);
    log.required(loaded.config.audit.mode == AuditMode::FailClosed)
}
