//! Logging in: a browser of nobody in particular leaves for the provider, and comes back as somebody. The provider is a
//! connection like others, with an id of its own; what it gives is kept as the person's grant there, once it is known who
//! they are. What a browser's way is bound to is the caller's to keep: here nobody is logged in yet.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, StatusCode};
use keyward_core::clock::Timestamp;
use keyward_core::id::{ConnectionId, UserId};
use keyward_core::secret::{PlainToken, Secret};
use keyward_outbound::{Client, OutboundError};
use keyward_storage::Transaction;
use keyward_storage::upstream_grants::{self, UpstreamGrant, UpstreamGrantState};
use url::Url;
use zeroize::Zeroizing;

use super::config::ProviderConfig;
use super::error::{BreakReason, ConnectError};
use super::finish::{Asked, check_issuer, code_of};
use super::refresh::NotRefreshed;
use super::start::challenge_of;
use super::token_response::TokenResponse;
use super::{Answer, Connection, Connections, Inner, token_endpoint};
use crate::error::VaultError;

/// The id of the connection that people log in by; no other has it.
pub const LOGIN: &str = "login";

/// How long the holder of a session waits for the word of the provider whether the login still stands.
const PATIENCE: Duration = Duration::from_secs(5);
/// After so long without the provider's word it is asked whether a login still stands, and after as much again without an
/// answer the person has to log in once more.
const WORD_IS_GOOD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What goes along with a browser that leaves.
#[derive(Debug)]
pub struct Departure<'a> {
    /// Names this way and no other.
    pub state: &'a PlainToken,
    /// Comes back in the ID token (OpenID Connect Core §3.1.2.1); a provider without OpenID gets none.
    pub nonce: Option<&'a str>,
    /// What the code is exchanged with (RFC 7636 §4.1).
    pub code_verifier: &'a str,
    /// Whether the person has to prove again who they are.
    pub again: bool,
    /// The `resource` parameter, for a provider that wants one (RFC 8707).
    pub resource: Option<&'a str>,
}

/// What was asked, of whom: to be kept until the answer comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginQuestion {
    /// The provider.
    pub issuer: String,
    /// Whether its answer must name it (RFC 9207 §2.4).
    pub iss_required: bool,
    /// As which client.
    pub client_id: String,
    /// For which resource.
    pub resource: Option<String>,
    /// For what.
    pub scope: String,
}

/// What the provider gave for the code. The tokens stay in here.
pub struct LoginTokens {
    response: TokenResponse,
    question: LoginQuestion,
    asked_at: Timestamp,
    http: Client,
}

/// Something about the person cannot be had from the provider.
#[derive(Debug, thiserror::Error)]
pub enum AboutError {
    /// It did not answer.
    #[error("{url} did not answer: {cause}")]
    Unanswered {
        /// Where.
        url: String,
        /// Why.
        cause: OutboundError,
    },
    /// It refused.
    #[error("{url} answered with status {status}")]
    Status {
        /// Where.
        url: String,
        /// The status.
        status: u16,
    },
    /// The token cannot stand in a header.
    #[error("the access token cannot be sent in a header")]
    NotForHeaders,
}

/// Whether the login of a person still stands, as far as the provider can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does, as far as the provider has said of late.
    Stands,
    /// Nobody can say: the person has to log in again. Nothing of theirs ends.
    Lapsed,
    /// The provider has taken it back.
    Ended,
}

impl Connections {
    /// Where to send a browser that is to come back as somebody, and what its answer will be checked with.
    pub async fn start_login(&self, departure: &Departure<'_>) -> Result<(Url, LoginQuestion), ConnectError> {
        let inner = &*self.0;
        let connection = self.login()?;
        let provider = connection.provider(&inner.clock).await?;
        let client = inner.client(connection, &provider).await?;
        let scope = connection.scope(&provider);
        let challenge = challenge_of(departure.code_verifier);
        let mut url = inner.authorization_url(connection, &provider, &client, &scope, departure.state, &challenge);
        if let Some(nonce) = departure.nonce {
            url.query_pairs_mut().append_pair("nonce", nonce);
        }
        if let Some(resource) = departure.resource {
            url.query_pairs_mut().append_pair("resource", resource);
        }
        if departure.again {
            ask_for_login(&mut url);
        }
        let question = LoginQuestion {
            issuer: provider.issuer.clone(),
            iss_required: provider.iss_required,
            client_id: client.client_id,
            resource: departure.resource.map(str::to_owned),
            scope,
        };
        Ok((url, question))
    }

