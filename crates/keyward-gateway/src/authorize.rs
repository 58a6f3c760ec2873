//! Step 5: whether they may.

use std::sync::Arc;

use http::HeaderMap;
use keyward_core::id::UserId;

use crate::authenticate::Caller;
use crate::intent::Intent;
use crate::mcp::{Message, Messages, Revision, check_headers};
use crate::refusal::Refusal;
use crate::server::Server;

/// The leave to make one call of one server. Only [`authorize`] gives one, and building the upstream request takes it.
#[derive(Debug)]
pub(crate) struct Permit {
    server: Arc<Server>,
    person: Option<UserId>,
}

impl Permit {
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Who calls, when that is somebody with an account here.
    pub(crate) fn person(&self) -> Option<UserId> {
        self.person
    }
}

/// Decides by the body, with which the headers must agree, as something behind us may go by them.
///
/// Every scope of the server and of each tool that is called must be granted, by the token or by what its scopes include
/// (MCP 2026-07-28, authorization, "Scope Challenge Handling"). What is needed is told all at once.
pub(crate) fn authorize(
    server: &Arc<Server>,
    caller: Caller,
    intent: &Intent,
    headers: &HeaderMap,
) -> Result<Permit, Refusal> {
    if !server.tools().is_empty()
        && let Some(messages) = intent.messages()
    {
        check_headers(headers, messages, Revision::of(headers))?;
    }
    let granted = &caller.principal().granted;
    let tools = || intent.messages().into_iter().flat_map(Messages::iter).filter_map(Message::tool);
    let base = server.resource().scopes();
    let allowed = granted.covers(base)
        && tools().flat_map(|tool| server.tools().needed_by(tool)).all(|needed| granted.covers(needed));
    if !allowed {
        let rules = tools().flat_map(|tool| server.tools().needed_by(tool));
        return Err(Refusal::InsufficientScope { needed: rules.fold(base.clone(), |all, more| all.union(more)) });
    }
    Ok(Permit { server: Arc::clone(server), person: caller.principal().user_id })
}
