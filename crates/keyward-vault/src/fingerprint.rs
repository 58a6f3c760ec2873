//! Fingerprints: enough to tell one value from another, nothing to find a value by.

use aws_lc_rs::hmac;
use keyward_core::random::Random;
use keyward_core::secret::Secret;

use crate::error::VaultError;
use crate::key::KeyWrapper;
use crate::name::TokenName;
use crate::seal::{KEY_LEN, SealFailed};
use crate::store::sql::SqlStore;
use crate::store::{Expected, NewToken, TokenStore};

const KEY_NAME: &str = "fingerprint-key";

/// `kf_` and 12 hex digits of HMAC-SHA256 (RFC 2104), under a key that is a secret of Keyward's own, so that nobody without
/// it can test guesses of a value.
pub(crate) fn fingerprint(key: &hmac::Key, value: &Secret) -> String {
    let tag = hmac::sign(key, value.expose_secret());
    tag.as_ref().iter().take(6).fold("kf_".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// The key of fingerprints; made when there is none. It was derived from the root key once: where that is at hand the
/// derived key is what is kept, so that fingerprints stay as they were, and they stay when the root key changes.
pub(crate) async fn fingerprint_key(
    own: &SqlStore,
    wrapper: &dyn KeyWrapper,
    random: &Random,
) -> Result<hmac::Key, VaultError> {
    let name = TokenName::own(KEY_NAME).map_err(|_| VaultError::NoStore)?;
    loop {
        if let Some(stored) = own.get(&name).await? {
            return Ok(hmac::Key::new(hmac::HMAC_SHA256, stored.value.expose_secret()));
        }
        let key = match wrapper.root_key() {
            Some(root) => Secret::new(root.fingerprint_key().to_vec()),
            None => Secret::new(random.bytes::<KEY_LEN>().map_err(SealFailed::from)?.to_vec()),
        };
        match own.put(&name, &NewToken::new(key)?, Expected::Absent).await {
            // Stored by us, or by another process at the same moment: whichever it is, it is read.
            Ok(_) | Err(VaultError::Conflict { .. }) => {}
            Err(other) => return Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_value_and_key() {
        let of = |key: &[u8], value: &str| {
            fingerprint(&hmac::Key::new(hmac::HMAC_SHA256, key), &Secret::from_text(value.to_owned()))
        };
        // RFC 4231 §4.3, test case 2.
        assert_eq!(of(b"Jefe", "what do ya want for nothing?"), "kf_5bdcc146bf60");
        assert_ne!(of(b"Jefe", "a"), of(b"Jefe", "b"));
        assert_ne!(of(b"Jefe", "a"), of(b"Jeff", "a"));
    }
}
