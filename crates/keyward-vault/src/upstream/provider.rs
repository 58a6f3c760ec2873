//! Finding a provider: by its endpoints, by its issuer's metadata, or from the resource that it protects.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use keyward_discovery::{
    AuthorizationServerMetadata, DiscoveryError, InvalidMetadata, ResourceMetadata, challenge, discover, discover_at,
    discover_openid, endpoint, first_document, resource_documents,
};
use keyward_outbound::OutboundError;
use url::Url;

use super::Connection;
use super::config::{AuthMethod, OfflineAccess, ProviderConfig};
use super::metadata::ServerMetadata;

/// What an MCP server is asked with, to be told who protects it. No server does anything for it.
const PING: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
/// What is asked for to know who somebody is (OpenID Connect Core §5.4).
const IDENTITY: [&str; 3] = ["openid", "profile", "email"];
/// Without it many servers give no refresh token (OpenID Connect Core §11), and the person would be asked again every hour.
pub(super) const OFFLINE_ACCESS: &str = "offline_access";

/// A provider, found.
#[derive(Debug)]
pub(crate) struct Provider {
    /// By which its registrations and grants are known: its issuer identifier, or the token endpoint where it has none.
    pub(crate) issuer: String,
    /// Whether `issuer` is what its answers would name it by (RFC 9207).
    pub(crate) has_issuer: bool,
    /// Whether an answer without that is refused.
    pub(crate) iss_required: bool,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) revocation_endpoint: Option<Url>,
    pub(crate) registration_endpoint: Option<Url>,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
    auth_methods: Option<Vec<String>>,
    /// The `resource` parameter (RFC 8707).
    pub(crate) resource: Option<String>,
    /// What to ask for where the configuration says nothing.
    pub(crate) scopes: Vec<String>,
    /// Whether it gives `offline_access` with the person's consent only, also where that was given before.
    pub(crate) offline_by_consent: bool,
}

impl Connection {
    /// Looks for the provider.
    pub(super) async fn discover(&self) -> Result<Provider, DiscoveryError> {
        match &self.config.provider {
            ProviderConfig::Endpoints { issuer, authorization_endpoint, token_endpoint, revocation_endpoint } => {
                Ok(Provider {
                    issuer: issuer.clone().unwrap_or_else(|| token_endpoint.to_string()),
                    has_issuer: issuer.is_some(),
                    iss_required: false,
                    authorization_endpoint: authorization_endpoint.clone(),
                    token_endpoint: token_endpoint.clone(),
                    revocation_endpoint: revocation_endpoint.clone(),
                    registration_endpoint: None,
                    userinfo_endpoint: None,
                    end_session_endpoint: None,
                    auth_methods: None,
                    resource: None,
                    scopes: Vec::new(),
                    offline_by_consent: true,
                })
            }
            ProviderConfig::Issuer(issuer) => {
                let server = self.server_metadata(issuer).await?;
                Ok(Provider::of(issuer.clone(), server))
            }
            ProviderConfig::OpenId { issuer, metadata_url, offline_access } => {
                let metadata = match metadata_url {
                    Some(url) => discover_at(&self.http, issuer, url).await?,
                    None => discover_openid(&self.http, issuer).await?,
                };
                let server = usable(issuer, metadata)?;
                let offers = *offline_access != OfflineAccess::Otherwise && offers_offline_access(&server);
                let scopes = IDENTITY.into_iter().chain(offers.then_some(OFFLINE_ACCESS));
                Ok(Provider {
                    scopes: scopes.map(str::to_owned).collect(),
                    offline_by_consent: *offline_access != OfflineAccess::Scope,
                    ..Provider::of(issuer.clone(), server)
                })
            }
            ProviderConfig::Resource { resource, issuer } => {
                self.discover_by_resource(resource, issuer.as_deref()).await
            }
        }
    }

    async fn discover_by_resource(&self, resource: &Url, pinned: Option<&str>) -> Result<Provider, DiscoveryError> {
        let (found, issuer, scopes) = self.resource_metadata(resource, pinned).await?;
        let server = self.server_metadata(&issuer).await?;
        if server.s256 != Some(true) {
            // MCP authorization, "Authorization Code Protection": a client must refuse.
            return Err(DiscoveryError::Invalid { url: issuer, cause: InvalidMetadata::NoPkce });
        }
        let mut scopes = match scopes {
            Some(scopes) => scopes.split_ascii_whitespace().map(str::to_owned).collect(),
            None => found.scopes_supported,
        };
        if offers_offline_access(&server) && !scopes.iter().any(|scope| scope == OFFLINE_ACCESS) {
            scopes.push(OFFLINE_ACCESS.to_owned());
        }
        Ok(Provider { resource: Some(found.resource), scopes, ..Provider::of(issuer, server) })
    }

