//! What is written to the audit log about grants.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::id::ConnectionId;
use serde_json::Value;

use super::Inner;

impl Inner {
    /// Records an act on the grant of a person; `detail` is a flat object without a secret.
    pub(super) fn record(
        &self,
        action: Action,
        result: AuditResult,
        connection: &ConnectionId,
        email: &str,
        detail: Value,
    ) {
        self.audit.record(self.event(action, result, connection, email, detail));
    }

    /// The record of an act, for what is committed with it.
    pub(super) fn event(
        &self,
        action: Action,
        result: AuditResult,
        connection: &ConnectionId,
        email: &str,
        detail: Value,
    ) -> AuditEvent {
        let mut detail = detail;
        if let Value::Object(detail) = &mut detail {
            detail.retain(|_, value| !value.is_null());
            detail.insert("connection".to_owned(), connection.as_str().into());
        }
        AuditEvent {
            user_email: Some(email.to_owned()),
            detail: Some(detail.to_string()),
            ..AuditEvent::new(self.now(), action, result)
        }
    }
}
