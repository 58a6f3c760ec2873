//! Requests of a client: tokens (RFC 6749 §3.2), and giving them back (RFC 7009).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use keyward_outbound::{Client, OutboundError};
use url::{Url, form_urlencoded};
use zeroize::{Zeroize, Zeroizing};

use super::client::OwnClient;
use super::config::AuthMethod;
use super::token_response::{self, TokenRefused, TokenResponse};
use super::token_set::TokenSet;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The provider answered, and gave none.
    #[error(transparent)]
    Refused(#[from] TokenRefused),
    /// Nobody knows what the provider did.
    #[error("the provider did not answer: {0}")]
    Unanswered(#[from] OutboundError),
    /// A secret that cannot be sent.
    #[error("the client secret cannot be sent")]
    Unsendable,
}

impl TokenError {
    /// Whether the provider can still be doing what it was asked: the request may have reached it.
    pub(crate) fn leaves_open(&self) -> bool {
        use OutboundError::{Deadline, Http, TooLarge};
        match self {
            Self::Unanswered(Deadline | Http(_) | TooLarge { .. }) => true,
            // A connection that was never made carried nothing; nor did one that was not trusted.
            Self::Unanswered(_) => false,
            // An error page of something in front of the provider says nothing about the provider.
            Self::Refused(TokenRefused::Status(status)) => *status >= 500,
            Self::Refused(TokenRefused::Malformed(_)) => true,
            Self::Refused(TokenRefused::Error { .. }) | Self::Unsendable => false,
        }
    }
}

/// Asks for tokens with these parameters, as `client`.
pub(crate) async fn request(
    http: &Client,
    endpoint: &Url,
    client: &OwnClient,
    parameters: &[(&str, &str)],
) -> Result<TokenResponse, TokenError> {
    let (headers, body) = form(client, parameters).ok_or(TokenError::Unsendable)?;
    let response = http.send(Method::POST, endpoint, headers, body).await?;
    let read = token_response::parse(response.status, &response.body);
    if let Ok(mut body) = response.body.try_into_mut() {
        body.zeroize();
    }
    Ok(read?)
}

/// Gives tokens back; whether the provider took them.
pub(crate) async fn revoke(http: &Client, endpoint: &Url, client: &OwnClient, tokens: &TokenSet) -> bool {
    let (token, hint) = tokens.revocable();
    let Some(text) = token.expose_text() else { return false };
    let Some((headers, body)) = form(client, &[("token", text), ("token_type_hint", hint)]) else { return false };
    match http.send(Method::POST, endpoint, headers, body).await {
        Ok(response) => response.status.is_success(),
        Err(error) => {
            tracing::warn!(%error, "a grant could not be given back to its provider");
            false
        }
    }
}

/// The parameters as a form, with the client's proof beside or among them. What holds secrets is wiped when it was sent.
fn form(client: &OwnClient, parameters: &[(&str, &str)]) -> Option<(HeaderMap, Bytes)> {
    let mut headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        (ACCEPT, HeaderValue::from_static("application/json")),
    ]);
    let mut encoder = form_urlencoded::Serializer::new(String::with_capacity(4096));
    encoder.extend_pairs(parameters);
    let secret = client.secret.as_ref().map(|secret| secret.expose_text().ok_or(())).transpose().ok()?;
    match (client.auth_method, secret) {
        (AuthMethod::Basic, Some(secret)) => {
            // RFC 6749 §2.3.1: both halves are form-encoded first.
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = Zeroizing::new(format!("{}:{}", encode(&client.client_id), *Zeroizing::new(encode(secret))));
            let value = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(&*pair))));
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        (AuthMethod::Post, Some(secret)) => {
            encoder.append_pair("client_id", &client.client_id).append_pair("client_secret", secret);
        }
        _ => {
            encoder.append_pair("client_id", &client.client_id);
        }
    }
    let body = Zeroizing::new(encoder.finish().into_bytes());
    Some((headers, Bytes::from_owner(body)))
}
