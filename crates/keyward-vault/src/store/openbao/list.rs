//! Listing: OpenBao lists names only, so each token is asked for, several at a time.

use futures_util::{StreamExt, TryStreamExt, stream};
use keyward_core::id::UserId;

use super::folder::{OWNERS, name_of};
use super::secret::Value;
use super::{NAME, OpenBaoStore};
use crate::error::VaultError;
use crate::name::TokenName;
use crate::seal::Sealed;
use crate::store::TokenEntry;

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

impl OpenBaoStore {
    pub(super) async fn all(&self) -> Result<Vec<TokenEntry>, VaultError> {
        let entries = stream::iter(self.names().await?).map(|name| self.entry(name)).buffered(AT_ONCE);
        entries.try_filter_map(async |entry| Ok(entry)).try_collect().await
    }

    /// The names of all tokens, in order.
    pub(super) async fn names(&self) -> Result<Vec<TokenName>, VaultError> {
        let mut names = self.names_of(None).await?;
        for owner in self.folders(&[OWNERS.to_owned()]).await? {
            if let Ok(owner) = owner.parse() {
                names.extend(self.names_of(Some(owner)).await?);
            }
        }
        names.sort();
        Ok(names)
    }

    async fn names_of(&self, owner: Option<UserId>) -> Result<Vec<TokenName>, VaultError> {
        let above = owner.map(|owner| vec![OWNERS.to_owned(), owner.to_string()]).unwrap_or_default();
        let mut names = Vec::new();
        for service in self.folders(&above).await? {
            let within = [above.as_slice(), std::slice::from_ref(&service)].concat();
            let keys = self.api.list(&self.folder.listing(&within)).await?;
            names.extend(keys.iter().filter_map(|key| name_of(owner, &service, key)));
        }
        Ok(names)
    }

    async fn folders(&self, within: &[String]) -> Result<Vec<String>, VaultError> {
        let listed = self.api.list(&self.folder.listing(within)).await?;
        Ok(listed.iter().filter_map(|entry| entry.strip_suffix('/').map(str::to_owned)).collect())
    }

    /// `None` for a token that was deleted meanwhile, or in OpenBao's own way.
    pub(super) async fn entry(&self, name: TokenName) -> Result<Option<TokenEntry>, VaultError> {
        let Some(found) = self.find(&name).await? else { return Ok(None) };
        let created_at = self.metadata(&name).await?.map(|metadata| metadata.created_time);
        let key_id = match &found.value {
            Ok(Value::Sealed(bytes)) => Sealed::from_bytes(bytes).ok().map(|sealed| sealed.key_id.as_str().to_owned()),
            _ => None,
        };
        Ok(Some(TokenEntry {
            name,
            version: found.version,
            store: NAME,
            key_id,
            labels: found.facts.labels,
            created_at,
            updated_at: Some(found.created_at),
            expires_at: found.facts.expires_at,
        }))
    }
}
