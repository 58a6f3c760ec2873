//! Fetching metadata documents.

use bytes::Bytes;
use http::header::{ACCEPT, HeaderMap, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use keyward_core::words;
use keyward_outbound::{Client, Guard, OutboundError};
use url::Url;

use crate::error::{DiscoveryError, InvalidMetadata};
use crate::server::{AuthorizationServerMetadata, endpoint, openid_documents, server_documents};

/// Finds the metadata of `issuer` at its well-known places. What a place answers that is not its document is passed
/// over: many servers have a page for whatever is asked for.
pub async fn discover(client: &Client, issuer: &str) -> Result<AuthorizationServerMetadata, DiscoveryError> {
    discover_among(client, issuer, server_documents).await
}

/// The same of an OpenID provider. Where it has a document of either kind, that of OpenID Connect Discovery is taken: only
/// there has it to say where claims about a person are, and where people log out.
pub async fn discover_openid(client: &Client, issuer: &str) -> Result<AuthorizationServerMetadata, DiscoveryError> {
    discover_among(client, issuer, openid_documents).await
}

async fn discover_among(
    client: &Client,
    issuer: &str,
    places: impl Fn(&Url) -> Vec<Url>,
) -> Result<AuthorizationServerMetadata, DiscoveryError> {
    let http_allowed = http_allowed(client, issuer);
    let Some(base) = endpoint(issuer, http_allowed) else {
        let url = words::tame(issuer).unwrap_or_default();
        return Err(DiscoveryError::Invalid { url, cause: InvalidMetadata::Issuer });
    };
    let read = |json: &Bytes| AuthorizationServerMetadata::parse(json, issuer, http_allowed);
    first_document(client, places(&base), read).await
}

/// Fetches the metadata of `issuer` from where the operator says that it is.
pub async fn discover_at(
    client: &Client,
    issuer: &str,
    url: &Url,
) -> Result<AuthorizationServerMetadata, DiscoveryError> {
    let http_allowed = http_allowed(client, issuer) || http_allowed(client, url.as_str());
    let read = |json: &Bytes| AuthorizationServerMetadata::parse(json, issuer, http_allowed);
    first_document(client, vec![url.clone()], read).await
}

/// The first of these documents that is there and that `read` takes. A host that cannot be reached is not asked again;
/// where there is none, the error is that of the document which came nearest.
pub async fn first_document<T>(
    client: &Client,
    candidates: Vec<Url>,
    read: impl Fn(&Bytes) -> Result<T, InvalidMetadata>,
) -> Result<T, DiscoveryError> {
    let mut nearest = DiscoveryError::Absent { url: String::new(), status: 404 };
    for url in candidates {
        match document(client, &url, &read).await {
            Ok(found) => return Ok(found),
            Err(error) if is_final(&error) => return Err(error),
            Err(error) if nearness(&error) >= nearness(&nearest) => nearest = error,
            Err(_) => {}
        }
    }
    Err(nearest)
}

async fn document<T>(
    client: &Client,
    url: &Url,
    read: impl Fn(&Bytes) -> Result<T, InvalidMetadata>,
) -> Result<T, DiscoveryError> {
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let response = client.send(Method::GET, url, headers, Bytes::new()).await;
    let url = url.to_string();
    let response = match response {
        Ok(response) => response,
        Err(cause) => return Err(DiscoveryError::Fetch { url, cause }),
    };
    let status = response.status.as_u16();
    match response.status {
        StatusCode::OK => read(&response.body).map_err(|cause| DiscoveryError::Invalid { url, cause }),
        redirect if redirect.is_redirection() => {
            let location = response.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location.and_then(words::tame).unwrap_or_default();
            Err(DiscoveryError::Redirect { url, status, location })
        }
        _ => Err(DiscoveryError::Absent { url, status }),
    }
}

/// An answer that is too long is an answer.
const fn is_final(error: &DiscoveryError) -> bool {
    !matches!(error, DiscoveryError::Fetch { cause: OutboundError::TooLarge { .. }, .. })
        && matches!(error, DiscoveryError::Fetch { .. })
}

/// How much an error says of what is wrong: a document for another issuer more than a page, or an error of the server, and
/// these more than nothing.
const fn nearness(error: &DiscoveryError) -> u8 {
    match error {
        DiscoveryError::Absent { status, .. } if *status < 500 => 0,
        DiscoveryError::Absent { .. } => 1,
        DiscoveryError::Invalid { cause: InvalidMetadata::Form | InvalidMetadata::Page, .. } => 1,
        DiscoveryError::Redirect { .. } | DiscoveryError::Fetch { .. } => 2,
        DiscoveryError::Invalid { .. } => 3,
    }
}

/// Who may reach anything may do so without TLS.
/// Whether a document may name URLs without TLS: only where the operator has named one for its issuer or its place. That
/// private addresses may be reached is no reason.
fn http_allowed(client: &Client, named: &str) -> bool {
    client.guard() == Guard::Any && named.starts_with("http://")
}

#[cfg(test)]
mod tests;
