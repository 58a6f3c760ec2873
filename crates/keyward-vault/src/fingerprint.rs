//! Fingerprints: enough to tell one value from another, nothing to find a value by.

use aws_lc_rs::hmac;
use keyward_core::secret::Secret;

/// `kf_` and 12 hex digits of HMAC-SHA256 (RFC 2104). The key is derived from the root key, so that nobody without it can
/// test guesses of a value.
pub(crate) fn fingerprint(key: &hmac::Key, value: &Secret) -> String {
    let tag = hmac::sign(key, value.expose_secret());
    tag.as_ref().iter().take(6).fold("kf_".to_owned(), |text, byte| text + &format!("{byte:02x}"))
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
