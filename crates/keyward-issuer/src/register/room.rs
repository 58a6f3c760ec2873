//! Room for clients that came by themselves and that nobody has let in yet, by registering or by their document.

use std::time::Duration;

use keyward_core::clock::Timestamp;
use keyward_storage::{StorageError, clients};

use crate::state::Issuer;

/// How many may wait.
const MAX_NEVER_USED: i64 = 10_000;
/// When they are too many, those older than this make room.
pub(super) const MADE_AFTER: Duration = Duration::from_secs(60 * 60);

/// Whether there is room for one more, after those that wait for too long have gone if need be.
pub(super) async fn make(issuer: &Issuer, now: Timestamp) -> Result<bool, StorageError> {
    if clients::count_never_used(&issuer.db).await? < MAX_NEVER_USED {
        return Ok(true);
    }
    Ok(clients::reap_never_used(&issuer.db, now.minus(MADE_AFTER)).await? > 0)
}
