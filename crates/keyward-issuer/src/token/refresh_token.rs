//! `grant_type=refresh_token` (RFC 6749 §6) with rotation (OAuth 2.1 §4.3.1).
//!
//! A client may never see the answer to a refresh: the connection breaks, or two of its processes refresh at once. So a
//! token that was just used gets the very successor that it got before, for a short grace. After that its return means
//! that somebody else holds a copy, and the whole family ends.

use std::time::Duration;

use axum::response::Response;
use keyward_core::audit::{Action, AuditResult};
use keyward_core::clock::Timestamp;
use keyward_core::scope::ScopeSet;
use keyward_core::secret::{PlainToken, TokenHash, TokenKind};
use keyward_storage::grants::{self, EndReason, Grant};
use keyward_storage::refresh_tokens::{self, Used};
use keyward_storage::{SealedColumns, StorageError, Topic, Transaction, users};
use keyward_vault::{Place, Sealed};

use super::error::{InvalidGrant, TokenError};
use super::issue::{Issued, answer, refresh_token_end};
use crate::audit::About;
use crate::client::Client;
use crate::config::{IssuerConfig, ProtectedResource};
use crate::parameters::Parameters;
use crate::state::Issuer;
use crate::{resource, scope};

pub(super) async fn exchange(
    issuer: &Issuer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Response, TokenError> {
    let text = parameters.get("refresh_token").ok_or(TokenError::Missing("refresh_token"))?;
    let presented = PlainToken::parse(TokenKind::Refresh, text).ok_or(InvalidGrant::RefreshToken)?.hash();
    let grant = find_grant(issuer, client, &presented).await?;
    let resource = resource::bound(&issuer.config, parameters.resources(), &grant.resource)?;
    let scope = narrow(&issuer.config, resource, &grant, parameters.get("scope"))?;
    let user = users::by_id(&issuer.db, grant.user_id).await?.ok_or(InvalidGrant::RefreshToken)?;

    if !issuer.login_stands(user.id).await? {
        return Err(InvalidGrant::RefreshToken.into());
    }

    let now = issuer.clock.now();
    let (successor, sealed) = new_successor(issuer, &presented).await?;
    let mut tx = issuer.db.begin("refresh").await?;
    // The grant's row stands for the family: holding it, no other refresh and no revocation is under way.
    if !grants::take(&mut tx, grant.id, now).await? {
        return Err(InvalidGrant::RefreshToken.into());
    }
    let outcome = use_up(issuer, &mut tx, &grant, &presented, &successor, sealed, now).await?;
    match outcome {
        Outcome::Ended => return Err(InvalidGrant::RefreshToken.into()),
        Outcome::Replayed => {
            grants::end(&mut tx, grant.id, EndReason::RefreshTokenReplayed, now).await?;
            tx.notify(Topic::Revocations).await?;
        }
        Outcome::Rotated | Outcome::Repeated(_) => {}
    }
    let refresh_token = match outcome {
        Outcome::Rotated => Some(successor),
        Outcome::Repeated(sealed) => Some(open_successor(issuer, &presented, sealed).await?),
        Outcome::Replayed | Outcome::Ended => None,
    };

    let about = About { email: Some(&user.email), client_id: Some(&grant.client_id), resource: Some(&grant.resource) };
    let mut detail = vec![("grant_id", grant.id.to_string())];
    let Some(refresh_token) = refresh_token else {
        detail.push(("what", "refresh_token".to_owned()));
        issuer.audit.commit(tx, [issuer.event(Action::Replay, AuditResult::Denied, about, &detail)]).await?;
        issuer.after_grants_ended().await;
        return Err(InvalidGrant::RefreshToken.into());
    };
    issuer.audit.commit(tx, [issuer.event(Action::GrantRefresh, AuditResult::Ok, about, &detail)]).await?;
    let issued =
        Issued { grant: &grant, scope: &scope, email: &user.email, refresh_token: &refresh_token, id_token: None };
    answer(issuer, &issued, now)
}

/// The grant of a refresh token, when the token is known and its client's.
async fn find_grant(issuer: &Issuer, client: &Client, presented: &TokenHash) -> Result<Grant, TokenError> {
    let token = refresh_tokens::find(&issuer.db, presented).await?.ok_or(InvalidGrant::RefreshToken)?;
    let grant = grants::find(&issuer.db, token.grant_id).await?.ok_or(InvalidGrant::RefreshToken)?;
    if grant.client_id != client.client_id {
        return Err(InvalidGrant::RefreshToken.into());
    }
    Ok(grant)
}

/// RFC 6749 §6: a refresh may ask for less than was granted, not for more; what is more is left out.
fn narrow(
    config: &IssuerConfig,
    resource: &ProtectedResource,
    grant: &Grant,
    asked: Option<&str>,
) -> Result<ScopeSet, TokenError> {
    let granted = scope::still(resource, &grant.scope);
    let Some(asked) = asked else { return Ok(granted) };
    let beyond = || TokenError::ScopeBeyondGrant(grant.scope.to_string());
    let asked: ScopeSet = asked.parse().map_err(|_| beyond())?;
    if asked.intersection(&grant.scope).is_empty() && !asked.is_empty() && !grant.scope.is_empty() {
        return Err(beyond());
    }
    Ok(scope::written_out(config, resource, &asked.intersection(&granted)).intersection(&granted))
}

enum Outcome {
    Rotated,
    Repeated(SealedColumns),
    Replayed,
    Ended,
}

async fn use_up(
    issuer: &Issuer,
    tx: &mut Transaction,
    grant: &Grant,
    presented: &TokenHash,
    successor: &PlainToken,
    sealed: SealedColumns,
    now: Timestamp,
) -> Result<Outcome, TokenError> {
    let used = Used { at: now, successor_hash: successor.hash(), successor: sealed };
    if refresh_tokens::use_up(tx, presented, &used).await? {
        let end = refresh_token_end(issuer, grant, now);
        refresh_tokens::insert(tx, &successor.hash(), grant.id, now, end).await?;
        return Ok(Outcome::Rotated);
    }
    let stored = refresh_tokens::find_within(tx, presented).await?;
    Ok(match stored.and_then(|stored| stored.used) {
        Some(used) if is_within(issuer.config.lifetimes.refresh_grace, used.at, now) => {
            Outcome::Repeated(used.successor)
        }
        Some(_) => Outcome::Replayed,
        None => Outcome::Ended,
    })
}

/// On either side of the moment, since the clock may have been set back meanwhile: by a little, which happens, or by so
/// much that the grace would last until it has caught up.
fn is_within(grace: Duration, moment: Timestamp, now: Timestamp) -> bool {
    now.since(moment) <= grace && moment.since(now) <= grace
}

async fn new_successor(issuer: &Issuer, of: &TokenHash) -> Result<(PlainToken, SealedColumns), TokenError> {
    let successor = PlainToken::generate(TokenKind::Refresh, &issuer.random)?;
    let sealed = issuer.vault.seal_blob(&place(of), successor.expose_secret().as_bytes()).await?;
    Ok((successor, sealed.into_columns()))
}

async fn open_successor(issuer: &Issuer, of: &TokenHash, sealed: SealedColumns) -> Result<PlainToken, TokenError> {
    let inconsistent = || StorageError::Inconsistent { what: "refresh_tokens.successor_sealed" };
    let sealed = Sealed::from_columns(sealed).ok_or_else(inconsistent)?;
    let opened = issuer.vault.open_blob(&place(of), &sealed).await?;
    let text = opened.expose_text().ok_or_else(inconsistent)?;
    Ok(PlainToken::parse(TokenKind::Refresh, text).ok_or_else(inconsistent)?)
}

fn place(of: &TokenHash) -> Place {
    use base64::Engine;
    let row = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(of.as_bytes());
    Place::column("refresh_tokens", "successor", &row)
}
