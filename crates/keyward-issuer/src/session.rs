//! Who is logged in: the session behind a browser's cookie.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use keyward_core::clock::Timestamp;
use keyward_core::id::{SessionId, UserId};
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::StorageError;
use keyward_storage::Transaction;
use keyward_storage::sessions::{self, Session};
use keyward_storage::users::User;
use keyward_vault::VaultError;

use crate::cookie::Cookie;
use crate::csrf;
use crate::page::failure::PageFailure;
use crate::state::Issuer;

/// How often at most the use of a session is written down.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// How much is kept of what a browser calls itself.
const USER_AGENT_CHARS: usize = 256;

/// How people prove at a provider who they are, among the `auth_methods` of sessions.
pub(crate) const BY_PROVIDER: &str = "provider";

/// A person who is logged in, as one request shows it.
#[derive(Clone)]
pub struct LoggedIn {
    /// The session.
    pub session_id: SessionId,
    /// The person.
    pub user_id: UserId,
    /// Their e-mail address, in lower case.
    pub email: String,
    /// What they are called.
    pub name: Option<String>,
    /// Whether they administer this server.
    pub is_admin: bool,
    /// When they logged in (OpenID Connect Core §2, `auth_time`).
    pub auth_time: Timestamp,
    /// The `csrf` field of forms that are shown to them.
    pub csrf: String,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoggedIn").field("session_id", &self.session_id).field("user_id", &self.user_id).finish()
    }
}

/// Who sent a request; `None` when nobody is logged in, the session has ended, was idle for too long, or the account is
/// closed. Where people log in at a provider, also when the session is from before that, or the login there does not stand
/// any more.
pub async fn current(issuer: &Issuer, headers: &HeaderMap) -> Result<Option<LoggedIn>, StorageError> {
    let Some(token) = Cookie::Session.read(&issuer.config, headers) else { return Ok(None) };
    let now = issuer.clock.now();
    let found = sessions::live(&issuer.db, &token.hash(), now, active_since(issuer, now)).await?;
    let Some((session, user)) = found else { return Ok(None) };
    if issuer.provider.is_some() && (session.auth_methods != BY_PROVIDER || !login_stands(issuer, &user).await?) {
        return Ok(None);
    }
    if now.since(session.last_activity) >= TOUCH_EVERY {
        sessions::touch(&issuer.db, session.id, now).await?;
    }
    Ok(Some(LoggedIn {
        session_id: session.id,
        user_id: user.id,
        email: user.email,
        name: user.name,
        is_admin: user.is_admin,
        auth_time: session.created_at,
        csrf: csrf::of_session(&token),
    }))
}

/// Where that cannot be told, the person logs in again.
async fn login_stands(issuer: &Issuer, user: &User) -> Result<bool, StorageError> {
    match issuer.login_stands(user.id).await {
        Ok(stands) => Ok(stands),
        Err(VaultError::Storage(error)) => Err(error),
        Err(error) => {
            tracing::error!(%error, "whether a login still stands cannot be told");
            Ok(false)
        }
    }
}

/// Sessions that were last used before this moment have ended by idleness.
pub(crate) fn active_since(issuer: &Issuer, now: Timestamp) -> Timestamp {
    now.minus(issuer.config.lifetimes.session_idle)
}

/// Begins a session for a person who has just proved who they are, under a token that did not exist before, and gives
/// the cookie to set. The session that the browser had, if any, ends.
pub(crate) async fn start(
    issuer: &Issuer,
    tx: &mut Transaction,
    headers: &HeaderMap,
    user: &User,
    auth_methods: &str,
) -> Result<HeaderValue, PageFailure> {
    begin(issuer, tx, headers, user, auth_methods).await.map(|(cookie, _)| cookie)
}

/// The same; gives the person, too, as their next request will show them.
pub(crate) async fn begin(
    issuer: &Issuer,
    tx: &mut Transaction,
    headers: &HeaderMap,
    user: &User,
    auth_methods: &str,
) -> Result<(HeaderValue, LoggedIn), PageFailure> {
    let now = issuer.clock.now();
    if let Some(previous) = Cookie::Session.read(&issuer.config, headers) {
        sessions::end_by_token(tx, &previous.hash(), now).await?;
    }
    let token = PlainToken::generate(TokenKind::Session, &issuer.random)?;
    let lifetime = issuer.config.lifetimes.session;
    let session = Session {
        id: SessionId::new(now, &issuer.random)?,
        user_id: user.id,
        user_email: user.email.clone(),
        created_at: now,
        last_activity: now,
        expires_at: now.plus(lifetime),
        auth_methods: auth_methods.to_owned(),
        user_agent: user_agent(headers),
    };
    sessions::insert(tx, &token.hash(), &session).await?;
    let person = LoggedIn {
        session_id: session.id,
        user_id: user.id,
        email: user.email.clone(),
        name: user.name.clone(),
        is_admin: user.is_admin,
        auth_time: now,
        csrf: csrf::of_session(&token),
    };
    Ok((Cookie::Session.set(&issuer.config, &token, Some(lifetime.as_secs())), person))
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(USER_AGENT_CHARS).collect())
}
