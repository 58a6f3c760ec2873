//! Whose an MCP session is (MCP security best practices, "Session Hijacking"). All users of a server share its credential,
//! so upstream cannot tell them apart; a session id that leaks would open one person's session to another.
//!
//! What is known is kept in memory, bounded, for each process. A session that is not known (made before a restart, through
//! another replica, or pushed out) belongs to whoever uses it first. So this is a second fence behind the secrecy of the
//! ids, which it never breaks a lawful call for.

use std::sync::Arc;

use http::HeaderMap;
use keyward_core::id::ServerId;
use keyward_core::secret::TokenHash;
use keyward_resource::Principal;
use quick_cache::sync::Cache;

use crate::refusal::Refusal;

/// Sessions that are remembered.
const CAPACITY: usize = 65_536;

const SESSION_ID: &str = "mcp-session-id";

/// Whose sessions are whose.
#[derive(Debug)]
pub(crate) struct Sessions(Cache<Session, Owner>);

/// A session of a server, by the hash of its id: of one size, and nothing to steal.
type Session = (ServerId, [u8; 32]);

/// A person: a subject is unique within its issuer only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    issuer: Arc<str>,
    subject: Arc<str>,
}

/// How a call came to its session.
#[derive(Debug)]
pub(crate) enum Entered {
    /// In one that is the caller's.
    Own,
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
        let mut ids = request.get_all(SESSION_ID).iter();
        let session = match (ids.next(), ids.next()) {
            (None, _) => return Ok(Entered::Without { server: server.clone(), owner: owner() }),
            (Some(id), None) => session(server, id.as_bytes()),
            // Which of two upstream would take is not known.
            (Some(_), Some(_)) => return Err(Refusal::ForeignSession),
        };
        match self.0.get(&session) {
            Some(known) if *known.subject == *principal.subject && known.issuer == principal.issuer => {}
            Some(_) => return Err(Refusal::ForeignSession),
            None => self.0.insert(session, owner()),
        }
        Ok(Entered::Own)
    }

    /// Takes note of a session that upstream has just made. Whoever made the same name up before does not keep it.
    pub(crate) fn note(&self, entered: Entered, answer: &HeaderMap) {
        if let (Entered::Without { server, owner }, Some(id)) = (entered, answer.get(SESSION_ID)) {
            self.0.insert(session(&server, id.as_bytes()), owner);
        }
    }
}

fn session(server: &ServerId, id: &[u8]) -> Session {
    (server.clone(), *TokenHash::of(id).as_bytes())
}
