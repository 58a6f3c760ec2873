//! The way of a call: a person's access token from memory, or from their grant, refreshed where it must be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use keyward_core::clock::Timestamp;
use keyward_core::id::{ConnectionId, UserId};
use keyward_storage::upstream_grants::{self, UpstreamGrant, UpstreamGrantState};

use super::cache::{Opened, Slot};
use super::error::{BreakReason, GrantError, Reconnect};
use super::refresh::NotRefreshed;
use super::{Connection, Connections, Inner};
use crate::credential::{Credential, CredentialSpec, InvalidCredentialSpec};
use crate::error::VaultError;
use crate::name::{InvalidTokenName, TokenName};
use crate::store::OpenedToken;

/// What stands before the connection's id where a token's name is asked for.
const SERVICE: &str = "connection";

/// How long an old token serves before its row is looked at again, while somebody refreshes it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A token that was minted this recently and is refused already is refused for another reason than its age.
const JUST_MINTED: Duration = Duration::from_secs(10);

/// A rule: the caller's own token at this connection, in this form. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GrantRule {
    connection: ConnectionId,
    /// The form; its token's name stands for the connection, and is looked for in no store.
    spec: CredentialSpec,
}

impl GrantRule {
    /// A rule; `format` is the header's value with `{token}` where the token goes.
    pub fn new(connection: ConnectionId, header: HeaderName, format: &str) -> Result<Self, InvalidGrantRule> {
        let spec = CredentialSpec::new(TokenName::new(SERVICE, connection.as_str())?, header, format)?;
        Ok(Self { connection, spec })
    }

    /// The connection.
    pub fn connection(&self) -> &ConnectionId {
        &self.connection
    }

    /// How the token of a person is written, and what audit records name it by: `connection/ID`.
    pub fn spec_of(&self, person: Option<UserId>) -> CredentialSpec {
        person.map_or_else(|| self.spec.clone(), |person| self.spec.owned_by(person))
    }
}

/// A rule that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGrantRule {
    /// The id cannot stand in a token's name.
    #[error("a connection's id begins with a letter or digit: {0}")]
    Id(#[from] InvalidTokenName),
    /// The header or its format.
    #[error(transparent)]
    Form(#[from] InvalidCredentialSpec),
}

impl fmt::Debug for GrantRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.spec, f)
    }
}

/// Gives callers' own tokens by one rule.
#[derive(Clone, Debug)]
pub struct GrantCredential {
    connections: Connections,
    rule: GrantRule,
}

impl GrantCredential {
    /// `None` when the connection of the rule is not configured.
    pub fn new(connections: Connections, rule: GrantRule) -> Option<Self> {
        connections.0.connections.contains_key(rule.connection()).then_some(Self { connections, rule })
    }

    /// The rule.
    pub fn rule(&self) -> &GrantRule {
        &self.rule
    }

    /// Where people connect.
    pub fn reconnect(&self) -> Reconnect {
        let id = self.rule.connection();
        let name = self.connections.config(id).map_or_else(|| id.to_string(), |config| config.name.clone());
        Reconnect { name, url: self.connections.connect_url(id) }
    }

    /// The credential for a call of `owner`, who must be somebody with an account here.
    pub async fn credential(&self, owner: Option<UserId>) -> Result<Arc<Credential>, GrantError> {
        let (connection, owner) = self.owned(owner)?;
        let key = (self.rule.clone(), owner);
        let inner = &*self.connections.0;
        if let Some(credential) = inner.cache.fresh(&key, inner.now()) {
            return Ok(credential);
        }
        let slot = inner.cache.slot(&key);
        let _one_at_a_time = slot.opening.lock().await;
        if let Some(credential) = inner.cache.fresh(&key, inner.now()) {
            return Ok(credential);
        }
        match self.connections.read(connection, owner, &self.rule, &slot).await {
            Err(GrantError::Unavailable { connection, cause }) => match inner.cache.last(&slot, inner.now()) {
                Some(credential) => {
                    tracing::warn!(%connection, %cause, "a grant cannot be read; the cached token serves");
                    Ok(credential)
                }
                None => Err(GrantError::Unavailable { connection, cause }),
            },
            done => done,
        }
    }