    /// Takes the answer to `question`: compares who gives it, and exchanges its code.
    pub async fn finish_login(
        &self,
        question: LoginQuestion,
        answer: Answer,
        code_verifier: &str,
    ) -> Result<LoginTokens, ConnectError> {
        let inner = &*self.0;
        let connection = self.login()?;
        let asked_at = inner.now();
        let provider = connection.provider(&inner.clock).await?;
        // Between leaving and coming back the configuration may have changed.
        if provider.issuer != question.issuer {
            return Err(ConnectError::OtherIssuer);
        }
        check_issuer(&provider, question.iss_required, answer.iss.as_deref())?;
        let code = Zeroizing::new(code_of(answer)?);
        let client = inner.client_of_grant(connection, &provider, &question.client_id).await?;
        let client = client.ok_or(ConnectError::NoQuestion)?;
        let redirect_uri = inner.redirect_uri(connection.id());
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", code_verifier),
        ];
        if let Some(resource) = &question.resource {
            parameters.push(("resource", resource));
        }
        let http = connection.http.clone();
        let response = token_endpoint::request(&http, &provider.token_endpoint, &client, &parameters).await?;
        Ok(LoginTokens { response, question, asked_at, http })
    }

    /// Keeps what the provider gave as the grant of the person that it turned out to be. `same_subject` says that whatever
    /// they had from this provider before was given to the same identity there.
    pub async fn keep_login(
        &self,
        person: UserId,
        email: &str,
        tokens: LoginTokens,
        same_subject: bool,
    ) -> Result<(), ConnectError> {
        let inner = &*self.0;
        let connection = self.login()?;
        let provider = connection.provider(&inner.clock).await?;
        let LoginTokens { mut response, question: LoginQuestion { client_id, resource, scope, .. }, asked_at, .. } =
            tokens;
        if response.refresh_token.is_none() && same_subject {
            // Google gives it at the first login only; what it gave then is still good.
            response.refresh_token = inner.earlier_refresh_token(&provider.issuer, &client_id, person).await?;
        }
        connection.lasting.note(connection, &scope, response.refresh_token.is_some());
        let asked = Asked { user_id: person, client_id, resource, scope };
        inner.store(connection, &provider, asked, email, response, asked_at).await
    }

    /// Whether a person's login still stands. A grant whose access token is about to end is refreshed for that, and any
    /// other once a day: a provider where the person's account was closed refuses. One that cannot be reached says nothing
    /// for a while. Without a grant that can be asked about, the person has to log in again.
    pub async fn login_standing(&self, person: UserId) -> Result<Standing, VaultError> {
        let inner = &*self.0;
        let Ok(connection) = self.login() else { return Ok(Standing::Lapsed) };
        let Some(row) = upstream_grants::find(&inner.db, LOGIN, person).await? else { return Ok(Standing::Lapsed) };
        if row.state == UpstreamGrantState::Broken {
            return Ok(standing(BreakReason::from_stored(row.reason.as_deref())));
        }
        if !is_of(&row, &connection.config.provider) {
            return Ok(Standing::Lapsed);
        }
        let now = inner.now();
        let old = row.updated_at.plus(WORD_IS_GOOD_FOR);
        if now < row.refresh_after.map_or(old, |due| due.min(old)) {
            return Ok(Standing::Stands);
        }
        // The refresh goes on by itself when this stops waiting for it.
        let refresh = self.refresh_now(connection.id().clone(), person, row.version);
        match tokio::time::timeout(PATIENCE, refresh).await {
            Ok(Ok(_)) => Ok(Standing::Stands),
            Ok(Err(NotRefreshed::Broken(reason))) => Ok(standing(reason)),
            Ok(Err(NotRefreshed::Gone)) => Ok(Standing::Lapsed),
            Ok(Err(NotRefreshed::Vault(error))) => Err(error),
            Ok(Err(NotRefreshed::Later(_))) | Err(_) if now < old.plus(WORD_IS_GOOD_FOR) => Ok(Standing::Stands),
            Ok(Err(NotRefreshed::Later(_))) | Err(_) => Ok(Standing::Lapsed),
        }
    }

    /// The people whose login the provider has taken back, and who have something here that has not ended.
    pub async fn ended_logins(&self) -> Result<Vec<UserId>, VaultError> {
        Ok(upstream_grants::broken(&self.0.db, LOGIN, BreakReason::Refused.as_str()).await?)
    }

    /// Whether the provider has taken back a person's login, and nothing changes that before the transaction is done.
    pub async fn hold_ended_login(&self, tx: &mut Transaction, person: UserId) -> Result<bool, VaultError> {
        Ok(upstream_grants::hold_broken(tx, LOGIN, person, BreakReason::Refused.as_str()).await?)
    }

    /// Where claims about a person are (OpenID Connect Core §5.3).
    pub async fn userinfo_endpoint(&self) -> Result<Option<Url>, ConnectError> {
        Ok(self.login()?.provider(&self.0.clock).await?.userinfo_endpoint.clone())
    }

    /// Where a person logs out there (OpenID Connect RP-Initiated Logout §2).
    pub async fn end_session_endpoint(&self) -> Result<Option<Url>, ConnectError> {
        Ok(self.login()?.provider(&self.0.clock).await?.end_session_endpoint.clone())
    }

    fn login(&self) -> Result<&Connection, ConnectError> {
        let id: ConnectionId = LOGIN.parse()?;
        self.0.connections.get(&id).ok_or(ConnectError::Unknown)
    }
}

