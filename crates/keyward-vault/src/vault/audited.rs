//! No act without its record.

use keyward_core::audit::{Action, AuditEvent, AuditResult};

use serde_json::Value;

use super::Vault;
use crate::error::VaultError;
use crate::name::TokenName;
use crate::seal::Place;

impl Vault {
    /// Records how an act on a token ended, then gives its result. What is opened for a call is recorded as the
    /// configuration asks; what an operator does is always on disk first. When that fails, no value is given.
    pub(super) async fn audited<T>(
        &self,
        action: Action,
        name: &TokenName,
        done: Result<T, VaultError>,
        version: impl FnOnce(&T) -> Option<i64>,
    ) -> Result<T, VaultError> {
        let result = match &done {
            Ok(_) => AuditResult::Ok,
            Err(error) if error.is_refusal() => AuditResult::Denied,
            Err(_) => AuditResult::Failed,
        };
        let mut event = AuditEvent::new(self.0.clock.now(), action, result);
        event.service_id = Some(name.service().to_owned());
        event.token_key = Some(name.key().to_owned());
        event.detail = detail(name, done.as_ref().map(version));
        if action == Action::TokenOpen && !self.0.audit_required {
            self.0.audit.record(event);
            return done;
        }
        let unrecorded = match action {
            Action::TokenPut | Action::TokenRotate | Action::TokenDelete => VaultError::Unrecorded,
            _ => VaultError::AuditUnavailable,
        };
        match self.0.audit.record_durably(event).await {
            Ok(()) => done,
            Err(_) => done.and(Err(unrecorded)),
        }
    }

    /// The record of a change that is about to be made, for a store that keeps both or neither. For any other store there
    /// is none yet, and where no act may stand without one, another says first that it is about to be done.
    pub(super) async fn before_change(
        &self,
        action: Action,
        name: &TokenName,
    ) -> Result<Option<AuditEvent>, VaultError> {
        let mut event = AuditEvent::new(self.0.clock.now(), action, AuditResult::Ok);
        event.service_id = Some(name.service().to_owned());
        event.token_key = Some(name.key().to_owned());
        if self.store_of(name).keeps_records() {
            return Ok(Some(event));
        }
        if self.0.audit_required {
            event.detail = Some(serde_json::json!({ "phase": "admitted" }).to_string());
            self.0.audit.record_durably(event).await.map_err(|_| VaultError::NotRecordable)?;
        }
        Ok(None)
    }

    /// Records how a change ended, unless that was done with it.
    pub(super) async fn after_change<T>(
        &self,
        action: Action,
        name: &TokenName,
        record: Option<AuditEvent>,
        done: Result<T, VaultError>,
        version: impl FnOnce(&T) -> Option<i64>,
    ) -> Result<T, VaultError> {
        self.changed(&done);
        match done {
            Ok(done) if record.is_some() => Ok(done),
            Err(VaultError::NotRecordable) => Err(VaultError::NotRecordable),
            done => self.audited(action, name, done, version).await,
        }
    }

    /// Records what was done about a token besides opening or changing it, or why it was not.
    pub(crate) fn note(&self, action: Action, name: &TokenName, done: Result<serde_json::Map<String, Value>, String>) {
        let (result, mut detail) = match done {
            Ok(detail) => (AuditResult::Ok, detail),
            Err(reason) => (AuditResult::Failed, [("reason".to_owned(), reason.into())].into_iter().collect()),
        };
        if let Some(owner) = name.owner() {
            detail.insert("owner".to_owned(), owner.to_string().into());
        }
        let mut event = AuditEvent::new(self.0.clock.now(), action, result);
        event.service_id = Some(name.service().to_owned());
        event.token_key = Some(name.key().to_owned());
        event.detail = Some(Value::Object(detail).to_string());
        self.0.audit.record(event);
    }

    /// Records that another room's sealed column did not open.
    pub(super) fn not_opened(&self, place: &Place, error: &VaultError) {
        let detail = serde_json::json!({ "what": place.to_string(), "reason": error.to_string() }).to_string();
        let event = AuditEvent::new(self.0.clock.now(), Action::TokenOpen, AuditResult::Failed);
        self.0.audit.record(AuditEvent { detail: Some(detail), ..event });
    }
}

/// Version, owner and reason as a flat JSON object, as far as there are any.
pub(crate) fn detail(name: &TokenName, done: Result<Option<i64>, &VaultError>) -> Option<String> {
    let mut detail = serde_json::Map::new();
    match done {
        Ok(Some(version)) => drop(detail.insert("version".to_owned(), version.into())),
        Ok(None) => {}
        Err(error) => drop(detail.insert("reason".to_owned(), error.to_string().into())),
    }
    if let Some(owner) = name.owner() {
        detail.insert("owner".to_owned(), owner.to_string().into());
    }
    (!detail.is_empty()).then(|| serde_json::Value::Object(detail).to_string())
}
