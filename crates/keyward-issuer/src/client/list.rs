//! Listing clients.

use keyward_storage::StorageError;
use keyward_storage::clients::{self, StoredClient};

use crate::state::Issuer;

impl Issuer {
    /// Every client that was not removed, newest first.
    pub async fn list_clients(&self) -> Result<Vec<StoredClient>, StorageError> {
        clients::list(&self.db).await
    }
}
