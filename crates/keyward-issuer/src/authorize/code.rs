//! Issuing an authorization code (RFC 6749 §4.1.2).

use axum::response::Response;
use keyward_core::audit::{Action, AuditResult};
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::codes::{self, AuthorizationCode};
use keyward_storage::{clients, consents, sessions};

use super::error::{AuthorizeError, ReturnedError};
use super::request::AuthorizeRequest;
use crate::audit::About;
use crate::login;
use crate::session::LoggedIn;
use crate::state::Issuer;

/// When the person said yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    /// To this very request.
    Now,
    /// To the same client for the same, earlier.
    Before,
}

pub(super) async fn issue(
    issuer: &Issuer,
    request: &AuthorizeRequest,
    person: &LoggedIn,
    decided: Decided,
) -> Result<Response, AuthorizeError> {
    let now = issuer.clock.now();
    let plain = PlainToken::generate(TokenKind::Code, &issuer.random)?;
    let client_id = &request.client.client_id;
    let code = AuthorizationCode {
        hash: plain.hash(),
        grant_id: None,
        client_id: client_id.clone(),
        user_id: person.user_id,
        session_id: Some(person.session_id),
        redirect_uri: request.redirect_uri.as_str().to_owned(),
        resource: request.resource.as_str().to_owned(),
        scope: request.scopes.clone(),
        code_challenge: request.code_challenge.as_str().to_owned(),
        nonce: request.nonce.clone(),
        auth_time: person.auth_time,
        created_at: now,
        expires_at: now.plus(issuer.config.lifetimes.code),
        used_at: None,
    };
    let mut tx = issuer.db.begin("issue_code").await?;
    // It may have been ended since it was looked at; what ends it ends its codes, too.
    if !sessions::hold(&mut tx, person.session_id).await? {
        drop(tx);
        return request.unless_silent(ReturnedError::LoginRequired, || login::redirect(issuer, &request.here(issuer)));
    }
    codes::insert(&mut tx, &code).await?;
    clients::mark_used(&mut tx, client_id, now).await?;
    if decided == Decided::Now {
        consents::put(&mut tx, person.user_id, client_id, &code.resource, &code.scope, now).await?;
    }
    let about = About { email: Some(&person.email), client_id: Some(client_id), resource: Some(&code.resource) };
    let detail = [("scope", code.scope.to_string())];
    let consent = issuer.event(Action::Consent, AuditResult::Ok, about, &detail);
    issuer.audit.commit(tx, (decided == Decided::Now).then_some(consent)).await?;
    Ok(request.return_address().answer(&[("code", plain.expose_secret())]))
}