impl Inner {
    async fn earlier_refresh_token(
        &self,
        issuer: &str,
        client_id: &str,
        person: UserId,
    ) -> Result<Option<Secret>, VaultError> {
        let row = upstream_grants::find(&self.db, LOGIN, person).await?;
        let same = |row: &UpstreamGrant| {
            row.state == UpstreamGrantState::Active && row.issuer == issuer && row.client_id == client_id
        };
        match row.filter(same) {
            Some(row) => Ok(self.open_set(&row).await?.refresh_token),
            None => Ok(None),
        }
    }
}

impl LoginTokens {
    /// The provider, as the question has it.
    pub fn issuer(&self) -> &str {
        &self.question.issuer
    }

    /// The ID token, where the provider gave one.
    pub fn id_token(&self) -> Option<&Secret> {
        self.response.id_token.as_ref()
    }

    /// The access token, to compare its hash.
    pub fn access_token(&self) -> &Secret {
        &self.response.access_token
    }

    /// What the provider says of the person at `url`, asked with their access token.
    pub async fn about(&self, url: &Url) -> Result<Bytes, AboutError> {
        let token = self.response.access_token.expose_text().ok_or(AboutError::NotForHeaders)?;
        let bearer = Zeroizing::new(format!("Bearer {token}"));
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| AboutError::NotForHeaders)?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (AUTHORIZATION, bearer),
            // GitHub answers nobody who does not say who they are.
            (USER_AGENT, HeaderValue::from_static("Keyward")),
        ]);
        let sent = self.http.send(Method::GET, url, headers, Bytes::new()).await;
        let response = sent.map_err(|cause| AboutError::Unanswered { url: url.to_string(), cause })?;
        match response.status {
            StatusCode::OK => Ok(response.body),
            status => Err(AboutError::Status { url: url.to_string(), status: status.as_u16() }),
        }
    }
}

impl std::fmt::Debug for LoginTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginTokens").field("question", &self.question).finish_non_exhaustive()
    }
}

/// Only the provider's own word ends a login: an answer that was lost, or a client that was registered anew, says nothing
/// of the person. But nobody can be asked about them any more, either.
fn standing(reason: BreakReason) -> Standing {
    if reason == BreakReason::Refused { Standing::Ended } else { Standing::Lapsed }
}

/// Whether a grant is of the provider that people log in at now, as far as the configuration says without asking.
fn is_of(row: &UpstreamGrant, provider: &ProviderConfig) -> bool {
    match provider {
        ProviderConfig::Issuer(issuer)
        | ProviderConfig::OpenId { issuer, .. }
        | ProviderConfig::Endpoints { issuer: Some(issuer), .. } => row.issuer == *issuer,
        ProviderConfig::Endpoints { issuer: None, token_endpoint, .. } => row.issuer == token_endpoint.as_str(),
        ProviderConfig::Resource { .. } => true,
    }
}

/// `prompt=login`, beside what the parameter has, and `max_age=0`, for which the ID token must say when the person logged in
/// (OpenID Connect Core §2).
fn ask_for_login(url: &mut Url) {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut prompt = "login".to_owned();
    let mut query = url.query_pairs_mut();
    query.clear();
    for (name, value) in &pairs {
        match name.as_str() {
            "max_age" => {}
            "prompt" => prompt = format!("{value} login"),
            _ => drop(query.append_pair(name, value)),
        }
    }
    query.append_pair("prompt", &prompt);
    query.append_pair("max_age", "0");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_login_is_asked_for_beside_what_else_is() {
        let asked = |query: &str| {
            let mut url = Url::parse(&format!("https://as.example/authorize?{query}")).expect("a URL");
            ask_for_login(&mut url);
            url.query().unwrap_or_default().to_owned()
        };
        assert_eq!(asked("a=1"), "a=1&prompt=login&max_age=0");
        assert_eq!(asked("prompt=consent&max_age=60&a=1"), "a=1&prompt=consent+login&max_age=0");
    }
}
