//! Adding a client by hand, where registration is closed or the client cannot register.

use keyward_core::audit::{Action, AuditResult};
use keyward_core::random::RandomFailed;
use keyward_core::secret::{PlainToken, TokenKind};
use keyward_storage::clients::{self, ClientKind, StoredClient};
use keyward_storage::{StorageError, Topic};

use crate::audit::About;
use crate::redirect_uri::{InvalidRedirectUri, RedirectKind, RedirectUri};
use crate::register::metadata::AuthMethod;
use crate::state::Issuer;

/// What a client is to be.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// What people are shown.
    pub name: String,
    /// Where codes may go.
    pub redirect_uris: Vec<String>,
    /// Whether it gets a secret.
    pub confidential: bool,
}

/// A client that was just added.
#[derive(Debug)]
pub struct AddedClient {
    /// Its `client_id`.
    pub client_id: String,
    /// Its secret, which is shown now and never again.
    pub secret: Option<PlainToken>,
}

/// Why none was added.
#[derive(Debug, thiserror::Error)]
pub enum AddClientError {
    /// The name is empty.
    #[error("a client needs a name, which people are shown when it asks for access")]
    Name,
    /// No redirect URI.
    #[error("a client needs at least one redirect URI")]
    NoRedirectUri,
    /// A redirect URI that no code is ever sent to.
    #[error("{uri}: {cause}")]
    RedirectUri {
        /// The URI.
        uri: String,
        /// What is wrong with it.
        cause: InvalidRedirectUri,
    },
    /// RFC 8252 §8.4.
    #[error("a client with a redirect URI of a private-use scheme keeps no secret: add it without one")]
    PrivateUseWithSecret,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomFailed),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Issuer {
    /// Adds a client.
    pub async fn add_client(&self, new: NewClient) -> Result<AddedClient, AddClientError> {
        let name = new.name.trim();
        if name.is_empty() {
            return Err(AddClientError::Name);
        }
        check_redirect_uris(&new)?;
        let now = self.clock.now();
        let secret = new.confidential.then(|| PlainToken::generate(TokenKind::ClientSecret, &self.random));
        let secret = secret.transpose()?;
        let method = if new.confidential { AuthMethod::ClientSecretBasic } else { AuthMethod::None };
        let client = StoredClient {
            client_id: keyward_core::id::uuid_v7(now, &self.random)?.to_string(),
            kind: ClientKind::Static,
            name: Some(name.to_owned()),
            redirect_uris: new.redirect_uris,
            grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            response_types: vec!["code".to_owned()],
            token_endpoint_auth_method: method.as_str().to_owned(),
            secret_hash: secret.as_ref().map(PlainToken::hash),
            registration_hash: None,
            application_type: None,
            metadata: "{}".to_owned(),
            document_fetched_at: None,
            created_at: now,
            last_used_at: None,
            revoked_at: None,
        };
        let mut tx = self.db.begin("add_client").await?;
        clients::put(&mut tx, &client).await?;
        tx.notify(Topic::Clients).await?;
        let about = About { client_id: Some(&client.client_id), ..About::default() };
        let detail = [("client_name", name.to_owned()), ("how", "added".to_owned())];
        let event = self.event(Action::ClientRegister, AuditResult::Ok, about, &detail);
        self.audit.commit_together(tx, &[event]).await?;
        Ok(AddedClient { client_id: client.client_id, secret })
    }
}

fn check_redirect_uris(new: &NewClient) -> Result<(), AddClientError> {
    if new.redirect_uris.is_empty() {
        return Err(AddClientError::NoRedirectUri);
    }
    for text in &new.redirect_uris {
        let uri = RedirectUri::parse(text).map_err(|cause| AddClientError::RedirectUri { uri: text.clone(), cause })?;
        if new.confidential && uri.kind() == RedirectKind::PrivateUse {
            return Err(AddClientError::PrivateUseWithSecret);
        }
    }
    Ok(())
}
