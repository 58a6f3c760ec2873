//! The browser is back: the answer is checked, its code exchanged, the grant stored (RFC 6749 §4.1.2, §4.1.3; RFC 9207).

use std::time::Duration;

use keyward_core::audit::{Action, AuditResult};
use keyward_core::clock::Timestamp;
use keyward_core::id::{ConnectionId, UserId, uuid_v7};
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_core::words;
use keyward_storage::upstream_authorizations::{self, UpstreamAuthorization};
use keyward_storage::upstream_grants::{self, UpstreamGrant, UpstreamGrantState};
use keyward_storage::{StorageError, Topic};

use super::client::OwnClient;
use super::error::ConnectError;
use super::provider::Provider;
use super::start::{Traveller, place};
use super::token_endpoint::{self, TokenError};
use super::token_response::TokenResponse;
use super::token_set::TokenSet;
use super::{Connection, Connections, Inner, LOGIN, schedule};
use crate::error::VaultError;
use crate::seal::{Place, Sealed};

/// How often a race for the same row is run again.
const ROUNDS: usize = 5;

/// The parameters of an authorization response, as the browser brought them.
#[derive(Debug, Default)]
pub struct Answer {
    /// `code`.
    pub code: Option<String>,
    /// `state`.
    pub state: Option<String>,
    /// `iss`.
    pub iss: Option<String>,
    /// `error`.
    pub error: Option<String>,
    /// `error_description`.
    pub error_description: Option<String>,
}

impl Connections {
    /// Takes an answer that came to a connection's redirect URI in the session of `who`.
    pub async fn finish(&self, id: &ConnectionId, who: &Traveller, answer: Answer) -> Result<(), ConnectError> {
        let inner = &*self.0;
        let connection = inner.connections.get(id).filter(|_| id.as_str() != LOGIN).ok_or(ConnectError::Unknown)?;
        let finished = inner.finish(connection, who, answer).await;
        // What was stored has its record in its transaction; what was not has one of its own.
        finished.inspect_err(|error| {
            use ConnectError::{Denied, NoQuestion, OtherIssuer, OtherSession};
            let ours = matches!(error, ConnectError::Vault(_));
            let denied = matches!(error, Denied | NoQuestion | OtherIssuer | OtherSession);
            tracing::warn!(connection = %id, %error, ours, "a person could not connect");
            let result = if denied { AuditResult::Denied } else { AuditResult::Failed };
            let detail = serde_json::json!({ "reason": error.to_string() });
            inner.record(Action::ConnectionCreate, result, id, &who.email, detail);
        })
    }
}

impl Inner {
    async fn finish(&self, connection: &Connection, who: &Traveller, answer: Answer) -> Result<(), ConnectError> {
        // The question is taken first: whatever is wrong with an answer, no second one is heard.
        let question = self.question(answer.state.as_deref()).await?;
        if question.connection != connection.id().as_str() {
            return Err(ConnectError::NoQuestion);
        }
        if question.session_id != who.session_id || question.user_id != who.user_id {
            return Err(ConnectError::OtherSession);
        }
        let asked_at = self.now();
        let provider = connection.provider(&self.clock).await?;
        // Between leaving and coming back the configuration may have changed.
        if provider.issuer != question.issuer {
            return Err(ConnectError::OtherIssuer);
        }
        check_issuer(&provider, question.iss_required, answer.iss.as_deref())?;
        let code = code_of(answer)?;
        let client = self.client_of_grant(connection, &provider, &question.client_id).await?;
        let client = client.ok_or(ConnectError::NoQuestion)?;
        let response = self.exchange(connection, &provider, &client, &question, &code).await?;
        self.store(connection, &provider, question.into(), &who.email, response, asked_at).await
    }

    /// What was asked, if the answer can be to it.
    async fn question(&self, state: Option<&str>) -> Result<UpstreamAuthorization, ConnectError> {
        let state = PlainToken::parse(TokenKind::State, state.unwrap_or_default()).ok_or(ConnectError::NoQuestion)?;
        let question = upstream_authorizations::take(&self.db, &state.hash()).await?;
        question.filter(|question| self.now() < question.expires_at).ok_or(ConnectError::NoQuestion)
    }

