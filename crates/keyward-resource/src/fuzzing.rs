//! What `cargo fuzz` drives: the parsers of what strangers send. No part of the room's interface.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use keyward_core::clock::Timestamp;

use crate::jwt::Algorithm;
use crate::{IdToken, KeySet, KeySource, LogoutToken, RelyingParty};

/// Reads what an issuer says of an opaque token; the claims, where it is good.
pub fn introspection(json: &[u8]) -> Option<Vec<u8>> {
    crate::provider::introspected(json).map(|claims| claims.to_vec())
}

/// Parses a compact JWT without verifying it; whether it has the form.
pub fn jwt(token: &str) -> bool {
    crate::jwt::UnverifiedJwt::parse(token).is_ok()
}

/// Parses an ID token or a logout token without verifying it; whether it has the form.
pub fn statement(token: &str) -> bool {
    crate::jwt::UnverifiedStatement::parse(token).is_ok()
}

/// Reads signed claims as an ID token for the client `c` with the nonce `n`, from `https://h`, in 2027.
pub fn id_token(json: &[u8]) -> Option<IdToken> {
    party().read_id_token(json, Algorithm::Es256, "n", b"a", now()).ok()
}

/// Reads signed claims as a logout token for the same client.
pub fn logout_token(json: &[u8]) -> Option<LogoutToken> {
    party().read_logout_token(json, now()).ok()
}

fn party() -> RelyingParty {
    RelyingParty {
        issuer: "https://h".to_owned(),
        client_id: "c".to_owned(),
        keys: KeySource::Local(Arc::new(ArcSwap::from_pointee(KeySet::default()))),
        algorithms: vec![Algorithm::Es256],
        leeway: Duration::from_secs(60),
    }
}

const fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}
