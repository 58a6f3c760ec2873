//! `grant_type=authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.5).

use axum::response::Response;
use keyward_core::audit::{Action, AuditResult};
use keyward_core::id::GrantId;
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::codes::{self, AuthorizationCode};
use keyward_storage::grants::{self, EndReason, Grant};
use keyward_storage::{Topic, refresh_tokens, users};

use super::error::{InvalidGrant, TokenError};
use super::issue::{Issued, answer, refresh_token_end};
use crate::audit::About;
use crate::client::Client;
use crate::id_token::{self, LoginOfCode};
use crate::parameters::Parameters;
use crate::pkce::CodeChallenge;
use crate::resource;
use crate::state::Issuer;

/// A code that this client may exchange by this request: everything that it is bound to was there.
struct BoundCode(AuthorizationCode);

pub(super) async fn exchange(
    issuer: &Issuer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Response, TokenError> {
    let BoundCode(code) = find(issuer, client, parameters).await?;
    let now = issuer.clock.now();
    let grant = Grant {
        id: GrantId::new(now, &issuer.random)?,
        user_id: code.user_id,
        client_id: code.client_id.clone(),
        resource: code.resource.clone(),
        scope: code.scope.clone(),
        created_at: now,
        last_used_at: now,
        ended_at: None,
        end_reason: None,
    };
    let user = users::by_id(&issuer.db, code.user_id).await?.ok_or(InvalidGrant::Code)?;
    let refresh_token = PlainToken::generate(TokenKind::Refresh, &issuer.random)?;

    let mut tx = issuer.db.begin("exchange_code").await?;
    grants::insert(&mut tx, &grant).await?;
    if !codes::use_up(&mut tx, &code.hash, grant.id, now).await? {
        drop(tx);
        return Err(refused(issuer, &code, &user.email).await?.into());
    }
    if !grants::take(&mut tx, grant.id, now).await? {
        return Err(InvalidGrant::Code.into());
    }
    let end = refresh_token_end(issuer, &grant, now);
    refresh_tokens::insert(&mut tx, &refresh_token.hash(), grant.id, now, end).await?;
    let detail = [("grant_id", grant.id.to_string()), ("scope", grant.scope.to_string())];
    let about = about(&user.email, &grant.client_id, &grant.resource);
    issuer.audit.commit(tx, [issuer.event(Action::GrantCreate, AuditResult::Ok, about, &detail)]).await?;

    let login = LoginOfCode { auth_time: code.auth_time, nonce: code.nonce.as_deref() };
    let id_token = id_token::mint(issuer, &grant, &user.email, &login, now)?;
    let (scope, id_token) = (&grant.scope, id_token.as_deref());
    answer(issuer, &Issued { grant: &grant, scope, email: &user.email, refresh_token: &refresh_token, id_token }, now)
}

async fn find(issuer: &Issuer, client: &Client, parameters: &Parameters) -> Result<BoundCode, TokenError> {
    let text = parameters.get("code").ok_or(TokenError::Missing("code"))?;
    let verifier = parameters.get("code_verifier").ok_or(TokenError::Missing("code_verifier"))?;
    let plain = PlainToken::parse(TokenKind::Code, text).ok_or(InvalidGrant::Code)?;
    let code = codes::find(&issuer.db, &plain.hash()).await?.ok_or(InvalidGrant::Code)?;
    if code.client_id != client.client_id {
        return Err(InvalidGrant::Code.into());
    }
    // OAuth 2.1 §4.1.3 no longer asks for the parameter; a client that sends it must send the right one.
    if parameters.get("redirect_uri").is_some_and(|asked| asked != code.redirect_uri) {
        return Err(InvalidGrant::RedirectUri.into());
    }
    if !CodeChallenge::parse(&code.code_challenge).is_some_and(|challenge| challenge.fits(verifier)) {
        return Err(InvalidGrant::Verifier.into());
    }
    resource::bound(&issuer.config, parameters.resources(), &code.resource)?;
    Ok(BoundCode(code))
}

/// A code that could not be used up is too old, or was used before: then what it gave is taken back (RFC 6749 §4.1.2),
/// for one of the two who hold it stole it.
async fn refused(issuer: &Issuer, code: &AuthorizationCode, email: &str) -> Result<InvalidGrant, TokenError> {
    let code = codes::find(&issuer.db, &code.hash).await?;
    let Some((code, grant_id)) = code.and_then(|code| code.grant_id.map(|grant_id| (code, grant_id))) else {
        return Ok(InvalidGrant::Code);
    };
    let mut tx = issuer.db.begin("replayed_code").await?;
    let ended = grants::end(&mut tx, grant_id, EndReason::CodeReplayed, issuer.clock.now()).await?;
    if ended {
        tx.notify(Topic::Revocations).await?;
    }
    let detail = [("grant_id", grant_id.to_string()), ("what", "authorization_code".to_owned())];
    let about = about(email, &code.client_id, &code.resource);
    issuer.audit.commit(tx, [issuer.event(Action::Replay, AuditResult::Denied, about, &detail)]).await?;
    if ended {
        issuer.after_grants_ended().await;
    }
    Ok(InvalidGrant::Code)
}

fn about<'a>(email: &'a str, client_id: &'a str, resource: &'a str) -> About<'a> {
    About { email: Some(email), client_id: Some(client_id), resource: Some(resource) }
}
