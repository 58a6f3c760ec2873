//! The token of a request (RFC 6750 §2.1): the `Authorization` header, and nowhere else.

use std::fmt;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use url::form_urlencoded;

use crate::error::RequestError;

/// A token as a client sent it: of the form `b64token` (RFC 6750 §2.1), nothing else known about it.
#[derive(Clone, Copy)]
pub struct BearerToken<'a>(&'a str);

impl<'a> BearerToken<'a> {
    /// Its text. The name is long so that every use is seen in review.
    pub fn expose_secret(self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken")
    }
}

/// Finds the token of a request. `query` is the raw query of its URL: a token there is refused, even beside one in the
/// header (OAuth 2.1 §5.1). Other schemes than Bearer count as no token: they get the challenge.
pub fn bearer_from<'a>(headers: &'a HeaderMap, query: Option<&str>) -> Result<Option<BearerToken<'a>>, RequestError> {
    if query.is_some_and(|query| form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")) {
        return Err(RequestError::TokenInQuery);
    }
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(RequestError::SeveralCredentials);
    }
    let value = value.as_bytes();
    let scheme_end = value.iter().position(|&b| b == b' ').unwrap_or(value.len());
    if !value[..scheme_end].eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    let token = value[scheme_end..].trim_ascii();
    match std::str::from_utf8(token) {
        Ok(token) if is_b64token(token.as_bytes()) => Ok(Some(BearerToken(token))),
        _ => Err(RequestError::MalformedToken),
    }
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
fn is_b64token(bytes: &[u8]) -> bool {
    let body = bytes.iter().rposition(|&b| b != b'=').map_or(&bytes[..0], |last| &bytes[..=last]);
    !body.is_empty()
        && body.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn bearer<'a>(values: &'a HeaderMap, query: Option<&str>) -> Result<Option<&'a str>, RequestError> {
        bearer_from(values, query).map(|token| token.map(BearerToken::expose_secret))
    }

    fn headers(values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).expect("a header value"))).collect()
    }

    #[test]
    fn finds_the_token() {
        for value in ["Bearer a.b-c_~+/==", "bearer a.b-c_~+/==", "BEARER   a.b-c_~+/=="] {
            assert_eq!(bearer(&headers(&[value.as_bytes()]), None), Ok(Some("a.b-c_~+/==")), "{value}");
        }
        assert_eq!(bearer(&headers(&[]), Some("a=b&access_tokens=c")), Ok(None));
    }

    #[test]
    fn other_schemes_are_no_token() {
        for value in ["Basic YTpi", "DPoP a", "Bearertoken", "Bearer-x y", ""] {
            assert_eq!(bearer(&headers(&[value.as_bytes()]), None), Ok(None), "{value}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for value in ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer \"a\""] {
            assert_eq!(bearer(&headers(&[value.as_bytes()]), None), Err(RequestError::MalformedToken), "{value}");
        }
        assert_eq!(bearer(&headers(&[b"Bearer \xff"]), None), Err(RequestError::MalformedToken));
    }

    #[test]
    fn a_second_place_is_refused() {
        let one = headers(&[b"Bearer a"]);
        for query in ["access_token=a", "x=y&access%5Ftoken=b", "access_token"] {
            assert_eq!(bearer(&one, Some(query)), Err(RequestError::TokenInQuery), "{query}");
            assert_eq!(bearer(&headers(&[]), Some(query)), Err(RequestError::TokenInQuery), "{query}");
        }
        for second in [&b"Bearer a"[..], b"Basic YTpi"] {
            assert_eq!(bearer(&headers(&[b"Bearer a", second]), None), Err(RequestError::SeveralCredentials));
        }
    }

    proptest! {
        #[test]
        fn any_header_gives_a_token_of_the_form_or_none(bytes in prop::collection::vec(0x20_u8..=0xff, 0..64)) {
            let Ok(value) = HeaderValue::from_bytes(&[b"Bearer ", &bytes[..]].concat()) else { return Ok(()) };
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            if let Ok(Some(token)) = bearer(&headers, None) {
                prop_assert_eq!(token.as_bytes(), bytes.trim_ascii());
                prop_assert!(is_b64token(token.as_bytes()));
            }
        }

        #[test]
        fn every_token_of_the_form_is_found(token in "[A-Za-z0-9._~+/-]{1,80}={0,2}") {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header value");
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            prop_assert_eq!(bearer(&headers, None), Ok(Some(&*token)));
        }
    }
}
