//! Whose an MCP session is (MCP security best practices, "Session Hijacking"). All users of a server share its credential,
//! so upstream cannot tell them apart; a session id that leaks would open one person's session to another.
//!
//! What is known is kept in memory, bounded, for each process. A session that is not known (made before a restart, through
//! another replica, or pushed out) belongs to whoever uses it first. So this is a second fence behind the secrecy of the
//! ids, which it never breaks a lawful call for.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::HeaderMap;
use keyward_core::id::ServerId;
use keyward_resource::Principal;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;

use crate::refusal::Refusal;

/// Sessions that are remembered.
const CAPACITY: usize = 65_536;

/// Longer ids are not remembered; no server makes such.
const MAX_ID: usize = 256;

const SESSION_ID: &str = "mcp-session-id";

/// Whose sessions are whose.
#[derive(Debug)]
pub(crate) struct Sessions(Cache<Session, Owner>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Session {
    server: ServerId,
    id: Box<[u8]>,
}

/// The same, looked up without being built.
struct Asked<'a> {
    server: &'a ServerId,
    id: &'a [u8],
}

/// A person: a subject is unique within its issuer only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    issuer: Arc<str>,
    subject: Arc<str>,
}

/// How a call came to its session.
#[derive(Debug)]
pub(crate) enum Entered {
    /// In one that is the caller's, or that cannot be remembered.
    Known,
    /// In none; if the answer names one, it is new and the caller's.
    Without {
        /// The server that it would be with.
        server: ServerId,
        /// Whose it would be.
        owner: Owner,
    },
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// Refuses a session of somebody else's, in the words of a server that does not know it.
    pub(crate) fn enter(
        &self,
        server: &ServerId,
        principal: &Principal,
        request: &HeaderMap,
    ) -> Result<Entered, Refusal> {
        let owner = || Owner { issuer: Arc::clone(&principal.issuer), subject: principal.subject.as_str().into() };
        if !request.contains_key(SESSION_ID) {
            return Ok(Entered::Without { server: server.clone(), owner: owner() });
        }
        let Some(id) = session_id(request) else { return Ok(Entered::Known) };
        match self.0.get(&Asked { server, id }) {
            Some(known) if *known.subject == *principal.subject && known.issuer == principal.issuer => {}
            Some(_) => return Err(Refusal::ForeignSession),
            None => self.0.insert(Session { server: server.clone(), id: id.into() }, owner()),
        }
        Ok(Entered::Known)
    }

    /// Takes note of a session that upstream has just made. Whoever made the same name up before does not keep it.
    pub(crate) fn note(&self, entered: Entered, answer: &HeaderMap) {
        if let (Entered::Without { server, owner }, Some(id)) = (entered, session_id(answer)) {
            self.0.insert(Session { server, id: id.into() }, owner);
        }
    }
}

fn session_id(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(SESSION_ID).map(|value| value.as_bytes()).filter(|id| id.len() <= MAX_ID)
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.server.hash(state);
        self.id.hash(state);
    }
}

impl Equivalent<Session> for Asked<'_> {
    fn equivalent(&self, session: &Session) -> bool {
        *self.server == session.server && *self.id == *session.id
    }
}
