//! Refreshing a grant (RFC 6749 §6): once at a time among all processes, and stored before it is used.
//!
//! The row says before the request leaves that one is under way, and is changed by compare and set when the answer is
//! there. A process that dies in between leaves the old refresh token, which the next one tries: a provider that had not
//! taken it gives new tokens, one that had taken it refuses, and the grant is broken with that as its reason. One that lives and
//! has lost the database holds on to the answer, and is let store it first when the database is back.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyward_core::audit::{Action, AuditResult};
use keyward_core::id::{ConnectionId, UserId};
use keyward_storage::upstream_grants::{self, UpstreamGrant, UpstreamGrantState};
use keyward_storage::{Topic, upstream_clients};

use super::client::OwnClient;
use super::credential::seconds_until;
use super::error::BreakReason;
use super::provider::Provider;
use super::token_endpoint::{self, TokenError};
use super::token_response::TokenResponse;
use super::token_set::TokenSet;
use super::{Connection, Connections, Inner, finish, schedule};
use crate::error::VaultError;
use crate::seal::{Place, SealFailed, Sealed};

/// How long a call whose token has ended waits for somebody else's refresh.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long new tokens are held on to while the database takes nothing.
const STORING: Duration = Duration::from_secs(5 * 60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a process that has lost its lock with its connection, and still holds new tokens, is given to store them once
/// the database is back.
const HEAD_START: Duration = Duration::from_secs(4);

/// Why there are no new tokens.
#[derive(Debug)]
pub(super) enum NotRefreshed {
    /// The person has disconnected.
    Gone,
    /// The person has to connect again.
    Broken(BreakReason),
    /// It did not work this time.
    Later(String),
    /// Our side.
    Vault(VaultError),
}

impl<T: Into<VaultError>> From<T> for NotRefreshed {
    fn from(error: T) -> Self {
        Self::Vault(error.into())
    }
}

impl Connections {
    /// Has version `seen` refreshed and waits for it. Whoever hangs up does not stop it.
    pub(super) async fn refresh_now(
        &self,
        connection: ConnectionId,
        owner: UserId,
        seen: i64,
    ) -> Result<UpstreamGrant, NotRefreshed> {
        let inner = self.0.clone();
        let refresh = async move { inner.refresh(&connection, owner, seen, PATIENCE).await };
        let task = self.0.running.spawn_on(refresh, &self.0.runtime);
        task.await.unwrap_or_else(|_| Err(NotRefreshed::Later("this process is stopping".to_owned())))
    }

    /// Has version `seen` refreshed, unless somebody is at it.
    pub(super) fn refresh_ahead(&self, connection: ConnectionId, owner: UserId, seen: i64) {
        let inner = self.0.clone();
        let refresh = async move {
            // What went wrong is in the row and in the log; the token that there is serves on.
            let _ = inner.refresh(&connection, owner, seen, Duration::ZERO).await;
        };
        self.0.running.spawn_on(refresh, &self.0.runtime);
    }
}

impl Inner {
    async fn refresh(
        &self,
        id: &ConnectionId,
        owner: UserId,
        seen: i64,
        patience: Duration,
    ) -> Result<UpstreamGrant, NotRefreshed> {
        let connection = self.connections.get(id).ok_or(NotRefreshed::Gone)?;
        let key = format!("upstream grant {id} {owner}");
        let lock = match patience {
            Duration::ZERO => self.db.try_lock(&key).await?,
            patience => self.db.lock(&key, patience).await?,
        };
        let _lock = lock.ok_or_else(|| NotRefreshed::Later("it is being refreshed".to_owned()))?;
        let holding = || NotRefreshed::Later("its new tokens are being stored".to_owned());
        let _mine = UnderWay::begin(&self.under_way, &key).ok_or_else(holding)?;
        let mut row = upstream_grants::find(&self.db, id.as_str(), owner).await?.ok_or(NotRefreshed::Gone)?;
        if has_no_end(&row) && self.db.locks_can_be_lost() {
            tokio::time::sleep(HEAD_START).await;
            row = upstream_grants::find(&self.db, id.as_str(), owner).await?.ok_or(NotRefreshed::Gone)?;
        }
        if row.state == UpstreamGrantState::Broken {
            return Err(NotRefreshed::Broken(BreakReason::from_stored(row.reason.as_deref())));
        }
        if row.version != seen {
            return Ok(row);
        }
        let now = self.now();
        if let Some(again) = row.refresh_after.filter(|again| row.failures > 0 && now < *again) {
            let seconds = seconds_until(now, again);
            return Err(NotRefreshed::Later(format!("the last attempt failed; the next is in {seconds} s")));
        }
        let _turn = self.refreshes.acquire().await.map_err(|_| NotRefreshed::Later("stopping".to_owned()))?;
        self.refresh_row(connection, row).await
    }

    async fn refresh_row(&self, connection: &Connection, row: UpstreamGrant) -> Result<UpstreamGrant, NotRefreshed> {
        let old = self.open_set(&row).await?;
        let Some(refresh_token) = old.refresh_token else {
            return Err(self.break_grant(connection, &row, BreakReason::Expired).await?);
        };
        let provider = match connection.provider(&self.clock).await {
            Ok(provider) => provider,
            Err(error) => return Err(self.note_failure(connection, &row, &error, false).await?),
        };
        if provider.issuer != row.issuer {
            return Err(self.break_grant(connection, &row, BreakReason::ProviderChanged).await?);
        }
        let Some(client) = self.client_of_grant(connection, &provider, &row.client_id).await? else {
            return Err(self.break_grant(connection, &row, BreakReason::ClientGone).await?);
        };
        let refresh_text = refresh_token.expose_text().ok_or_else(|| unreadable(&row))?;
        let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_text)];
        if let Some(resource) = &row.resource {
            parameters.push(("resource", resource));
        }
        let asked_at = self.now();
        if !upstream_grants::begin_refresh(&self.db, row.id, row.version, asked_at).await? {
            return Err(NotRefreshed::Later("it has just changed".to_owned()));
        }
        match token_endpoint::request(&connection.http, &provider.token_endpoint, &client, &parameters).await {
            Ok(TokenResponse { access_token, refresh_token: new, life, scope, .. }) => {
                // RFC 6749 §6: without a new one, the old one stays.
                let refresh_token = Some(new.unwrap_or(refresh_token));
                let (expires_at, refresh_after) = self.times(asked_at, life, true)?;
                let renewed = UpstreamGrant {
                    version: row.version + 1,
                    scope: finish::scope(scope.as_deref(), &row.scope),
                    updated_at: asked_at,
                    expires_at,
                    refresh_after,
                    refresh_began_at: None,
                    failures: 0,
                    ..row
                };
                self.keep(connection, &provider, &client, renewed, &TokenSet { access_token, refresh_token }).await
            }
            Err(error) => Err(self.refused(connection, &row, &client, &error).await?),
        }
    }

    async fn refused(
        &self,
        connection: &Connection,
        row: &UpstreamGrant,
        client: &OwnClient,
        error: &TokenError,
    ) -> Result<NotRefreshed, NotRefreshed> {
        if let TokenError::Refused(refused) = error {
            if refused.is_end_of_grant() {
                // An earlier attempt whose end nobody saw is why the provider knows this token as used.
                let lost = row.refresh_began_at.is_some();
                let reason = if lost { BreakReason::Interrupted } else { BreakReason::Refused };
                return self.break_grant(connection, row, reason).await;
            }
            // With a client that the operator configured, a secret may be wrong for an hour: nothing is lost by that.
            if let Some(registration) = client.registration.filter(|_| refused.is_unknown_client()) {
                upstream_clients::delete(&self.db, registration).await?;
                return self.break_grant(connection, row, BreakReason::ClientGone).await;
            }
        }
        let is_over = !error.leaves_open() && row.refresh_began_at.is_none();
        self.note_failure(connection, row, error, is_over).await
    }

    /// Stores new tokens, however long that takes within reason: they are all that is left of the grant.
    async fn keep(
        &self,
        connection: &Connection,
        provider: &Provider,
        client: &OwnClient,
        mut renewed: UpstreamGrant,
        tokens: &TokenSet,
    ) -> Result<UpstreamGrant, NotRefreshed> {
        let mut pause = FIRST_PAUSE;
        let mut waited = Duration::ZERO;
        let stored = loop {
            match self.try_to_keep(&mut renewed, tokens).await {
                Ok(stored) => break stored,
                Err(error) if waited < STORING => {
                    tracing::error!(connection = %connection.id(), %error, "a refreshed grant is not stored yet");
                    tokio::time::sleep(pause).await;
                    waited += pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error.into()),
            }
        };
        if stored {
            let detail = serde_json::json!({ "version": renewed.version, "expires_at": renewed.expires_at });
            self.record(Action::ConnectionRefresh, AuditResult::Ok, connection.id(), &renewed.owner_email, detail);
            return Ok(renewed);
        }
        match upstream_grants::find(&self.db, connection.id().as_str(), renewed.owner).await? {
            // It was stored after all, and the word of that was lost; or the person has connected anew.
            Some(row) => Ok(row),
            None => {
                if let Some(endpoint) = &provider.revocation_endpoint {
                    token_endpoint::revoke(&connection.http, endpoint, client, tokens).await;
                }
                Err(NotRefreshed::Gone)
            }
        }
    }

    async fn try_to_keep(&self, renewed: &mut UpstreamGrant, tokens: &TokenSet) -> Result<bool, VaultError> {
        let place = place(renewed);
        renewed.sealed = self.vault.seal_blob(&place, &tokens.to_bytes()).await?.into_columns();
        // Nobody is told: tokens that other processes have in memory are good until they end.
        let mut tx = self.db.begin("connection.refresh").await?;
        let stored = upstream_grants::replace(&mut tx, renewed, renewed.version - 1).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Notes what went wrong, and when it is tried again.
    async fn note_failure(
        &self,
        connection: &Connection,
        row: &UpstreamGrant,
        error: &(dyn std::error::Error + Send + Sync),
        is_over: bool,
    ) -> Result<NotRefreshed, NotRefreshed> {
        let [chance] = self.random.bytes::<1>().map_err(SealFailed::from)?;
        let again = self.now().plus(schedule::wait(row.failures + 1, chance));
        upstream_grants::fail_refresh(&self.db, row.id, row.version, again, is_over).await?;
        let reason = error.to_string();
        tracing::warn!(connection = %connection.id(), user = %row.owner, reason, "a grant could not be refreshed");
        let detail = serde_json::json!({ "version": row.version, "reason": reason });
        self.record(Action::ConnectionRefresh, AuditResult::Failed, connection.id(), &row.owner_email, detail);
        Ok(NotRefreshed::Later(reason))
    }

    /// Marks a grant as one that only its person can mend.
    async fn break_grant(
        &self,
        connection: &Connection,
        row: &UpstreamGrant,
        reason: BreakReason,
    ) -> Result<NotRefreshed, NotRefreshed> {
        let mut tx = self.db.begin("connection.break").await?;
        let broken = upstream_grants::mark_broken(&mut tx, row.id, row.version, reason.as_str()).await?;
        if !broken {
            return Ok(NotRefreshed::Later("it has just changed".to_owned()));
        }
        tx.notify(Topic::UpstreamGrants).await?;
        tx.commit().await?;
        self.cache.invalidate();
        tracing::warn!(connection = %connection.id(), user = %row.owner, %reason, "a grant is broken");
        let detail = serde_json::json!({ "version": row.version, "reason": reason.as_str() });
        self.record(Action::ConnectionBreak, AuditResult::Ok, connection.id(), &row.owner_email, detail);
        Ok(NotRefreshed::Broken(reason))
    }

    /// Opens the tokens of a row.
    pub(super) async fn open_set(&self, row: &UpstreamGrant) -> Result<TokenSet, VaultError> {
        let place = place(row);
        let sealed = Sealed::from_columns(row.sealed.clone()).ok_or_else(|| unreadable(row))?;
        let bytes = self.vault.open_blob(&place, &sealed).await?;
        TokenSet::from_bytes(bytes.expose_secret()).map_err(|_| unreadable(row))
    }
}

/// A refresh of one grant by this process, until it is dropped. The lock tells processes apart, and is lost with its
/// connection; with the old refresh token, a second refresh would end the grant whose new tokens the first still holds.
struct UnderWay<'a> {
    all: &'a Mutex<BTreeSet<String>>,
    key: &'a str,
}

impl<'a> UnderWay<'a> {
    fn begin(all: &'a Mutex<BTreeSet<String>>, key: &'a str) -> Option<Self> {
        let is_first = all.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
        is_first.then_some(Self { all, key })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(self.key);
    }
}

/// Whether a refresh began of which nobody has noted an end, not even that it failed.
fn has_no_end(row: &UpstreamGrant) -> bool {
    let failed_since = |began| row.failures > 0 && row.refresh_after.is_some_and(|again| began < again);
    row.refresh_began_at.is_some_and(|began| !failed_since(began))
}

fn place(row: &UpstreamGrant) -> Place {
    Place::upstream_grant(row.id, &row.connection, row.owner, row.version)
}

fn unreadable(row: &UpstreamGrant) -> VaultError {
    VaultError::cannot_open(&place(row), &row.sealed.key_id)
}
