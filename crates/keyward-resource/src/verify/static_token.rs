//! Development bearer tokens: random texts that somebody made on the command line.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use keyward_core::clock::Timestamp;
use keyward_core::id::UserId;
use keyward_core::scope::{ScopeHierarchy, ScopeSet};
use keyward_core::secret::{self, PlainToken, TokenHash};

use crate::error::TokenError;
use crate::metadata::ProtectedResource;
use crate::principal::{Principal, TokenKind};

/// The issuer of principals that came with a development token.
pub const STATIC_ISSUER: &str = "urn:keyward:bearer";

static ISSUER: LazyLock<Arc<str>> = LazyLock::new(|| STATIC_ISSUER.into());

/// A development token, of which only the hash is known.
#[derive(Clone, Debug)]
pub struct StaticToken {
    /// Its id; the subject, where it belongs to no person.
    pub id: String,
    /// SHA-256 of its text.
    pub hash: TokenHash,
    /// Its name.
    pub name: String,
    /// The person it belongs to.
    pub email: Option<String>,
    /// Their account, while it is open.
    pub user_id: Option<UserId>,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Where it may be used: identifiers of resources, to the letter.
    pub resources: Vec<String>,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
}

/// The current development tokens; clones share them.
#[derive(Clone, Default)]
pub struct StaticTokens(Arc<Inner>);

#[derive(Default)]
struct Inner {
    by_prefix: ArcSwap<HashMap<[u8; 8], Vec<StaticToken>>>,
    version: AtomicU64,
}

impl StaticTokens {
    /// Takes effect on the next call: what is not among `tokens` is refused from then on.
    pub fn replace(&self, tokens: impl IntoIterator<Item = StaticToken>) {
        let mut by_prefix: HashMap<_, Vec<_>> = HashMap::new();
        for token in tokens {
            by_prefix.entry(prefix(&token.hash)).or_default().push(token);
        }
        self.0.by_prefix.store(Arc::new(by_prefix));
        self.0.version.fetch_add(1, Ordering::Release);
    }

    pub(super) fn verify(
        &self,
        token: &PlainToken,
        resource: &ProtectedResource,
        hierarchy: &ScopeHierarchy,
        now: Timestamp,
    ) -> Result<Principal, TokenError> {
        let hash = token.hash();
        let tokens = self.0.by_prefix.load();
        // The look-up sees an eighth of the hash of what was sent; the whole is compared in constant time.
        let candidates = tokens.get(&prefix(&hash)).map_or(&[][..], Vec::as_slice);
        let known = candidates.iter().find(|known| known.hash.equals_in_constant_time(&hash));
        let known = known.ok_or(TokenError::UnknownStatic)?;
        if known.expires_at.is_some_and(|end| end <= now) {
            return Err(TokenError::Expired);
        }
        if !known.resources.iter().any(|allowed| allowed == resource.resource().as_str()) {
            return Err(TokenError::Audience);
        }
        Ok(Principal {
            subject: known.email.clone().unwrap_or_else(|| known.id.clone()),
            issuer: Arc::clone(&ISSUER),
            client_id: None,
            scopes: known.scopes.clone(),
            granted: hierarchy.expand(&known.scopes),
            expires_at: known.expires_at.unwrap_or(Timestamp::from_micros(i64::MAX)),
            kind: TokenKind::Static,
            grant_id: None,
            user_id: known.user_id,
            token_id: Some(known.id.clone()),
            email: known.email.clone(),
            name: Some(known.name.clone()),
        })
    }

    /// Grows with every change.
    pub(super) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }
}

/// The token, if it has the form of a development token.
pub(super) fn form_of(token: &str) -> Option<PlainToken> {
    PlainToken::parse(secret::TokenKind::Bearer, token)
}

fn prefix(hash: &TokenHash) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    [a, b, c, d, e, f, g, h]
}

impl fmt::Debug for StaticTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticTokens({})", self.0.by_prefix.load().values().map(Vec::len).sum::<usize>())
    }
}
