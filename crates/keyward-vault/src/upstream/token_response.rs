//! The answer of a token endpoint (RFC 6749 §5).

use std::time::Duration;

use http::StatusCode;
use keyward_core::json;
use keyward_core::secret::Secret;
use serde::Deserialize;

use keyward_core::words;

/// The longest token that is taken.
const LONGEST_TOKEN: usize = 32 * 1024;
/// No answer is believed that a token lives for longer.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Tokens, as the endpoint gave them.
#[derive(Debug)]
pub(crate) struct TokenResponse {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    /// Who has logged in, where that was asked (OpenID Connect Core §3.1.3.3).
    pub(crate) id_token: Option<Secret>,
    /// How long the access token lives.
    pub(crate) life: Option<Duration>,
    /// What was granted, where it is not what was asked for.
    pub(crate) scope: Option<String>,
}

/// Why there are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// The endpoint said so (RFC 6749 §5.2).
    #[error("the provider answered {error}{}", .description.as_deref().map(|text| format!(": {text}")).unwrap_or_default())]
    Error {
        /// Its code.
        error: String,
        /// Its words.
        description: Option<String>,
    },
    /// It cannot do it now.
    #[error("the provider answered with status {0}")]
    Status(u16),
    /// It said something else.
    #[error("the provider's answer is no token response: {0}")]
    Malformed(&'static str),
}

impl TokenRefused {
    /// Whether the grant is worth nothing any more. Some providers have words of their own for `invalid_grant`.
    pub(crate) fn is_end_of_grant(&self) -> bool {
        let Self::Error { error, .. } = self else { return false };
        matches!(error.as_str(), "invalid_grant" | "bad_refresh_token" | "invalid_refresh_token" | "token_revoked")
    }

    /// Whether the provider does not know the client, or its secret.
    pub(crate) fn is_unknown_client(&self) -> bool {
        matches!(self, Self::Error { error, .. } if matches!(error.as_str(), "invalid_client" | "unauthorized_client"))
    }
}

#[derive(Deserialize)]
struct Body {
    access_token: Option<String>,
    refresh_token: Option<String>,
    id_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
    scope: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// A number; some providers write it as a text, some with a fraction.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

/// Reads an answer. Some providers send errors with status 200, so the body decides.
pub(crate) fn parse(status: StatusCode, body: &[u8]) -> Result<TokenResponse, TokenRefused> {
    let body: Body = match json::object(body) {
        Ok(body) => body,
        Err(_) if !status.is_success() => return Err(TokenRefused::Status(status.as_u16())),
        Err(_) => return Err(TokenRefused::Malformed("it is no JSON object of the right form")),
    };
    // Into types that are wiped, before anything can return.
    let access_token = body.access_token.map(Secret::from_text);
    let refresh_token = body.refresh_token.map(Secret::from_text).filter(|token| !token.is_empty());
    let id_token = body.id_token.map(Secret::from_text);
    if let Some(error) = body.error {
        let description = body.error_description.and_then(|text| words::tame(&text));
        return Err(TokenRefused::Error { error: words::code(&error), description });
    }
    if !status.is_success() {
        return Err(TokenRefused::Status(status.as_u16()));
    }
    let access_token = access_token.ok_or(TokenRefused::Malformed("it has no access_token"))?;
    check(&access_token).map_err(TokenRefused::Malformed)?;
    if let Some(refresh_token) = &refresh_token {
        check(refresh_token).map_err(TokenRefused::Malformed)?;
    }
    // Left out by some; what is there must be what we can use (RFC 6749 §7.1).
    if body.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(TokenRefused::Malformed("its token_type is not Bearer"));
    }
    let life =
        body.expires_in.map(|seconds| seconds.read().ok_or(TokenRefused::Malformed("its expires_in is no number")));
    let life = life.transpose()?.flatten();
    Ok(TokenResponse { access_token, refresh_token, id_token, life, scope: body.scope })
}

fn check(token: &Secret) -> Result<(), &'static str> {
    let bytes = token.expose_secret();
    if bytes.is_empty() || bytes.len() > LONGEST_TOKEN {
        return Err("a token is empty or too long");
    }
    // RFC 6749 appendix A.12 and A.17, and RFC 6750 §2.1 has less.
    if bytes.iter().all(|b| matches!(b, b'!'..=b'~')) {
        Ok(())
    } else {
        Err("a token has characters that no token has")
    }
}

