//! Who has an account.

use keyward_storage::StorageError;
use keyward_storage::users::{self, User};

use crate::state::Issuer;

impl Issuer {
    /// Every account, closed ones too, by e-mail address.
    pub async fn list_users(&self) -> Result<Vec<User>, StorageError> {
        users::list(&self.db).await
    }

    /// Whether anybody has an account yet.
    pub async fn has_users(&self) -> Result<bool, StorageError> {
        users::any(&self.db).await
    }
}