    async fn exchange(
        &self,
        connection: &Connection,
        provider: &Provider,
        client: &OwnClient,
        question: &UpstreamAuthorization,
        code: &str,
    ) -> Result<TokenResponse, ConnectError> {
        let place = place(question.id);
        let cannot_open = || VaultError::cannot_open(&place, &question.sealed.key_id);
        let sealed = Sealed::from_columns(question.sealed.clone()).ok_or_else(cannot_open)?;
        let verifier = self.vault.open_blob(&place, &sealed).await?;
        let redirect_uri = self.redirect_uri(connection.id());
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", verifier.expose_text().ok_or_else(cannot_open)?),
        ];
        if let Some(resource) = &question.resource {
            parameters.push(("resource", resource));
        }
        let done = token_endpoint::request(&connection.http, &provider.token_endpoint, client, &parameters).await;
        if let (Err(TokenError::Refused(refused)), Some(row)) = (&done, client.registration)
            && refused.is_unknown_client()
        {
            // Forgotten there, so it is forgotten here: the next try registers anew.
            keyward_storage::upstream_clients::delete(&self.db, row).await?;
        }
        Ok(done?)
    }

    /// In the place of the grant that the person had, or as their first.
    pub(super) async fn store(
        &self,
        connection: &Connection,
        provider: &Provider,
        question: Asked,
        email: &str,
        response: TokenResponse,
        asked_at: Timestamp,
    ) -> Result<(), ConnectError> {
        let tokens = TokenSet { access_token: response.access_token, refresh_token: response.refresh_token };
        for _ in 0..ROUNDS {
            let present = upstream_grants::find(&self.db, connection.id().as_str(), question.user_id).await?;
            let (id, version) = match &present {
                Some(present) => (present.id, present.version + 1),
                None => (uuid_v7(asked_at, &self.random)?, 1),
            };
            let at = Place::upstream_grant(id, connection.id().as_str(), question.user_id, version);
            let sealed = self.vault.seal_blob(&at, &tokens.to_bytes()).await?;
            let (expires_at, refresh_after) = self.times(asked_at, response.life, tokens.refresh_token.is_some())?;
            let grant = UpstreamGrant {
                id,
                connection: connection.id().to_string(),
                owner: question.user_id,
                owner_email: String::new(),
                sealed: sealed.into_columns(),
                version,
                state: UpstreamGrantState::Active,
                reason: None,
                scope: scope(response.scope.as_deref(), &question.scope),
                issuer: provider.issuer.clone(),
                client_id: question.client_id.clone(),
                resource: question.resource.clone(),
                created_at: asked_at,
                updated_at: asked_at,
                expires_at,
                refresh_after,
                refresh_began_at: None,
                failures: 0,
            };
            let mut tx = self.db.begin("connection.create").await?;
            let stored = match &present {
                Some(present) => upstream_grants::replace(&mut tx, &grant, present.version).await?,
                None => upstream_grants::insert(&mut tx, &grant).await?,
            };
            if stored {
                tx.notify(Topic::UpstreamGrants).await?;
                let detail =
                    serde_json::json!({ "version": grant.version, "scope": grant.scope, "issuer": grant.issuer });
                let event = self.event(Action::ConnectionCreate, AuditResult::Ok, connection.id(), email, detail);
                self.audit.commit(tx, [event]).await?;
                self.cache.invalidate();
                return Ok(());
            }
            drop(tx);
            let user = keyward_storage::users::by_id(&self.db, question.user_id).await?;
            if user.is_none_or(|user| user.disabled_at.is_some()) {
                let client = self.client_of_grant(connection, provider, &question.client_id).await?;
                if let (Some(client), Some(endpoint)) = (client, &provider.revocation_endpoint) {
                    token_endpoint::revoke(&connection.http, endpoint, &client, &tokens).await;
                }
                return Err(ConnectError::AccountClosed);
            }
        }
        Err(StorageError::Inconsistent { what: "upstream_grants: a row that always changes" }.into())
    }

    /// When tokens that were asked for at `asked_at` end, and when they are refreshed.
    pub(super) fn times(
        &self,
        asked_at: Timestamp,
        life: Option<Duration>,
        refreshable: bool,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), VaultError> {
        let Some(life) = life else { return Ok((None, None)) };
        let [chance] = self.random.bytes::<1>().map_err(crate::seal::SealFailed::from)?;
        let refresh_after = refreshable.then(|| schedule::refresh_after(asked_at, life, chance));
        Ok((Some(asked_at.plus(life)), refresh_after))
    }
}

/// What of a question is kept with its grant.
pub(super) struct Asked {
    pub(super) user_id: UserId,
    pub(super) client_id: String,
    pub(super) resource: Option<String>,
    pub(super) scope: String,
}

impl From<UpstreamAuthorization> for Asked {
    fn from(UpstreamAuthorization { user_id, client_id, resource, scope, .. }: UpstreamAuthorization) -> Self {
        Self { user_id, client_id, resource, scope }
    }
}

/// The code, or what the provider says in its place (RFC 6749 §4.1.2.1).
pub(super) fn code_of(answer: Answer) -> Result<String, ConnectError> {
    match answer.error.as_deref() {
        Some("access_denied") => Err(ConnectError::Denied),
        Some(other) => Err(ConnectError::Refused {
            error: words::code(other),
            description: answer.error_description.and_then(|text| words::tame(&text)),
        }),
        None => answer.code.filter(|code| !code.is_empty()).ok_or(ConnectError::NoCode),
    }
}

/// RFC 9207 §2.4; the provider was compared with the one that was asked before. Where it has no issuer identifier, the
/// redirect URI is its own, and that must do.
pub(super) fn check_issuer(provider: &Provider, iss_required: bool, iss: Option<&str>) -> Result<(), ConnectError> {
    match iss {
        Some(iss) if provider.has_issuer && iss != provider.issuer => Err(ConnectError::OtherIssuer),
        None if iss_required => Err(ConnectError::OtherIssuer),
        _ => Ok(()),
    }
}

/// What was granted: what the provider says, or what was asked for (RFC 6749 §5.1). GitHub puts commas between.
pub(super) fn scope(granted: Option<&str>, asked: &str) -> String {
    let Some(granted) = granted else { return asked.to_owned() };
    let words = granted.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let printable = |word: &&str| word.len() <= 256 && word.bytes().all(|b| matches!(b, b'!'..=b'~'));
    words.filter(printable).take(256).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_what_was_granted() {
        assert_eq!(scope(None, "a b"), "a b");
        assert_eq!(scope(Some("repo,gist"), "x"), "repo gist");
        assert_eq!(scope(Some(" a\n b é "), "x"), "a b");
        assert_eq!(scope(Some(""), "x"), "");
    }
}
