//! A browser leaves for the provider (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_core::audit::{Action, AuditResult};
use keyward_core::id::{ConnectionId, SessionId, UserId, uuid_v7};
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::upstream_authorizations::{self, UpstreamAuthorization};
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::client::OwnClient;
use super::error::ConnectError;
use super::provider::{OFFLINE_ACCESS, Provider};
use super::{Connection, Connections, Inner, LOGIN};
use crate::seal::Place;

/// How long the way there and back may take.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Who goes.
#[derive(Clone, Debug)]
pub struct Traveller {
    /// The person.
    pub user_id: UserId,
    /// Their e-mail address.
    pub email: String,
    /// The session of their browser: the answer must come back in it.
    pub session_id: SessionId,
}

impl Connections {
    /// Where to send the browser of a person who wants to connect.
    pub async fn start(&self, id: &ConnectionId, who: &Traveller) -> Result<Url, ConnectError> {
        let inner = &*self.0;
        let connection = inner.connections.get(id).filter(|_| id.as_str() != LOGIN).ok_or(ConnectError::Unknown)?;
        let started = inner.start(connection, who).await;
        let (result, detail) = match &started {
            Ok((_, scope)) => (AuditResult::Ok, serde_json::json!({ "scope": scope })),
            Err(error) => (AuditResult::Failed, serde_json::json!({ "reason": error.to_string() })),
        };
        inner.record(Action::ConnectionStart, result, id, &who.email, detail);
        started.map(|(url, _)| url)
    }
}

impl Inner {
    async fn start(&self, connection: &Connection, who: &Traveller) -> Result<(Url, String), ConnectError> {
        let now = self.now();
        let provider = connection.provider(&self.clock).await?;
        let client = self.client(connection, &provider).await?;
        let state = PlainToken::generate(TokenKind::State, &self.random)?;
        let verifier = Zeroizing::new(URL_SAFE_NO_PAD.encode(*Zeroizing::new(self.random.bytes::<32>()?)));
        let scope = connection.scope(&provider);
        let id = uuid_v7(now, &self.random)?;
        let authorization = UpstreamAuthorization {
            id,
            connection: connection.id().to_string(),
            user_id: who.user_id,
            session_id: who.session_id,
            issuer: provider.issuer.clone(),
            iss_required: provider.iss_required,
            client_id: client.client_id.clone(),
            resource: provider.resource.clone(),
            scope: scope.clone(),
            sealed: self.vault.seal_blob(&place(id), verifier.as_bytes()).await?.into_columns(),
            created_at: now,
            expires_at: now.plus(LIFETIME),
        };
        let mut tx = self.db.begin("connection.start").await?;
        upstream_authorizations::insert(&mut tx, &state.hash(), &authorization).await?;
        tx.commit().await?;
        let challenge = challenge_of(&verifier);
        Ok((self.authorization_url(connection, &provider, &client, &scope, &state, &challenge), scope))
    }

    pub(super) fn authorization_url(
        &self,
        connection: &Connection,
        provider: &Provider,
        client: &OwnClient,
        scope: &str,
        state: &PlainToken,
        challenge: &str,
    ) -> Url {
        let mut url = provider.authorization_endpoint.clone();
        let mut query = url.query_pairs_mut();
        query.append_pair("response_type", "code");
        query.append_pair("client_id", &client.client_id);
        query.append_pair("redirect_uri", &self.redirect_uri(connection.id()));
        if !scope.is_empty() {
            query.append_pair("scope", scope);
        }
        query.append_pair("state", state.expose_secret());
        query.append_pair("code_challenge", challenge);
        query.append_pair("code_challenge_method", "S256");
        if let Some(resource) = &provider.resource {
            query.append_pair("resource", resource);
        }
        let asks_offline = scope.split(' ').any(|scope| scope == OFFLINE_ACCESS);
        let configured = &connection.config.parameters;
        if asks_offline && provider.offline_by_consent && !configured.iter().any(|(name, _)| name == "prompt") {
            query.append_pair("prompt", "consent");
        }
        query.extend_pairs(configured);
        drop(query);
        url
    }
}

impl Connection {
    /// What it asks for: what the configuration says, or else what the provider does.
    pub(super) fn scope(&self, provider: &Provider) -> String {
        match self.config.scopes.is_empty() {
            true => provider.scopes.join(" "),
            false => self.config.scopes.to_string(),
        }
    }
}

pub(super) fn place(id: Uuid) -> Place {
    Place::column("upstream_authorizations", "code_verifier", &id.to_string())
}

/// The challenge (RFC 7636 §4.2).
pub(super) fn challenge_of(verifier: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}
