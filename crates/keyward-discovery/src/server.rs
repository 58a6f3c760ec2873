//! The metadata of an authorization server (RFC 8414 §2, OpenID Connect Discovery §3).

use bytes::Bytes;
use serde::Deserialize;
use url::Url;

use crate::error::InvalidMetadata;
use crate::json::object;

/// An authorization server, as its metadata describes it. Members that are absent, `null` or empty are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationServerMetadata {
    /// Its identifier, to the letter.
    pub issuer: String,
    /// Where people log in (RFC 6749 §3.1).
    pub authorization_endpoint: Option<Url>,
    /// Where tokens are given (RFC 6749 §3.2).
    pub token_endpoint: Option<Url>,
    /// Its keys (RFC 7517).
    pub jwks_uri: Option<Url>,
    /// Where clients are registered (RFC 7591).
    pub registration_endpoint: Option<Url>,
    /// Where tokens are asked about (RFC 7662).
    pub introspection_endpoint: Option<Url>,
    /// Where tokens are given back (RFC 7009).
    pub revocation_endpoint: Option<Url>,
    /// Claims about a person (OpenID Connect Core §5.3).
    pub userinfo_endpoint: Option<Url>,
    /// Where people log out (OpenID Connect RP-Initiated Logout §2.1).
    pub end_session_endpoint: Option<Url>,
    /// The scopes that it tells of.
    pub scopes_supported: Vec<String>,
    /// How clients prove themselves at the token endpoint; `None` means `client_secret_basic` (RFC 8414 §2).
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// How those prove themselves that ask about tokens.
    pub introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Which PKCE methods it takes; many that take S256 do not say so.
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// What ID tokens are signed with (OpenID Connect Discovery §3). Access tokens are, often, signed alike.
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// Whether its authorization answers name it (RFC 9207 §3).
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a client id may be the URL of its metadata.
    pub client_id_metadata_document_supported: bool,
    /// Whether it tells when somebody logs out (OpenID Connect Back-Channel Logout §2.1).
    pub backchannel_logout_supported: bool,
    /// The document itself.
    pub document: Bytes,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    jwks_uri: Option<String>,
    registration_endpoint: Option<String>,
    introspection_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    scopes_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
    client_id_metadata_document_supported: Option<bool>,
    backchannel_logout_supported: Option<bool>,
}

impl AuthorizationServerMetadata {
    /// Reads the document of `issuer`, which must name it to the letter (RFC 8414 §3.3). With `http_allowed`, endpoints
    /// may be without TLS.
    pub fn parse(json: &[u8], issuer: &str, http_allowed: bool) -> Result<Self, InvalidMetadata> {
        let document: Document = object(json)?;
        if document.issuer != issuer {
            return Err(InvalidMetadata::foreign(&document.issuer));
        }
        let url = |name, text: Option<String>| {
            let text = text.filter(|text| !text.is_empty());
            text.map(|text| endpoint(&text, http_allowed).ok_or(InvalidMetadata::Endpoint(name))).transpose()
        };
        Ok(Self {
            issuer: document.issuer,
            authorization_endpoint: url("authorization_endpoint", document.authorization_endpoint)?,
            token_endpoint: url("token_endpoint", document.token_endpoint)?,
            jwks_uri: url("jwks_uri", document.jwks_uri)?,
            registration_endpoint: url("registration_endpoint", document.registration_endpoint)?,
            introspection_endpoint: url("introspection_endpoint", document.introspection_endpoint)?,
            revocation_endpoint: url("revocation_endpoint", document.revocation_endpoint)?,
            userinfo_endpoint: url("userinfo_endpoint", document.userinfo_endpoint)?,
            end_session_endpoint: url("end_session_endpoint", document.end_session_endpoint)?,
            scopes_supported: document.scopes_supported.unwrap_or_default(),
            token_endpoint_auth_methods_supported: document.token_endpoint_auth_methods_supported,
            introspection_endpoint_auth_methods_supported: document.introspection_endpoint_auth_methods_supported,
            code_challenge_methods_supported: document.code_challenge_methods_supported,
            id_token_signing_alg_values_supported: document.id_token_signing_alg_values_supported.unwrap_or_default(),
            authorization_response_iss_parameter_supported: document
                .authorization_response_iss_parameter_supported
                .unwrap_or(false),
            client_id_metadata_document_supported: document.client_id_metadata_document_supported.unwrap_or(false),
            backchannel_logout_supported: document.backchannel_logout_supported.unwrap_or(false),
            document: Bytes::copy_from_slice(json),
        })
    }

    /// Where people are asked for a grant, and where tokens are given for the code that comes of it (RFC 6749 §4.1). Nobody
    /// can be sent to one that lacks either, or that rules PKCE out.
    pub fn code_endpoints(&self) -> Result<(&Url, &Url), InvalidMetadata> {
        if self.takes_s256() == Some(false) {
            return Err(InvalidMetadata::NoPkce);
        }
        let missing = InvalidMetadata::Missing;
        let authorization = self.authorization_endpoint.as_ref().ok_or(missing("authorization_endpoint"))?;
        let token = self.token_endpoint.as_ref().ok_or(missing("token_endpoint"))?;
        Ok((authorization, token))
    }

    /// Whether it takes PKCE by S256, as far as it says.
    pub fn takes_s256(&self) -> Option<bool> {
        self.code_challenge_methods_supported.as_ref().map(|methods| methods.iter().any(|method| method == "S256"))
    }
}

/// An endpoint that may be used: https, or http too where the operator allows private addresses.
pub fn endpoint(text: &str, http_allowed: bool) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let scheme = url.scheme() == "https" || (http_allowed && url.scheme() == "http");
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (scheme && plain && url.has_host()).then_some(url)
}

/// Where the metadata of `issuer` may be, in the order of MCP's authorization specification: RFC 8414 §3.1 puts the
/// issuer's path after the well-known part, OpenID Connect Discovery §4 the well-known part after the path.
pub fn server_documents(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url.set_query(None);
        url
    };
    let oauth = at(format!("/.well-known/oauth-authorization-server{path}"));
    let openid = at(format!("/.well-known/openid-configuration{path}"));
    match path {
        "" => vec![oauth, openid],
        _ => vec![oauth, openid, at(format!("{path}/.well-known/openid-configuration"))],
    }
}

/// The same places for an OpenID provider: first that of OpenID Connect Discovery §4.
pub(crate) fn openid_documents(issuer: &Url) -> Vec<Url> {
    let mut places = server_documents(issuer);
    places.reverse();
    places
}

#[cfg(test)]
mod tests;
