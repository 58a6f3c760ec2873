//! The audit record of a call: opened when somebody is known to call, closed once, whichever way the call ends. A record
//! that is dropped unclosed says that the client hung up.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::HeaderValue;
use http::{Method, Response, StatusCode};
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::{Clock, Timestamp};
use keyward_core::id::RequestId;
use keyward_resource::Principal;
use serde::Serialize;

use keyward_storage::audit::AuditLog;

use crate::body::GatewayBody;
use crate::config::AuditMode;
use crate::credential::Keyed;
use crate::gateway::Gateway;
use crate::mcp::{Message, MessageId, Messages};
use crate::refusal::{Context, Refusal};
use crate::server::Server;

/// Names of methods and tools, which anybody may make up, are kept to this many bytes.
const MAX_NAME: usize = 128;

/// The audit record of a call.
pub(crate) struct CallRecord {
    log: AuditLog,
    clock: Clock,
    event: AuditEvent,
    detail: Detail,
    server: Arc<Server>,
    request_id: RequestId,
    message_id: Option<MessageId>,
    began: Timestamp,
    open: bool,
}

/// What a call was about and how it went: never an argument, a result or a credential.
#[derive(Clone, Default, Serialize)]
struct Detail {
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    http_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    batch: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bearer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_owner: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_version: Option<i64>,
    /// The version that upstream refused before another was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    bytes: u64,
    duration_us: u64,
}

impl CallRecord {
    /// Nothing is recorded yet: first it must be known who calls, or why nobody may.
    pub(crate) fn begin(gateway: &Gateway, server: &Arc<Server>, method: &Method) -> Result<Self, Refusal> {
        let began = gateway.clock.now();
        let request_id = RequestId::new(began, &gateway.random)?;
        let mut event = AuditEvent::new(began, Action::Call, AuditResult::Aborted);
        event.request_id = Some(request_id);
        event.service_id = Some(server.id().as_str().to_owned());
        let http_method = match *method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        Ok(Self {
            log: gateway.audit.clone(),
            clock: gateway.clock.clone(),
            event,
            detail: Detail { http_method, ..Detail::default() },
            server: Arc::clone(server),
            request_id,
            message_id: None,
            began,
            open: false,
        })
    }

    /// For `X-Request-Id`, in both directions.
    pub(crate) fn request_id(&self) -> HeaderValue {
        let mut buffer = uuid::Uuid::encode_buffer();
        let text = self.request_id.0.hyphenated().encode_lower(&mut buffer);
        HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-"))
    }

    /// From here on, however the call ends, it is recorded.
    pub(crate) fn caller(&mut self, principal: &Principal) {
        self.event.user_email.clone_from(&principal.email);
        self.event.client_id.clone_from(&principal.client_id);
        self.detail.subject = principal.email.is_none().then(|| principal.subject.clone());
        self.detail.bearer.clone_from(&principal.name);
        self.open = true;
    }

    pub(crate) fn intent(&mut self, messages: Option<&Messages>) {
        match messages {
            None => {}
            Some(Messages::One(message)) => {
                self.message_id.clone_from(&message.id);
                self.detail.method = message.method.as_ref().map(|method| shortened(method.as_str()));
                self.detail.tool = message.tool().map(shortened);
            }
            Some(Messages::Batch(all)) => self.detail.batch = all.iter().filter_map(described).collect(),
        }
    }

    pub(crate) fn credential(&mut self, keyed: &Keyed) {
        self.event.token_key = keyed.spec().map(|spec| spec.token().to_string());
        self.detail.credential_owner = keyed.spec().and_then(|spec| spec.token().owner()).map(|_| "user");
        self.detail.credential_version = keyed.version();
    }

    /// Upstream refused the current version of the token, and another is tried.
    pub(crate) fn another_credential(&mut self, another: &Keyed) {
        self.detail.refused_version = self.detail.credential_version;
        self.detail.credential_version = another.version();
        tracing::warn!(
            request_id = %self.request_id,
            server = %self.server.id(),
            token = self.event.token_key,
            refused_version = self.detail.refused_version,
            tried_version = self.detail.credential_version,
            "upstream refused a version of a token with 401; trying another: the one in its place, the one before while its \
             grace lasts, or a refreshed one"
        );
    }

    pub(crate) fn status(&mut self, status: StatusCode) {
        self.detail.status = Some(status.as_u16());
    }

    pub(crate) fn count(&mut self, bytes: usize) {
        self.detail.bytes = self.detail.bytes.saturating_add(bytes as u64);
    }

    /// Where a call must not be made unrecorded: writes that it is about to be, and returns when that is on disk.
    pub(crate) async fn admit(&self, mode: AuditMode) -> Result<(), Refusal> {
        if mode == AuditMode::FailOpen {
            return Ok(());
        }
        let mut event = self.event.clone();
        event.result = AuditResult::Ok;
        event.detail = Detail { phase: Some("admitted"), ..self.detail.clone() }.to_json();
        self.log.record_durably(event).await.map_err(|_| Refusal::AuditUnavailable)
    }

    /// Closes it with a refusal, and answers with it.
    pub(crate) fn refuse(mut self, refusal: &Refusal, peer: SocketAddr) -> Response<GatewayBody> {
        self.status(refusal.status());
        let result = refusal.audited_as();
        self.open = result.is_some();
        if result.is_none() {
            self.server.calls().unrecorded();
        }
        self.close(result.unwrap_or(AuditResult::Denied), Some(refusal.reason()));
        let context = Context { server: Some(&self.server), message_id: self.message_id.as_ref() };
        let mut answer = refusal.logged(peer, context).answer(context);
        answer.headers_mut().insert("x-request-id", self.request_id());
        answer
    }

    /// Closes it. Only the first closing counts, and none of a call that is nobody's.
    pub(crate) fn close(&mut self, result: AuditResult, reason: Option<&'static str>) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let took = self.clock.now().since(self.began);
        self.server.calls().ended(result, took);
        self.detail.duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.detail.reason = reason;
        tracing::debug!(
            request_id = %self.request_id,
            server = %self.server.id(),
            result = %result,
            status = self.detail.status,
            reason,
            method = self.detail.method,
            tool = self.detail.tool,
            response_bytes = self.detail.bytes,
            duration_us = self.detail.duration_us,
            "call"
        );
        let placeholder = AuditEvent::new(self.began, Action::Call, result);
        let mut event = std::mem::replace(&mut self.event, placeholder);
        event.result = result;
        event.detail = self.detail.to_json();
        self.log.record(event);
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        self.close(AuditResult::Aborted, Some("client_hung_up"));
    }
}

impl Detail {
    fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

fn described(message: &Message) -> Option<String> {
    let method = shortened(message.method.as_ref()?.as_str());
    Some(match message.tool() {
        Some(tool) => method + " " + &shortened(tool),
        None => method,
    })
}

fn shortened(name: &str) -> String {
    name[..name.floor_char_boundary(MAX_NAME)].to_owned()
}

impl std::fmt::Debug for CallRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallRecord").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}
