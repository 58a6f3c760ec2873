//! Making a development bearer token. Its text is shown once; only the hash is kept.

use std::fmt;
use std::time::Duration;

use keyward_core::audit::{Action, AuditResult};
use keyward_core::clock::Timestamp;
use keyward_core::id::{ServerId, uuid_v7};
use keyward_core::random::RandomFailed;
use keyward_core::scope::ScopeSet;
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::bearer_tokens::{self, BearerToken};
use keyward_storage::{StorageError, Topic};
use uuid::Uuid;

use crate::account::email::EmailAddress;
use crate::audit::About;
use crate::state::Issuer;

/// What a token is to allow.
#[derive(Clone, Debug)]
pub struct BearerRequest {
    /// What to call it.
    pub name: String,
    /// The servers that it is for.
    pub servers: Vec<ServerId>,
    /// What it allows there; nothing means what each server gives by default.
    pub scopes: ScopeSet,
    /// Whose it is, for the audit log and for the server's own rules.
    pub email: Option<EmailAddress>,
    /// How long it is good; for ever when absent.
    pub lifetime: Option<Duration>,
}

/// A token that was just made.
pub struct NewBearer {
    /// Its id.
    pub id: Uuid,
    /// Its text, which cannot be had again.
    pub token: PlainToken,
    /// What it allows.
    pub scopes: ScopeSet,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl fmt::Debug for NewBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewBearer")
    }
}

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// It would be for nothing.
    #[error("a token is for one server at least")]
    NoServer,
    /// There is no such server.
    #[error("there is no server {unknown}; there is: {known}")]
    UnknownServer {
        /// What was asked for.
        unknown: ServerId,
        /// What there is.
        known: String,
    },
    /// None of the servers has such a scope.
    #[error("no server of these has the scopes {unknown}; there is: {known}")]
    UnknownScopes {
        /// What was asked for.
        unknown: ScopeSet,
        /// What there is.
        known: ScopeSet,
    },
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// No token could be drawn.
    #[error(transparent)]
    Random(#[from] RandomFailed),
}

impl Issuer {
    /// Makes a development bearer token, good at once in every process.
    pub async fn issue_bearer(&self, request: BearerRequest) -> Result<NewBearer, BearerError> {
        if request.servers.is_empty() {
            return Err(BearerError::NoServer);
        }
        let (mut resources, mut known, mut defaults) = (Vec::new(), ScopeSet::empty(), ScopeSet::empty());
        for id in &request.servers {
            let Some(server) = self.config.servers.iter().find(|server| server.id == *id) else {
                let ids: Vec<_> = self.config.servers.iter().map(|server| server.id.to_string()).collect();
                return Err(BearerError::UnknownServer { unknown: id.clone(), known: ids.join(", ") });
            };
            resources.push(server.resource.to_string());
            known = known.union(&server.scopes);
            defaults = defaults.union(&server.default_scopes);
        }
        let unknown = request.scopes.difference(&known);
        if !unknown.is_empty() {
            return Err(BearerError::UnknownScopes { unknown, known });
        }
        let now = self.clock.now();
        let token = PlainToken::generate(TokenKind::Bearer, &self.random)?;
        let row = BearerToken {
            id: uuid_v7(now, &self.random)?,
            hash: token.hash(),
            name: request.name,
            user_email: request.email.map(|email| email.as_str().to_owned()),
            scope: if request.scopes.is_empty() { defaults } else { request.scopes },
            resources,
            created_at: now,
            expires_at: request.lifetime.map(|lifetime| now.plus(lifetime)),
            revoked_at: None,
            last_used_at: None,
        };
        let mut tx = self.db.begin("bearer.issue").await?;
        bearer_tokens::insert(&mut tx, &row).await?;
        tx.notify(Topic::Bearers).await?;
        let about = About { email: row.user_email.as_deref(), ..About::default() };
        let detail = [("id", row.id.to_string()), ("name", row.name.clone()), ("scope", row.scope.to_string())];
        let event = self.event(Action::BearerIssue, AuditResult::Ok, about, &detail);
        self.audit.commit_together(tx, &[event]).await?;
        Ok(NewBearer { id: row.id, token, scopes: row.scope, expires_at: row.expires_at })
    }
}
