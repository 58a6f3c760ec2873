//! What the endpoints write to the audit log.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use serde_json::{Map, Value};

use crate::state::Issuer;

/// What an act was about, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct About<'a> {
    /// Whose grant, code or consent.
    pub(crate) email: Option<&'a str>,
    /// The client.
    pub(crate) client_id: Option<&'a str>,
    /// The resource, which is named in the record by its id.
    pub(crate) resource: Option<&'a str>,
}

impl Issuer {
    /// Records what changed nothing. `detail` holds no secret.
    pub(crate) fn record(&self, action: Action, result: AuditResult, about: About<'_>, detail: &[(&str, String)]) {
        self.audit.record(self.event(action, result, about, detail));
    }

    /// The record of an act, to be committed with it. `detail` holds no secret.
    pub(crate) fn event(
        &self,
        action: Action,
        result: AuditResult,
        about: About<'_>,
        detail: &[(&str, String)],
    ) -> AuditEvent {
        let server = about.resource.and_then(|resource| self.config.protected_resource(resource));
        let detail: Map<_, _> =
            detail.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
        AuditEvent {
            service_id: server.map(|server| server.id.to_string()),
            user_email: about.email.map(str::to_owned),
            client_id: about.client_id.map(str::to_owned),
            detail: (!detail.is_empty()).then(|| Value::Object(detail).to_string()),
            ..AuditEvent::new(self.clock.now(), action, result)
        }
    }
}

#[cfg(test)]
mod tests;
