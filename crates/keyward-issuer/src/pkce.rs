//! Proof Key for Code Exchange (RFC 7636), method S256 only.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A `code_challenge` of the method S256 (RFC 7636 §4.2): SHA-256 of the verifier in base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CodeChallenge(String);

impl CodeChallenge {
    /// `None` when it cannot be the hash of anything.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hash = URL_SAFE_NO_PAD.decode(text).ok()?;
        (hash.len() == 32).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// RFC 7636 §4.6. A verifier that has not the form of §4.1 fits no challenge.
    pub(crate) fn fits(&self, verifier: &str) -> bool {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let well_formed = (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved);
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        well_formed && verify_slices_are_equal(hash.as_bytes(), self.0.as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc() {
        let challenge = CodeChallenge::parse(CHALLENGE).expect("challenge");
        assert!(challenge.fits(VERIFIER));
        assert!(!challenge.fits("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj"));
        assert!(!challenge.fits(CHALLENGE));
    }

    #[test]
    fn only_hashes_are_challenges_and_only_43_characters_or_more_are_verifiers() {
        for bad in
            ["", "short", &format!("{CHALLENGE}="), &"a".repeat(128), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"]
        {
            assert_eq!(CodeChallenge::parse(bad), None, "{bad}");
        }
        let of_short = URL_SAFE_NO_PAD.encode(digest(&SHA256, b"short"));
        assert!(!CodeChallenge::parse(&of_short).expect("challenge").fits("short"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(challenge in "\\PC{0,48}", verifier in "\\PC{0,140}") {
            let parsed = CodeChallenge::parse(&challenge);
            prop_assert!(parsed.is_none_or(|parsed| challenge.len() == 43 && !parsed.fits(&verifier)));
        }

        #[test]
        fn a_verifier_fits_its_own_challenge_alone(verifier in "[A-Za-z0-9._~-]{43,128}", other in "[A-Za-z0-9._~-]{43,128}") {
            let text = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
            let challenge = CodeChallenge::parse(&text).expect("challenge");
            prop_assert_eq!(challenge.as_str(), &text);
            prop_assert!(challenge.fits(&verifier));
            prop_assert!(!challenge.fits(&other) || other == verifier);
            prop_assert!(!challenge.fits(&text) && !challenge.fits(&verifier[..42]));
        }
    }
}
