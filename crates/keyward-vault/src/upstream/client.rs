//! As whom Keyward is known at a provider: as the client that the operator registered there, or as one that it registers
//! itself (RFC 7591).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use keyward_core::clock::Timestamp;
use keyward_core::id::uuid_v7;
use keyward_core::secret::Secret;
use keyward_core::words;
use keyward_outbound::OutboundError;
use keyward_storage::upstream_clients::{self, UpstreamClient};
use serde::Deserialize;

use super::config::AuthMethod;
use super::provider::Provider;
use super::{Connection, Inner};
use crate::error::VaultError;
use crate::seal::{Place, SealFailed, Sealed};

/// How long to wait for another process that registers at the same provider.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client of a provider.
#[derive(Debug)]
pub(crate) struct OwnClient {
    pub(crate) client_id: String,
    pub(crate) secret: Option<Arc<Secret>>,
    pub(crate) auth_method: AuthMethod,
    /// The row of a registration that Keyward made itself.
    pub(crate) registration: Option<uuid::Uuid>,
}

/// Keyward is not known at a provider, and cannot be made known.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The operator must register it.
    #[error("the provider takes no registrations, so client_id must be configured")]
    NotOffered,
    /// The provider cannot be asked.
    #[error("the provider did not answer to the registration: {0}")]
    Unanswered(#[from] OutboundError),
    /// It refused.
    #[error("the provider refused the registration with status {status}{}", .error.as_deref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Refused {
        /// The status.
        status: u16,
        /// The error code (RFC 7591 §3.2.2).
        error: Option<String>,
    },
    /// It said something else.
    #[error("the provider's answer to the registration is none")]
    Malformed,
    /// Another process has been at it for too long.
    #[error("another process is registering; try again")]
    Busy,
    /// It cannot be stored or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<keyward_storage::StorageError> for RegistrationError {
    fn from(error: keyward_storage::StorageError) -> Self {
        Self::Vault(error.into())
    }
}

#[derive(Deserialize)]
struct Registered {
    client_id: String,
    client_secret: Option<String>,
    client_secret_expires_at: Option<i64>,
    token_endpoint_auth_method: Option<String>,
}

impl Inner {
    /// The client to ask for a new grant as; registers where there is none.
    pub(super) async fn client(
        &self,
        connection: &Connection,
        provider: &Provider,
    ) -> Result<OwnClient, RegistrationError> {
        if let Some(client) = configured(connection, provider) {
            return Ok(client);
        }
        let redirect_uri = self.redirect_uri(connection.id());
        if let Some(found) = self.registered(provider, &redirect_uri).await? {
            return Ok(found);
        }
        let _one_at_a_time = self.db.lock(&format!("upstream client {}", provider.issuer), PATIENCE).await?;
        if _one_at_a_time.is_none() {
            return Err(RegistrationError::Busy);
        }
        if let Some(found) = self.registered(provider, &redirect_uri).await? {
            return Ok(found);
        }
        self.register(connection, provider, redirect_uri).await
    }

