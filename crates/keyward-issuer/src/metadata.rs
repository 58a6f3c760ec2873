//! Authorization server metadata (RFC 8414 §2) and OpenID Connect discovery (OpenID Connect Discovery §3).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HeaderValue};
use keyward_core::scope::ScopeSet;
use serde::Serialize;

use crate::config::{IssuerConfig, Registration};
use crate::scope;
use crate::state::Issuer;

/// What both documents say. Every member names something that works.
#[derive(Serialize)]
struct AuthorizationServerMetadata<'a> {
    issuer: &'a str,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    revocation_endpoint: String,
    scopes_supported: ScopeSet,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 2],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    /// RFC 7636 §4.2; clients refuse to start without it.
    code_challenge_methods_supported: [&'static str; 1],
    /// RFC 9207 §3.
    authorization_response_iss_parameter_supported: bool,
    /// OAuth Client ID Metadata Document.
    client_id_metadata_document_supported: bool,
    /// RFC 9728 §4.
    protected_resources: Vec<&'a str>,
}

/// What OpenID Connect Discovery §3 adds.
#[derive(Serialize)]
struct OpenIdConfiguration<'a> {
    #[serde(flatten)]
    metadata: AuthorizationServerMetadata<'a>,
    userinfo_endpoint: String,
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    claims_supported: [&'static str; 8],
    prompt_values_supported: [&'static str; 3],
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    /// Left out it would mean "yes".
    request_uri_parameter_supported: bool,
}

const AUTH_METHODS: [&str; 3] = ["none", "client_secret_basic", "client_secret_post"];

fn authorization_server(config: &IssuerConfig) -> AuthorizationServerMetadata<'_> {
    AuthorizationServerMetadata {
        issuer: &config.public_url,
        authorization_endpoint: config.url("/authorize"),
        token_endpoint: config.url("/token"),
        jwks_uri: config.url("/jwks"),
        registration_endpoint: (config.registration == Registration::Open).then(|| config.url("/register")),
        revocation_endpoint: config.url("/revoke"),
        scopes_supported: scope::supported(config),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: ["authorization_code", "refresh_token"],
        token_endpoint_auth_methods_supported: AUTH_METHODS,
        revocation_endpoint_auth_methods_supported: AUTH_METHODS,
        code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: true,
        client_id_metadata_document_supported: config.client_metadata_documents,
        protected_resources: config.protected_resources().map(|protected| protected.resource.as_str()).collect(),
    }
}

/// `GET /.well-known/oauth-authorization-server` (RFC 8414 §3).
pub(crate) async fn oauth(State(issuer): State<Issuer>) -> Response {
    document(&authorization_server(&issuer.config))
}

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery §4). Its scopes are two more than those of the
/// other document: clients that ask for all they see there want an ID token.
pub(crate) async fn openid(State(issuer): State<Issuer>) -> Response {
    let config = &issuer.config;
    let mut metadata = authorization_server(config);
    let openid: ScopeSet = [scope::OPENID, scope::EMAIL].iter().filter_map(|scope| scope.parse().ok()).collect();
    metadata.scopes_supported = metadata.scopes_supported.union(&openid);
    document(&OpenIdConfiguration {
        metadata,
        userinfo_endpoint: config.url("/userinfo"),
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["ES256"],
        claims_supported: ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "email"],
        prompt_values_supported: ["none", "login", "consent"],
        claims_parameter_supported: false,
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
    })
}

fn document(content: &impl Serialize) -> Response {
    ([(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))], Json(content)).into_response()
}

#[cfg(test)]
mod tests;
