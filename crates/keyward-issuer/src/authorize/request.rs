//! Authorization requests (RFC 6749 §4.1.1): as they come, and verified.

use axum::response::Response;
use keyward_core::resource::ResourceUri;
use keyward_core::scope::ScopeSet;

use super::error::{AuthorizeError, ReturnAddress, Returned, ReturnedError};
use super::prompt::Prompt;
use crate::client::{self, Client, FindError};
use crate::parameters::Parameters;
use crate::pkce::CodeChallenge;
use crate::redirect_uri::{self, RedirectUri};
use crate::register::metadata_document::Freshness;
use crate::state::Issuer;
use crate::{resource, scope};

/// A request as it came.
pub(super) struct UnverifiedAuthorizeRequest {
    query: String,
    parameters: Parameters,
}

/// A request of a client that exists, for a resource that exists, whose answer goes to one of the client's own URIs.
#[derive(Debug)]
pub(super) struct AuthorizeRequest {
    pub(super) client: Client,
    pub(super) redirect_uri: RedirectUri,
    pub(super) state: Option<String>,
    pub(super) resource: ResourceUri,
    pub(super) server_name: String,
    pub(super) scopes: ScopeSet,
    pub(super) code_challenge: CodeChallenge,
    pub(super) nonce: Option<String>,
    pub(super) prompt: Prompt,
    /// The request's query, to the letter, so that it can be verified again when the person has decided.
    pub(super) query: String,
    issuer: String,
}

/// What may be asked of a client whose URI is known.
struct Asked {
    resource: ResourceUri,
    server_name: String,
    scopes: ScopeSet,
    code_challenge: CodeChallenge,
    prompt: Prompt,
}

impl UnverifiedAuthorizeRequest {
    pub(super) fn new(query: String) -> Self {
        let parameters = Parameters::parse(query.as_bytes());
        Self { query, parameters }
    }

    pub(super) async fn verify(self, issuer: &Issuer) -> Result<AuthorizeRequest, AuthorizeError> {
        let client = self.client(issuer).await?;
        let redirect_uri = self.redirect_uri(&client)?;
        let state = self.parameters.get("state").filter(|_| !self.parameters.has_duplicate("state"));
        let state = state.map(str::to_owned);
        let asked = match self.asked(issuer) {
            Ok(asked) => asked,
            Err(error) => {
                let to = ReturnAddress { redirect_uri, state, issuer: issuer.config.public_url.clone() };
                return Err(AuthorizeError::Returned(Box::new(Returned { to, error })));
            }
        };
        Ok(AuthorizeRequest {
            client,
            redirect_uri,
            state,
            resource: asked.resource,
            server_name: asked.server_name,
            scopes: asked.scopes,
            code_challenge: asked.code_challenge,
            nonce: self.parameters.get("nonce").map(str::to_owned),
            prompt: asked.prompt,
            query: self.query,
            issuer: issuer.config.public_url.clone(),
        })
    }

    async fn client(&self, issuer: &Issuer) -> Result<Client, AuthorizeError> {
        let client_id = self.parameters.get("client_id").filter(|_| !self.parameters.has_duplicate("client_id"));
        let client_id = client_id.ok_or(AuthorizeError::NoClientId)?;
        match client::find(issuer, client_id, Freshness::Fresh).await {
            Ok(client) => client.ok_or_else(|| AuthorizeError::UnknownClient(client_id.to_owned())),
            Err(FindError::Document(cause)) => Err(AuthorizeError::Document { url: client_id.to_owned(), cause }),
            Err(error) => Err(error.into()),
        }
    }

    fn redirect_uri(&self, client: &Client) -> Result<RedirectUri, AuthorizeError> {
        if self.parameters.has_duplicate("redirect_uri") {
            return Err(AuthorizeError::RedirectUri);
        }
        let asked = self.parameters.get("redirect_uri");
        redirect_uri::choose(&client.redirect_uris, asked).ok_or(AuthorizeError::RedirectUri)
    }

    fn asked(&self, issuer: &Issuer) -> Result<Asked, ReturnedError> {
        use ReturnedError::InvalidRequest;
        let parameters = &self.parameters;
        parameters.once_each().map_err(|duplicate| ReturnedError::Duplicate(duplicate.0))?;
        // It is kept as it comes, and the databases take none.
        if parameters.get("nonce").is_some_and(|nonce| nonce.contains('\0')) {
            return Err(InvalidRequest("nonce has a NUL in it"));
        }
        if parameters.get("request").is_some() {
            return Err(ReturnedError::RequestNotSupported);
        }
        if parameters.get("request_uri").is_some() {
            return Err(ReturnedError::RequestUriNotSupported);
        }
        match parameters.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(ReturnedError::UnsupportedResponseType),
            None => return Err(InvalidRequest("response_type is missing")),
        }
        if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(InvalidRequest("response_mode is query"));
        }
        // A challenge without its method is a plain one (RFC 7636 §4.3), and those are not taken.
        if parameters.get("code_challenge_method") != Some("S256") {
            return Err(InvalidRequest("PKCE with code_challenge_method=S256 is required"));
        }
        let challenge = parameters.get("code_challenge").and_then(CodeChallenge::parse);
        let code_challenge = challenge.ok_or(InvalidRequest("code_challenge is not the S256 hash of a verifier"))?;
        let server = resource::resolve(&issuer.config, parameters.resources())?;
        Ok(Asked {
            resource: server.resource.clone(),
            server_name: server.name.clone(),
            scopes: scope::resolve(&issuer.config, server, parameters.get("scope"))?,
            code_challenge,
            prompt: Prompt::parse(parameters)?,
        })
    }
}

impl AuthorizeRequest {
    /// Where the answer goes.
    pub(super) fn return_address(&self) -> ReturnAddress {
        let (redirect_uri, state) = (self.redirect_uri.clone(), self.state.clone());
        ReturnAddress { redirect_uri, state, issuer: self.issuer.clone() }
    }

    /// `show`, unless the client wants nothing shown: then `error` is what it is told instead.
    pub(super) fn unless_silent(
        &self,
        error: ReturnedError,
        show: impl FnOnce() -> Response,
    ) -> Result<Response, AuthorizeError> {
        if self.prompt.none() {
            return Err(AuthorizeError::Returned(Box::new(Returned { to: self.return_address(), error })));
        }
        Ok(show())
    }

    /// This request's own path and query.
    pub(super) fn here(&self, issuer: &Issuer) -> String {
        issuer.config.path(&format!("/authorize?{}", self.query))
    }

    /// The same without what asks for a login, which is done by then; what asks for consent stays.
    pub(super) fn here_after_login(&self, issuer: &Issuer) -> String {
        let pairs = url::form_urlencoded::parse(self.query.as_bytes());
        let kept = pairs.filter(|(name, _)| name != "max_age").map(|(name, value)| {
            let value = if name == "prompt" { without_login(&value) } else { value.into_owned() };
            (name, value)
        });
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
        issuer.config.path(&format!("/authorize?{query}"))
    }
}

fn without_login(prompt: &str) -> String {
    let kept: Vec<_> = prompt.split(' ').filter(|value| *value != "login").collect();
    kept.join(" ")
}