    /// The client that a grant was given to; `None` when Keyward is not that client any more.
    pub(super) async fn client_of_grant(
        &self,
        connection: &Connection,
        provider: &Provider,
        client_id: &str,
    ) -> Result<Option<OwnClient>, VaultError> {
        if let Some(client) = configured(connection, provider) {
            return Ok((client.client_id == client_id).then_some(client));
        }
        match upstream_clients::by_client_id(&self.db, &provider.issuer, client_id).await? {
            Some(row) => self.open_client(row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn registered(&self, provider: &Provider, redirect_uri: &str) -> Result<Option<OwnClient>, VaultError> {
        let Some(row) = upstream_clients::find(&self.db, &provider.issuer, redirect_uri).await? else {
            return Ok(None);
        };
        if row.secret_expires_at.is_some_and(|at| at <= self.now()) {
            upstream_clients::delete(&self.db, row.id).await?;
            return Ok(None);
        }
        let id = row.id;
        match self.open_client(row).await {
            Ok(client) => Ok(Some(client)),
            // Sealed for another place, or damaged: nobody can ever use it, and another is had for the asking.
            Err(error @ VaultError::CannotOpen { .. }) => {
                tracing::warn!(issuer = %provider.issuer, %error, "a registration is forgotten, and made anew");
                upstream_clients::delete(&self.db, id).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn open_client(&self, row: UpstreamClient) -> Result<OwnClient, VaultError> {
        let place = Place::upstream_client(row.id, &row.issuer);
        let key_id = row.sealed.key_id.clone();
        let sealed = Sealed::from_columns(row.sealed).ok_or_else(|| VaultError::cannot_open(&place, &key_id))?;
        let secret = self.vault.open_blob(&place, &sealed).await?;
        Ok(OwnClient {
            client_id: row.client_id,
            auth_method: row.token_endpoint_auth_method.parse().unwrap_or(AuthMethod::Basic),
            secret: (!secret.is_empty()).then(|| Arc::new(secret)),
            registration: Some(row.id),
        })
    }

    async fn register(
        &self,
        connection: &Connection,
        provider: &Provider,
        redirect_uri: String,
    ) -> Result<OwnClient, RegistrationError> {
        let endpoint = provider.registration_endpoint.as_ref().ok_or(RegistrationError::NotOffered)?;
        let method = provider.registration_method();
        let metadata = serde_json::json!({
            "client_name": "Keyward",
            "client_uri": self.public_url,
            "application_type": "web",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": method.as_str(),
        });
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let body = Bytes::from(metadata.to_string());
        let response = connection.http.send(Method::POST, endpoint, headers, body).await?;
        if !response.status.is_success() {
            let json = serde_json::from_slice::<serde_json::Value>(&response.body).ok();
            let error = json.as_ref().and_then(|json| json["error"].as_str()).map(words::code);
            return Err(RegistrationError::Refused { status: response.status.as_u16(), error });
        }
        let now = self.now();
        let (client, secret_expires_at) = parse(&response.body, method).ok_or(RegistrationError::Malformed)?;
        let id = uuid_v7(now, &self.random).map_err(|error| VaultError::from(SealFailed::from(error)))?;
        let secret = client.secret.as_ref().map(|secret| secret.expose_secret()).unwrap_or_default();
        let row = UpstreamClient {
            id,
            issuer: provider.issuer.clone(),
            redirect_uri,
            client_id: client.client_id.clone(),
            token_endpoint_auth_method: client.auth_method.as_str().to_owned(),
            sealed: self.vault.seal_blob(&Place::upstream_client(id, &provider.issuer), secret).await?.into_columns(),
            created_at: now,
            secret_expires_at,
        };
        upstream_clients::insert(&self.db, &row).await?;
        tracing::info!(connection = %connection.id(), issuer = %provider.issuer, "registered at the provider");
        Ok(OwnClient { registration: Some(id), ..client })
    }
}

fn configured(connection: &Connection, provider: &Provider) -> Option<OwnClient> {
    let client = connection.config.client.as_ref()?;
    let method = client.auth_method.unwrap_or_else(|| provider.auth_method(client.secret.is_some()));
    Some(OwnClient {
        client_id: client.client_id.clone(),
        secret: client.secret.clone(),
        auth_method: method,
        registration: None,
    })
}

/// Reads the answer to a registration (RFC 7591 §3.2.1); what the provider set may differ from what was asked.
fn parse(body: &[u8], asked: AuthMethod) -> Option<(OwnClient, Option<Timestamp>)> {
    let registered: Registered = serde_json::from_slice(body).ok()?;
    let secret = registered.client_secret.map(Secret::from_text).filter(|secret| !secret.is_empty());
    let named = registered.token_endpoint_auth_method.as_deref().map(str::parse).transpose().ok()?;
    let auth_method = match (named.unwrap_or(asked), &secret) {
        (AuthMethod::Basic | AuthMethod::Post, None) => return None,
        (method, _) => method,
    };
    let id = &registered.client_id;
    // RFC 6749 appendix A.1.
    if id.is_empty() || id.len() > 2048 || !id.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return None;
    }
    let ends = registered.client_secret_expires_at.filter(|at| *at > 0).map(Timestamp::from_seconds);
    let client =
        OwnClient { client_id: registered.client_id, secret: secret.map(Arc::new), auth_method, registration: None };
    Some((client, ends))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_provider_set_counts() {
        let read = |json: &str| {
            parse(json.as_bytes(), AuthMethod::Basic).map(|(c, e)| (c.client_id, c.auth_method, c.secret.is_some(), e))
        };
        assert_eq!(
            read(r#"{"client_id":"a","client_secret":"s","client_secret_expires_at":0}"#),
            Some(("a".into(), AuthMethod::Basic, true, None))
        );
        assert_eq!(
            read(r#"{"client_id":"a","token_endpoint_auth_method":"none","client_secret_expires_at":5}"#),
            Some(("a".into(), AuthMethod::None, false, Some(Timestamp::from_seconds(5))))
        );
        assert_eq!(
            read(r#"{"client_id":"a","client_secret":"s","token_endpoint_auth_method":"client_secret_post"}"#),
            Some(("a".into(), AuthMethod::Post, true, None))
        );
        for bad in [
            "{}",
            "",
            r#"{"client_id":""}"#,
            r#"{"client_id":"a"}"#,
            r#"{"client_id":"é","client_secret":"s"}"#,
            r#"{"client_id":"a","client_secret":"s","token_endpoint_auth_method":"private_key_jwt"}"#,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&body, AuthMethod::None);
        }
    }
}
