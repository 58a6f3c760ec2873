//! Which development bearer tokens there are.

use keyward_storage::StorageError;
use keyward_storage::bearer_tokens::{self, BearerToken};

use crate::state::Issuer;

impl Issuer {
    /// All of them, ended ones too, the newest first.
    pub async fn list_bearers(&self) -> Result<Vec<BearerToken>, StorageError> {
        bearer_tokens::list(&self.db).await
    }
}