    /// Another credential for a call of `owner` that was refused with version `refused`: a newer one, or one that is
    /// refreshed for it. `None` when there is no hope in that.
    pub async fn after_refusal(
        &self,
        owner: Option<UserId>,
        refused: i64,
    ) -> Result<Option<Arc<Credential>>, GrantError> {
        let (connection, owner) = self.owned(owner)?;
        let inner = &*self.connections.0;
        let slot = inner.cache.slot(&(self.rule.clone(), owner));
        let _one_at_a_time = slot.opening.lock().await;
        let Some(row) = inner.find(connection, owner).await? else { return Ok(None) };
        if row.state == UpstreamGrantState::Active && row.version == refused {
            let tokens = inner.open_tokens(connection, &row).await?;
            if tokens.refresh_token.is_none() || inner.now().since(row.updated_at) < JUST_MINTED {
                return Ok(None);
            }
            let renewed = self.connections.refresh_now(connection.id().clone(), owner, refused).await;
            renewed.map_err(|error| inner.grant_error(connection, error))?;
        }
        self.connections.read(connection, owner, &self.rule, &slot).await.map(Some)
    }

    fn owned(&self, owner: Option<UserId>) -> Result<(&Connection, UserId), GrantError> {
        let inner = &*self.connections.0;
        match (inner.connections.get(self.rule.connection()), owner) {
            (Some(connection), Some(owner)) => Ok((connection, owner)),
            _ => Err(GrantError::NoPerson(self.reconnect())),
        }
    }
}

impl Connections {
    /// Reads the grant, refreshes it where it must be, and fills the slot.
    async fn read(
        &self,
        connection: &Connection,
        owner: UserId,
        rule: &GrantRule,
        slot: &Slot,
    ) -> Result<Arc<Credential>, GrantError> {
        let inner = &*self.0;
        let generation = inner.cache.generation();
        let at = inner.now();
        let mut row = inner.find(connection, owner).await?;
        let mut look_again_at = row.as_ref().and_then(|row| row.refresh_after);
        if let Some(present) = &row
            && present.state == UpstreamGrantState::Active
        {
            if present.expires_at.is_some_and(|end| end <= at) {
                let renewed = self.refresh_now(connection.id().clone(), owner, present.version).await;
                let renewed = renewed.map_err(|error| inner.grant_error(connection, error))?;
                look_again_at = renewed.refresh_after;
                row = Some(renewed);
            } else if look_again_at.is_some_and(|due| due <= at) {
                self.refresh_ahead(connection.id().clone(), owner, present.version);
                look_again_at = Some(at.plus(LOOK_AGAIN));
            }
        }
        let row = row.ok_or_else(|| GrantError::NotConnected(inner.reconnect(connection)))?;
        if row.state == UpstreamGrantState::Broken {
            let reason = BreakReason::from_stored(row.reason.as_deref());
            return Err(GrantError::Broken { at: inner.reconnect(connection), reason });
        }
        let tokens = inner.open_tokens(connection, &row).await?;
        let token = OpenedToken { value: tokens.access_token, version: row.version, expires_at: row.expires_at };
        let credential = Credential::new(&rule.spec, &token);
        let credential = Arc::new(credential.map_err(|_| GrantError::NotForHeaders(connection.id().clone()))?);
        slot.fill(Opened {
            credential: Arc::clone(&credential),
            at,
            look_again_at,
            expires_at: row.expires_at,
            generation,
        });
        Ok(credential)
    }
}

impl Inner {
    pub(super) fn reconnect(&self, connection: &Connection) -> Reconnect {
        Reconnect { name: connection.config.name.clone(), url: self.connect_url(connection.id()) }
    }

    async fn find(&self, connection: &Connection, owner: UserId) -> Result<Option<UpstreamGrant>, GrantError> {
        let found = upstream_grants::find(&self.db, connection.id().as_str(), owner).await;
        found.map_err(|error| self.unavailable(connection, error.into()))
    }

    async fn open_tokens(
        &self,
        connection: &Connection,
        row: &UpstreamGrant,
    ) -> Result<super::token_set::TokenSet, GrantError> {
        self.open_set(row).await.map_err(|error| self.unavailable(connection, error))
    }

    fn unavailable(&self, connection: &Connection, cause: VaultError) -> GrantError {
        GrantError::Unavailable { connection: connection.id().clone(), cause }
    }

    fn grant_error(&self, connection: &Connection, error: NotRefreshed) -> GrantError {
        match error {
            NotRefreshed::Gone => GrantError::NotConnected(self.reconnect(connection)),
            NotRefreshed::Broken(reason) => GrantError::Broken { at: self.reconnect(connection), reason },
            NotRefreshed::Later(cause) => GrantError::NotRefreshed { connection: connection.id().clone(), cause },
            NotRefreshed::Vault(cause) => self.unavailable(connection, cause),
        }
    }
}

/// What of a moment is shown where only seconds count.
pub(super) fn seconds_until(now: Timestamp, then: Timestamp) -> u64 {
    then.since(now).as_secs().saturating_add(1)
}
