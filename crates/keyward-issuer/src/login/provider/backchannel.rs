//! `POST /login/backchannel_logout`: the provider says that somebody has logged out there (OpenID Connect Back-Channel
//! Logout §2.5). Their logins here end, and so do the connections of their clients.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use keyward_core::audit::Action;
use keyward_core::id::UserId;
use keyward_core::secret::TokenHash;
use keyward_resource::{LogoutToken, RelyingParty, StatementError};
use keyward_storage::grants::EndReason;
use keyward_storage::{StorageError, identities, logout_tokens, session_identities, users};

use super::Identity;
use super::ended::end_all;
use crate::body::Form;
use crate::oauth_error::OauthError;
use crate::parameters::Parameters;
use crate::state::Issuer;

#[derive(Debug, thiserror::Error)]
pub(crate) enum LogoutError {
    #[error("no provider tells of logouts here")]
    NoProvider,
    #[error("logout_token is missing")]
    Missing,
    #[error("the logout token is not taken: {0}")]
    Token(#[from] StatementError),
    #[error("the logout token was used before")]
    Used,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl LogoutError {
    /// Anybody can send what is no logout token.
    fn tell(&self, issuer: &Issuer) {
        if !matches!(self, Self::Missing | Self::Token(_) | Self::Used) {
            return;
        }
        let error = self.to_string();
        if let Some(left_out) = issuer.log_limit.admit(&error, issuer.clock.now()) {
            tracing::warn!(error, left_out, "a logout at the provider is not carried out");
        }
    }
}

impl IntoResponse for LogoutError {
    fn into_response(self) -> Response {
        let error = match &self {
            Self::NoProvider => OauthError::new("not_found", self.to_string()).status(StatusCode::NOT_FOUND),
            Self::Storage(cause) => OauthError::storage(cause),
            Self::Token(StatementError::Token(keyward_resource::TokenError::KeysUnavailable)) => {
                OauthError::new("temporarily_unavailable", self.to_string()).status(StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::Missing | Self::Token(_) | Self::Used => OauthError::new("invalid_request", self.to_string()),
        };
        error.into_response()
    }
}

pub(crate) async fn log_out(State(issuer): State<Issuer>, Form(parameters): Form) -> Result<Response, LogoutError> {
    let done = carry_out(&issuer, &parameters).await;
    done.inspect_err(|error| error.tell(&issuer))?;
    Ok((StatusCode::OK, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response())
}

async fn carry_out(issuer: &Issuer, parameters: &Parameters) -> Result<(), LogoutError> {
    let Some(Identity::OpenId(party)) = issuer.provider.as_ref().map(|provider| &provider.identity) else {
        return Err(LogoutError::NoProvider);
    };
    let token = parameters.get("logout_token").filter(|_| !parameters.has_duplicate("logout_token"));
    let token = party.logout_token(token.ok_or(LogoutError::Missing)?, issuer.clock.now()).await?;
    end(issuer, party, &token).await
}

async fn end(issuer: &Issuer, party: &RelyingParty, token: &LogoutToken) -> Result<(), LogoutError> {
    let people = people(issuer, party, token).await?;
    let mut emails = Vec::with_capacity(people.len());
    for user in &people {
        emails.push(users::by_id(&issuer.db, *user).await?.map(|user| user.email));
    }
    let mut tx = issuer.db.begin("login.backchannel_logout").await?;
    let id = TokenHash::of(format!("{}\0{}", party.issuer, token.token_id).as_bytes());
    if !logout_tokens::use_up(&mut tx, &id, token.usable_until).await? {
        return Err(LogoutError::Used);
    }
    let mut events = Vec::with_capacity(people.len());
    for (user, email) in people.into_iter().zip(emails) {
        let ended = end_all(&mut tx, issuer, user, EndReason::ProviderLogout).await?;
        events.push(ended.event(issuer, Action::Logout, email, EndReason::ProviderLogout));
    }
    issuer.audit.commit(tx, events).await?;
    issuer.after_grants_ended().await;
    Ok(())
}

/// Whom it is about here. A session there stands for its person: the clients' connections are not bound to one browser.
async fn people(issuer: &Issuer, party: &RelyingParty, token: &LogoutToken) -> Result<Vec<UserId>, StorageError> {
    if let Some(subject) = &token.subject {
        let user = identities::user_of(&issuer.db, &party.issuer, subject).await?;
        return Ok(user.into_iter().map(|user| user.id).collect());
    }
    match &token.session_id {
        Some(sid) => session_identities::users_of_sid(&issuer.db, &party.issuer, sid).await,
        None => Ok(Vec::new()),
    }
}
