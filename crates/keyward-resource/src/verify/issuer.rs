//! An issuer whose tokens are taken, and what of them.

use std::sync::Arc;

use crate::audience::AudienceRule;
use crate::claim_map::{ClaimMap, EmailRule};
use crate::jwks::KeySource;
use crate::jwt::{Algorithm, TypeRule};
use crate::provider::Introspection;

/// An issuer whose access tokens are accepted.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// Its identifier, to the letter (RFC 8414 §2).
    pub issuer: Arc<str>,
    /// The algorithms that are accepted from it; its keys narrow this further.
    pub algorithms: Vec<Algorithm>,
    /// Its keys.
    pub keys: KeySource,
    /// How it is asked about tokens, if at all.
    pub introspection: Option<Introspection>,
    /// What its tokens' `typ` must be.
    pub type_rule: TypeRule,
    /// Whether it is our own: only then `grant_id` in its tokens is one of our grants, and our revocations apply.
    pub own: bool,
    /// Whom its tokens are for.
    pub audience: AudienceRule,
    /// How its claims are read.
    pub claims: ClaimMap,
    /// The identifiers of the resources for which its tokens are taken. None: all.
    pub resources: Option<Vec<Box<str>>>,
    /// Whether a verified e-mail in its tokens is that of an account here.
    pub accounts_by_email: bool,
}

impl TrustedIssuer {
    /// An issuer elsewhere that keeps to RFC 9068, signs with ES256 or RS256, and is believed no e-mail that it does not
    /// call verified.
    pub fn of(issuer: &str, keys: KeySource) -> Self {
        Self {
            issuer: issuer.into(),
            algorithms: vec![Algorithm::Es256, Algorithm::Rs256],
            keys,
            introspection: None,
            type_rule: TypeRule::Required,
            own: false,
            audience: AudienceRule::default(),
            claims: ClaimMap { email_rule: EmailRule::Verified, ..ClaimMap::default() },
            resources: None,
            accounts_by_email: false,
        }
    }

    /// Our own.
    pub fn own(issuer: &str, keys: KeySource) -> Self {
        Self {
            algorithms: vec![Algorithm::Es256],
            own: true,
            claims: ClaimMap { email_rule: EmailRule::Always, ..ClaimMap::default() },
            ..Self::of(issuer, keys)
        }
    }

    /// Whether its tokens are taken for `resource`.
    pub(super) fn serves(&self, resource: &str) -> bool {
        self.resources.as_ref().is_none_or(|resources| resources.iter().any(|named| **named == *resource))
    }
}
