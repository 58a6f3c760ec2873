//! Keeping a login alive: renewed ahead of time, made anew where renewing does not help, also while nobody calls.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::Inner;
use super::auth::Granted;
use super::error::OpenBaoError;
use super::session::Session;
use super::wire::Ask;

/// How often to look whether there is a login, and how soon to try again after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs until the client is dropped.
pub(super) async fn logged_in(client: Weak<Inner>) {
    loop {
        let Some(due) = client.upgrade().map(|client| client.session.load().as_ref().and_then(|s| s.due())) else {
            return;
        };
        let now = Instant::now();
        let pause = due.map_or(PAUSE, |due| due.saturating_duration_since(now).min(PAUSE));
        tokio::time::sleep(pause).await;
        let Some(client) = client.upgrade() else {
            return;
        };
        if due.is_some_and(|due| due <= Instant::now())
            && let Err(error) = client.prolong().await
        {
            tracing::warn!(%error, "the login to OpenBao was not renewed");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Inner {
    /// Renews the session when it is due; logs in anew where that makes it last longer.
    async fn prolong(&self) -> Result<(), OpenBaoError> {
        let _one_at_a_time = self.changing.lock().await;
        let Some(session) = self.session.load_full() else {
            return Ok(());
        };
        if session.due().is_none_or(|due| due > Instant::now()) {
            return Ok(());
        }
        if session.can_be_renewed() {
            match self.renew(&session).await {
                Ok(renewed) => {
                    let lasts = renewed.can_be_renewed() || !self.auth.gives_new_tokens();
                    self.session.store(Some(Arc::new(renewed)));
                    if lasts {
                        return Ok(());
                    }
                }
                // Not good any more, whatever its lease said.
                Err(OpenBaoError::Denied { .. } | OpenBaoError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.log_in().await.map(drop)
    }

    async fn renew(&self, session: &Session) -> Result<Session, OpenBaoError> {
        let ask = Ask::write("auth/token/renew-self", &serde_json::json!({}));
        let granted: Option<Granted> = self.connection.send(&ask, Some(session)).await?.found(&ask)?;
        let granted = granted.ok_or_else(|| ask.unreadable())?;
        Ok(session.renewed_as(granted.auth.session()?))
    }
}