impl Seconds {
    /// `None` when it is no number; `Some(None)` for zero and below, by which some providers mean "does not end".
    fn read(self) -> Option<Option<Duration>> {
        let seconds = match self {
            Self::Number(number) => number,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        if seconds.is_nan() {
            return None;
        }
        let life = Duration::try_from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())).unwrap_or_default();
        Some((!life.is_zero()).then_some(life))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ok(body: &str) -> TokenResponse {
        parse(StatusCode::OK, body.as_bytes()).expect(body)
    }

    fn err(status: u16, body: &str) -> String {
        parse(StatusCode::from_u16(status).expect("a status"), body.as_bytes()).expect_err(body).to_string()
    }

    #[test]
    fn the_answer_of_the_standard() {
        let it = ok(
            r#"{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r","scope":"x y","z":1}"#,
        );
        assert_eq!(it.access_token.expose_text(), Some("a"));
        assert_eq!(it.refresh_token.and_then(|token| token.expose_text().map(str::to_owned)).as_deref(), Some("r"));
        assert_eq!((it.life, it.scope.as_deref()), (Some(Duration::from_secs(3600)), Some("x y")));
    }

    #[test]
    fn what_providers_really_send() {
        assert_eq!(
            ok(r#"{"access_token":"a","token_type":"bearer","expires_in":"28800"}"#).life.map(|d| d.as_secs()),
            Some(28800)
        );
        assert_eq!(ok(r#"{"access_token":"a","expires_in":0,"refresh_token":""}"#).life, None);
        assert!(ok(r#"{"access_token":"a","expires_in":-1}"#).refresh_token.is_none());
        assert_eq!(ok(r#"{"access_token":"a","expires_in":1e300}"#).life, Some(LONGEST_LIFE));
        let github =
            r#"{"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired."}"#;
        let refused = parse(StatusCode::OK, github.as_bytes()).expect_err("an error");
        assert!(refused.is_end_of_grant(), "{refused}");
    }

    #[test]
    fn what_is_none() {
        assert_eq!(err(503, "<html>"), "the provider answered with status 503");
        assert_eq!(err(400, "{}"), "the provider answered with status 400");
        for body in [
            "",
            "[]",
            r#"["a","r","i","Bearer",60,"x",null,null]"#,
            "{}",
            "null",
            r#"{"access_token":""}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a\r\nX: y"}"#,
            r#"{"access_token":"é"}"#,
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            r#"{"access_token":1}"#,
            r#"{"access_token":"a","access_token":"b"}"#,
            r#"{"access_token":"a","expires_in":"soon"}"#,
            r#"{"access_token":"a","refresh_token":"\u0000"}"#,
        ] {
            assert!(err(200, body).contains("no token response"), "{body}");
        }
        assert!(err(200, &format!("{{\"access_token\":\"{}\"}}", "a".repeat(LONGEST_TOKEN + 1))).contains("too long"));
    }

    #[test]
    fn a_providers_words_are_tamed() {
        let body = "{\"error\":\"<script>alert(1)</script>\",\"error_description\":\"a\\u202eb\\u0000\\nc\"}";
        assert_eq!(err(400, body), "the provider answered scriptalert1script: ab c");
    }

    #[test]
    fn what_is_no_text_is_seen_in_members_that_nobody_wants() {
        let body = b"{\"access_token\":\"a\",\"x\":\"\xff\"}";
        assert!(matches!(parse(StatusCode::OK, body), Err(TokenRefused::Malformed(_))));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(status in 200_u16..600, body in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = parse(StatusCode::from_u16(status).expect("a status"), &body);
        }

        #[test]
        fn every_token_that_comes_out_fits_a_header(text in ".{0,40}") {
            let body = serde_json::json!({ "access_token": text }).to_string();
            if let Ok(it) = parse(StatusCode::OK, body.as_bytes()) {
                prop_assert!(http::HeaderValue::from_bytes(it.access_token.expose_secret()).is_ok());
            }
        }
    }
}
