//! A person's sessions, and ending one from another browser.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::id::{SessionId, UserId};
use keyward_storage::sessions::{self, Session};
use keyward_storage::{StorageError, codes};

use crate::session::{LoggedIn, active_since};
use crate::state::Issuer;

impl Issuer {
    /// The live sessions of a person, the last used first.
    pub async fn list_sessions(&self, user: UserId) -> Result<Vec<Session>, StorageError> {
        let now = self.clock.now();
        sessions::of_user(&self.db, user, now, active_since(self, now)).await
    }

    /// Ends a session of the person who asks; `false` when it has ended already or is not theirs.
    pub async fn end_session(&self, person: &LoggedIn, id: SessionId) -> Result<bool, StorageError> {
        let now = self.clock.now();
        let mut tx = self.db.begin("session.end").await?;
        let ended = sessions::end(&mut tx, id, person.user_id, now).await?;
        if ended {
            codes::end_of_session(&mut tx, id, now).await?;
        }
        let event = AuditEvent {
            user_email: Some(person.email.clone()),
            detail: Some(serde_json::json!({ "session": id }).to_string()),
            ..AuditEvent::new(now, Action::SessionEnd, if ended { AuditResult::Ok } else { AuditResult::Denied })
        };
        self.audit.commit(tx, [event]).await?;
        Ok(ended)
    }
}
