//! Client authentication at the token and revocation endpoints (RFC 6749 §2.3): `none`, `client_secret_basic`,
//! `client_secret_post`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use keyward_core::secret::TokenHash;
use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use crate::client::{self, Authentication, Client, FindError};
use crate::oauth_error::OauthError;
use crate::parameters::Parameters;
use crate::register::metadata_document::Freshness;
use crate::state::Issuer;

/// Why a client was not taken for the one that it says it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientAuthError {
    #[error("client_id is missing")]
    NoClientId,
    #[error("one way of client authentication is enough: Authorization header or client_secret")]
    TwoMethods,
    #[error("the Authorization header is not HTTP Basic with client_id and client_secret")]
    MalformedHeader,
    #[error("no such client is registered here; register again")]
    UnknownClient,
    #[error("the client's secret is missing or wrong")]
    WrongSecret,
    #[error("this client has no secret; authenticate with client_id alone")]
    PublicClient,
    #[error("the client could not be looked up")]
    Failed(#[source] FindError),
}

impl ClientAuthError {
    fn is_about_the_request(&self) -> bool {
        matches!(self, Self::NoClientId | Self::TwoMethods)
    }
}

impl From<ClientAuthError> for OauthError {
    fn from(error: ClientAuthError) -> Self {
        if let ClientAuthError::Failed(cause) = &error {
            tracing::error!(error = cause as &dyn std::error::Error, "a client could not be looked up");
            return match cause {
                FindError::Storage(cause) => Self::storage(cause),
                _ => Self::server_error(),
            };
        }
        if error.is_about_the_request() {
            return Self::new("invalid_request", error.to_string());
        }
        Self::new("invalid_client", error.to_string())
            .status(StatusCode::UNAUTHORIZED)
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"keyward\""))
    }
}

/// What a request says of its client.
struct Credentials {
    client_id: String,
    secret: Option<Zeroizing<String>>,
}

/// The client that sent this request.
pub(crate) async fn authenticate(
    issuer: &Issuer,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Client, ClientAuthError> {
    let credentials = credentials(headers, parameters)?;
    // Codes and refresh tokens are bound to a client whose document was read when the person consented.
    let client = match client::find(issuer, &credentials.client_id, Freshness::Stored).await {
        Ok(client) => client.ok_or(ClientAuthError::UnknownClient)?,
        Err(FindError::Document(error)) => {
            tracing::info!(error = &error as &dyn std::error::Error, "a client's metadata document cannot be used");
            return Err(ClientAuthError::UnknownClient);
        }
        Err(error) => return Err(ClientAuthError::Failed(error)),
    };
    match (&client.authentication, &credentials.secret) {
        (Authentication::None, None) => Ok(client),
        (Authentication::None, Some(_)) => Err(ClientAuthError::PublicClient),
        (Authentication::Secret(expected), Some(secret))
            if TokenHash::of(secret.as_bytes()).equals_in_constant_time(expected) =>
        {
            Ok(client)
        }
        (Authentication::Secret(_), _) => Err(ClientAuthError::WrongSecret),
    }
}

fn credentials(headers: &HeaderMap, parameters: &Parameters) -> Result<Credentials, ClientAuthError> {
    let client_id = parameters.get("client_id");
    let secret = parameters.get("client_secret").map(|secret| Zeroizing::new(secret.to_owned()));
    let mut authorizations = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = authorizations.next() else {
        let client_id = client_id.ok_or(ClientAuthError::NoClientId)?.to_owned();
        return Ok(Credentials { client_id, secret });
    };
    if secret.is_some() || authorizations.next().is_some() {
        return Err(ClientAuthError::TwoMethods);
    }
    let basic = parse_basic(header).ok_or(ClientAuthError::MalformedHeader)?;
    if client_id.is_some_and(|client_id| client_id != basic.client_id) {
        return Err(ClientAuthError::TwoMethods);
    }
    Ok(basic)
}

/// RFC 6749 §2.3.1: both halves are form-urlencoded before they are joined. An empty secret is none.
fn parse_basic(header: &HeaderValue) -> Option<Credentials> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let (client_id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    let secret = Zeroizing::new(form_decode(secret)?);
    Some(Credentials { client_id: form_decode(client_id)?, secret: (!secret.is_empty()).then_some(secret) })
}

fn form_decode(text: &str) -> Option<String> {
    let spaced = Zeroizing::new(text.replace('+', " "));
    percent_decode(spaced.as_bytes()).decode_utf8().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn basic(plain: &str) -> HeaderValue {
        format!("Basic {}", STANDARD.encode(plain)).parse().expect("header")
    }

    fn parsed(header: Option<HeaderValue>, body: &str) -> Result<(String, Option<String>), ClientAuthError> {
        let headers: HeaderMap = header.into_iter().map(|value| (AUTHORIZATION, value)).collect();
        let credentials = credentials(&headers, &Parameters::parse(body.as_bytes()))?;
        Ok((credentials.client_id, credentials.secret.map(|secret| secret.to_string())))
    }

    #[test]
    fn halves_are_form_decoded() {
        let (client_id, secret) = parsed(Some(basic("https%3A%2F%2Fa%2Fb:s%2B+x")), "").expect("credentials");
        assert_eq!((client_id.as_str(), secret.as_deref()), ("https://a/b", Some("s+ x")));
        assert_eq!(parsed(Some(basic("c:")), "client_id=c").expect("credentials"), ("c".to_owned(), None));
    }

    #[test]
    fn two_methods_are_one_too_many() {
        for (header, body) in [("c:s", "client_secret=s"), ("c:s", "client_id=other")] {
            assert!(matches!(parsed(Some(basic(header)), body), Err(ClientAuthError::TwoMethods)), "{body}");
        }
        assert!(matches!(parsed(None, "client_secret=s"), Err(ClientAuthError::NoClientId)));
        for malformed in ["Bearer x", "Basic !", "Basic", "Basic YQ=="] {
            let header = HeaderValue::from_static(malformed);
            assert!(matches!(parsed(Some(header), ""), Err(ClientAuthError::MalformedHeader)), "{malformed}");
        }
    }
    proptest! {
        #[test]
        fn any_header_is_read_without_harm(bytes in prop::collection::vec(0x20_u8..=0xff, 0..64), body in "\\PC{0,32}") {
            for start in [&b"Basic "[..], b"basic  ", b""] {
                let Ok(header) = HeaderValue::from_bytes(&[start, &bytes[..]].concat()) else { continue };
                let _ = parsed(Some(header), &body);
            }
        }

        #[test]
        fn any_bytes_in_base64_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let header: HeaderValue = format!("Basic {}", STANDARD.encode(&bytes)).parse().expect("header");
            let read = parsed(Some(header), "");
            prop_assert!(read.is_err() || bytes.contains(&b':'));
        }

        #[test]
        fn every_id_and_secret_gets_through(client_id in "\\PC{0,24}", secret in "\\PC{1,24}") {
            let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = [encoded(&client_id), encoded(&secret)].join(":");
            let read = parsed(Some(basic(&pair)), "").expect("credentials");
            prop_assert_eq!(read, (client_id, Some(secret)));
        }
    }
}
