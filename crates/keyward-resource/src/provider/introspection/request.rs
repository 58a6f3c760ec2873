//! The request of RFC 7662 §2.1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use keyward_discovery::AuthorizationServerMetadata;
use keyward_outbound::{Client, OutboundError};
use serde::Deserialize;
use url::{Url, form_urlencoded};
use zeroize::{Zeroize, Zeroizing};

use crate::provider::config::{ClientAuthentication, IntrospectionConfig};
use crate::provider::kept_metadata::KeptMetadata;
use keyward_core::json::object;

/// Why the issuer gave no usable answer about a token.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("{0}")]
    Discovery(String),
    #[error("its metadata names no introspection_endpoint")]
    NoEndpoint,
    #[error("the client secret cannot be sent")]
    Unsendable,
    #[error("it cannot be asked about tokens")]
    Outbound(#[from] OutboundError),
    #[error("it refuses the client id and secret by which it is asked about tokens (status {0})")]
    Client(u16),
    #[error("its introspection endpoint answered {0}")]
    Status(u16),
    #[error("its introspection endpoint gave no answer of RFC 7662")]
    Form,
}

impl AskError {
    /// Whether it says something of the issuer, and not perhaps of this one token or of how many there are.
    pub(super) fn is_the_issuers(&self) -> bool {
        !matches!(self, Self::Client(403) | Self::Status(402..=499))
    }
}

/// The answer; `None` where the issuer takes the text for no token at all, and says so by 400 rather than as it should
/// (RFC 7662 §2.2). Whoever sends such a text must not be able to make its endpoint look broken.
pub(super) async fn ask(
    config: &IntrospectionConfig,
    client: &Client,
    metadata: &KeptMetadata,
    token: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, AskError> {
    let metadata = match &config.endpoint {
        Some(_) => metadata.known(),
        None => Some(metadata.needed().await.map_err(AskError::Discovery)?),
    };
    let named = metadata.as_ref().and_then(|metadata| metadata.introspection_endpoint.as_ref());
    let endpoint: &Url = config.endpoint.as_ref().or(named).ok_or(AskError::NoEndpoint)?;
    let authentication = config.authentication.unwrap_or_else(|| preferred(metadata.as_deref()));
    let (headers, body) = form(config, authentication, token).ok_or(AskError::Unsendable)?;
    let response = client.send(Method::POST, endpoint, headers, body).await?;
    let answer = Zeroizing::new(response.body.to_vec());
    if let Ok(mut body) = response.body.try_into_mut() {
        body.zeroize();
    }
    match response.status {
        StatusCode::OK => Ok(Some(answer)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(AskError::Client(response.status.as_u16())),
        StatusCode::BAD_REQUEST => match object::<Refusal>(&answer).map(|refusal| refusal.error).as_deref() {
            Ok("invalid_token" | "invalid_request" | "unsupported_token_type") => Ok(None),
            Ok("invalid_client" | "unauthorized_client") => Err(AskError::Client(400)),
            _ => Err(AskError::Status(400)),
        },
        other => Err(AskError::Status(other.as_u16())),
    }
}

/// RFC 6749 §5.2.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// By what the issuer says of this endpoint, or else of its token endpoint.
fn preferred(metadata: Option<&AuthorizationServerMetadata>) -> ClientAuthentication {
    let methods = metadata.and_then(|metadata| {
        let own = metadata.introspection_endpoint_auth_methods_supported.as_ref();
        own.or(metadata.token_endpoint_auth_methods_supported.as_ref())
    });
    let takes = |name: &str| methods.is_some_and(|methods| methods.iter().any(|method| method == name));
    if takes("client_secret_post") && !takes("client_secret_basic") {
        ClientAuthentication::Post
    } else {
        ClientAuthentication::Basic
    }
}

/// What holds secrets is wiped when it was sent.
fn form(config: &IntrospectionConfig, authentication: ClientAuthentication, token: &str) -> Option<(HeaderMap, Bytes)> {
    let mut headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        (ACCEPT, HeaderValue::from_static("application/json")),
    ]);
    let mut encoder = form_urlencoded::Serializer::new(String::with_capacity(8192));
    encoder.append_pair("token", token).append_pair("token_type_hint", "access_token");
    let secret = config.client_secret.expose_text()?;
    match authentication {
        ClientAuthentication::Basic => {
            // RFC 6749 §2.3.1: both halves are form-encoded first.
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = Zeroizing::new(format!("{}:{}", encode(&config.client_id), *Zeroizing::new(encode(secret))));
            let value = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(&*pair))));
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        ClientAuthentication::Post => {
            encoder.append_pair("client_id", &config.client_id).append_pair("client_secret", secret);
        }
    }
    Some((headers, Bytes::from_owner(Zeroizing::new(encoder.finish().into_bytes()))))
}
