use proptest::prelude::*;

use super::*;
use crate::testing::{Signer, claims, part};

#[test]
fn what_is_unverified_still_says_whose_it_claims_to_be() {
    let signer = Signer::new("k", Algorithm::EdDsa);
    let token = signer.token();
    let unverified = UnverifiedJwt::parse(&token).expect("a token");
    assert_eq!(unverified.issuer(), "https://issuer.example");
    assert_eq!((unverified.algorithm(), unverified.key_id()), (Algorithm::EdDsa, Some("k")));
}

#[test]
fn both_names_of_ed25519_are_one_algorithm() {
    let header = serde_json::json!({"alg": "Ed25519"});
    let token = format!("{}.{}.AA", part(&header), part(&claims()));
    assert_eq!(UnverifiedJwt::parse(&token).expect("a token").algorithm(), Algorithm::EdDsa);
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(token in "\\PC{0,200}") {
        let _ = UnverifiedJwt::parse(&token);
    }

    #[test]
    fn any_json_is_read_without_harm(
        header in "\\{(\"(alg|kid|typ|crit)\":(\"ES256\"|\"none\"|null|1|\\[\\]),?){0,4}\\}",
        claims in "\\{(\"(iss|sub|aud|exp|nbf|scope)\":(\"a\"|null|1|-1.5e3|\\[\"a\"\\]|\\[1\\]),?){0,6}\\}",
        signature in "[A-Za-z0-9_-]{0,100}",
    ) {
        let token = format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&claims));
        if UnverifiedJwt::parse(&token).is_ok() {
            prop_assert!(header.contains("\"alg\":\"ES256\"") && !header.contains("crit"), "{header}");
            for required in ["iss", "sub", "aud", "exp"] {
                prop_assert!(claims.contains(required), "{claims}");
            }
        }
    }

    #[test]
    fn a_changed_byte_of_a_part_never_verifies(at in 0_usize..1000, flip in 1_u8..=255) {
        let signer = Signer::new("k", Algorithm::EdDsa);
        let keys = crate::testing::key_set(&[signer.jwk()]);
        let mut bytes = signer.token().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(token) = std::str::from_utf8(&bytes) && let Ok(unverified) = UnverifiedJwt::parse(token) {
            let key = keys.find(None, Algorithm::EdDsa).expect("a key");
            prop_assert!(unverified.verify(key).is_err());
        }
    }
}