    /// By the challenge of the resource where it has one, else at the well-known places. Gives the authorization server
    /// to go to, too, and the scopes of the challenge.
    async fn resource_metadata(
        &self,
        resource: &Url,
        pinned: Option<&str>,
    ) -> Result<(ResourceMetadata, String, Option<String>), DiscoveryError> {
        let (named, scopes) = self.challenged(resource).await?;
        let candidates = match named {
            Some(url) => vec![url],
            None => resource_documents(resource),
        };
        let read = |json: &Bytes| {
            let found = ResourceMetadata::parse(json, resource)?;
            let issuer = found.issuer(pinned)?.to_owned();
            Ok((found, issuer))
        };
        let (found, issuer) = first_document(&self.http, candidates, read).await?;
        Ok((found, issuer, scopes))
    }

    async fn challenged(&self, resource: &Url) -> Result<(Option<Url>, Option<String>), DiscoveryError> {
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (ACCEPT, HeaderValue::from_static("application/json, text/event-stream")),
        ]);
        let sent = self.http.send(Method::POST, resource, headers, Bytes::from_static(PING)).await;
        let response = match sent {
            Ok(response) => response,
            // A server that needs no token for this may answer with a stream that does not end.
            Err(OutboundError::Deadline | OutboundError::TooLarge { .. }) => return Ok((None, None)),
            Err(cause) => return Err(DiscoveryError::Fetch { url: resource.to_string(), cause }),
        };
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok((None, None));
        }
        let challenges = response.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let (named, scopes) = challenges.map(challenge).find(|(named, _)| named.is_some()).unwrap_or_default();
        Ok((named.and_then(|text| endpoint(&text, self.http_allowed())), scopes))
    }

    async fn server_metadata(&self, issuer: &str) -> Result<ServerMetadata, DiscoveryError> {
        usable(issuer, discover(&self.http, issuer).await?)
    }
}

fn usable(issuer: &str, metadata: AuthorizationServerMetadata) -> Result<ServerMetadata, DiscoveryError> {
    metadata.try_into().map_err(|cause| DiscoveryError::Invalid { url: issuer.to_owned(), cause })
}

fn offers_offline_access(server: &ServerMetadata) -> bool {
    server.scopes_supported.iter().any(|scope| scope == OFFLINE_ACCESS)
}

impl Provider {
    fn of(issuer: String, server: ServerMetadata) -> Self {
        Self {
            issuer,
            has_issuer: true,
            iss_required: server.iss_supported,
            authorization_endpoint: server.authorization_endpoint,
            token_endpoint: server.token_endpoint,
            revocation_endpoint: server.revocation_endpoint,
            registration_endpoint: server.registration_endpoint,
            userinfo_endpoint: server.userinfo_endpoint,
            end_session_endpoint: server.end_session_endpoint,
            auth_methods: server.auth_methods,
            resource: None,
            scopes: Vec::new(),
            offline_by_consent: true,
        }
    }

    /// How a client with or without a secret proves itself here.
    pub(crate) fn auth_method(&self, has_secret: bool) -> AuthMethod {
        let usable: &[AuthMethod] =
            if has_secret { &[AuthMethod::Basic, AuthMethod::Post] } else { &[AuthMethod::None] };
        usable.iter().copied().find(|method| self.takes(*method)).unwrap_or(usable[0])
    }

    /// What to register with (RFC 7591 §2): a secret where that is possible.
    pub(crate) fn registration_method(&self) -> AuthMethod {
        AuthMethod::ALL.into_iter().find(|method| self.takes(*method)).unwrap_or(AuthMethod::Basic)
    }

    fn takes(&self, method: AuthMethod) -> bool {
        match &self.auth_methods {
            Some(methods) => methods.iter().any(|name| name == method.as_str()),
            None => method == AuthMethod::Basic,
        }
    }
}
