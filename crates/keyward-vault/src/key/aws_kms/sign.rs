//! AWS Signature Version 4: a request is signed with a key derived from the secret key, the day, the region and the service.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use keyward_core::clock::Timestamp;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a request is signed for, and with.
pub(super) struct Signer<'a> {
    pub(super) access_key_id: &'a str,
    pub(super) secret_access_key: &'a Secret,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) at: Timestamp,
}

impl Signer<'_> {
    /// The value of `Authorization`. `headers` are all that are signed: names in lower case and in the order of the alphabet,
    /// `host` and `x-amz-date` among them.
    pub(super) fn authorization(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let mut canonical = format!("{method}\n{path}\n\n");
        for (name, value) in headers {
            canonical.push_str(&format!("{name}:{}\n", value.trim()));
        }
        canonical.push_str(&format!("\n{names}\n{}", hex(digest(&SHA256, body).as_ref())));
        let scope = format!("{}/{}/{}/aws4_request", self.day(), self.region, self.service);
        let to_sign = format!(
            "{ALGORITHM}\n{}\n{scope}\n{}",
            amz_date(self.at),
            hex(digest(&SHA256, canonical.as_bytes()).as_ref())
        );
        let signature = hex(hmac::sign(&self.key(), to_sign.as_bytes()).as_ref());
        format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", self.access_key_id)
    }

    fn key(&self) -> hmac::Key {
        let first = Zeroizing::new([b"AWS4", self.secret_access_key.expose_secret()].concat());
        let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        [self.day().as_str(), self.region, self.service, "aws4_request"]
            .iter()
            .fold(key(&first), |by, part| key(hmac::sign(&by, part.as_bytes()).as_ref()))
    }

    fn day(&self) -> String {
        amz_date(self.at).chars().take(8).collect()
    }
}

/// `20150830T123600Z`.
pub(super) fn amz_date(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or_default().trim_end_matches('Z');
    seconds.chars().filter(|c| !matches!(c, '-' | ':')).collect::<String>() + "Z"
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A text takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What AWS's own test suite for Signature Version 4 begins with.
    fn signed(method: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let secret = Secret::from_text("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let signer = Signer {
            access_key_id: "AKIDEXAMPLE",
            secret_access_key: &secret,
            region: "us-east-1",
            service: "service",
            at: "2015-08-30T12:36:00Z".parse().expect("a time"),
        };
        signer.authorization(method, "/", headers, body)
    }

    #[test]
    fn agrees_with_the_published_vectors() {
        let (host, date) = (("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z"));
        let expected = |names: &str, signature: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={names}, Signature={signature}"
            )
        };
        // get-vanilla
        assert_eq!(
            signed("GET", &[host, date], b""),
            expected("host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
        );
        // post-vanilla
        assert_eq!(
            signed("POST", &[host, date], b""),
            expected("host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")
        );
        // post-x-www-form-urlencoded
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert_eq!(
            signed("POST", &[form, host, date], b"Param1=value1"),
            expected(
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
            )
        );
    }

    #[test]
    fn dates_have_the_basic_form() {
        assert_eq!(amz_date("2015-08-30T12:36:00.123456Z".parse().expect("a time")), "20150830T123600Z");
        assert_eq!(amz_date(Timestamp::from_seconds(0)), "19700101T000000Z");
    }
}
