//! The tokens of `vectors/jwt`: each is refused, for its own reason.

use std::collections::HashMap;
use std::path::Path;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

/// DER of the two integers side by side (RFC 3279 §2.2.3).
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let start = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len() - 1);
        let zero = if bytes[start] & 0x80 == 0 { &[][..] } else { &[0] };
        let content = [zero, &bytes[start..]].concat();
        [&[2, content.len() as u8][..], &content].concat()
    };
    let content = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [&[0x30, content.len() as u8][..], &content].concat()
}

fn signature(how: &str, input: &str, own: &Signer, other: &Signer, theirs: &Signer) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let good = own.signature(own.algorithm, input.as_bytes());
    match how {
        "own" => encode(&good),
        "other" => encode(&other.signature(other.algorithm, input.as_bytes())),
        "theirs" => encode(&theirs.signature(theirs.algorithm, input.as_bytes())),
        "hmac" => {
            let public = own.jwk().to_string();
            encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()), input.as_bytes()).as_ref())
        }
        "none" => String::new(),
        "der" => encode(&der(&good)),
        "longer" => encode(&[&good[..], &[0]].concat()),
        "respelled" => {
            // 64 bytes leave four bits of the last character unused; canonically they are zero.
            let mut text = encode(&good);
            let last = text.pop().expect("a character");
            text.push((last as u8 + 1) as char);
            text
        }
        raw => raw.strip_prefix("raw ").expect("a known way to sign").to_owned(),
    }
}

#[tokio::test]
async fn every_vector_is_refused_for_its_reason() {
    let (own, second, other) = (es256(), Signer::new("es2", Algorithm::Es256), Signer::new("other", Algorithm::Es256));
    let theirs = Signer::new("theirs", Algorithm::Es256);
    let world = World::new(vec![issuer(ISSUER, &[&own, &second]), issuer(OTHER_ISSUER, &[&theirs])]);
    let mut count = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/jwt")).expect("vectors") {
        let path = entry.expect("a vector").path();
        let text = std::fs::read_to_string(&path).expect("a vector");
        let fields: HashMap<_, _> = text.lines().filter_map(|line| line.split_once(": ")).collect();
        let token = fields.get("token").map_or_else(
            || {
                let header = fields["header"].replace("\"OTHER\"", &other.jwk().to_string());
                let input = [&header, fields["claims"]].map(|json| URL_SAFE_NO_PAD.encode(json)).join(".");
                format!("{input}.{}", signature(fields["signature"], &input, &own, &other, &theirs))
            },
            |token| (*token).to_owned(),
        );
        let outcome = world.verify(&token).await;
        let error = format!("{:?}", outcome.expect_err(&path.display().to_string()));
        assert_eq!(error, fields["error"], "{}", path.display());
        assert!(world.verify(&token).await.is_err(), "the second time: {}", path.display());
        count += 1;
    }
    assert!(count > 70, "only {count} vectors were found");
    assert!(world.verify(&own.token()).await.is_ok());
}
