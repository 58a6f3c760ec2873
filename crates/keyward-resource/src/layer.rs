//! A tower layer for servers of one's own: calls come through with a verified token that has the resource's scopes, or
//! not at all.
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::{Extension, Router, routing::post};
//! use http::{Request, StatusCode, header::WWW_AUTHENTICATE};
//! use keyward_core::clock::{Clock, ManualClock, Timestamp};
//! use keyward_core::resource::ResourceUri;
//! use keyward_core::secret::TokenHash;
//! use keyward_resource::layer::{MetadataService, RequireTokenLayer};
//! use keyward_resource::{Principal, ProtectedResource, ProtectedResourceConfig, StaticToken, Verifier, VerifierConfig};
//! use tower::ServiceExt;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let resource = Arc::new(ProtectedResource::new(ProtectedResourceConfig {
//!     scopes: "tools".parse()?,
//!     authorization_servers: vec!["https://login.example.com".to_owned()],
//!     ..ProtectedResourceConfig::of(ResourceUri::parse("https://api.example.com/mcp")?)
//! }));
//! let config = VerifierConfig::default(); // a real server names its issuers here
//! let token = "kwd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
//! config.static_tokens.replace([StaticToken {
//!     id: "1".to_owned(),
//!     hash: TokenHash::of(token.as_bytes()),
//!     name: "laptop".to_owned(),
//!     email: None,
//!     user_id: None,
//!     scopes: "tools".parse()?,
//!     resources: vec!["https://api.example.com/mcp".to_owned()],
//!     expires_at: None,
//! }]);
//! let verifier = Arc::new(Verifier::new(config, Clock::System));
//!
//! let app = Router::new()
//!     .route("/mcp", post(|Extension(caller): Extension<Arc<Principal>>| async move { caller.name.clone().unwrap_or_default() }))
//!     .layer(RequireTokenLayer::new(verifier, Arc::clone(&resource)))
//!     .route_service(resource.metadata_path(), MetadataService::new(Arc::clone(&resource)));
//!
//! let call = || Request::post("/mcp");
//! let answer = app.clone().oneshot(call().body(axum::body::Body::empty())?).await?;
//! assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(answer.headers()[WWW_AUTHENTICATE], resource.challenge_401(None));
//!
//! let call = call().header("authorization", format!("Bearer {token}"));
//! let answer = app.clone().oneshot(call.body(axum::body::Body::empty())?).await?;
//! assert_eq!(answer.status(), StatusCode::OK);
//!
//! let metadata = Request::get("/.well-known/oauth-protected-resource/mcp").body(axum::body::Body::empty())?;
//! assert_eq!(app.oneshot(metadata).await?.status(), StatusCode::OK);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod metadata;
mod refusal;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::{Either, Full};
use tower::{Layer, Service};

use crate::bearer::bearer_from;
use crate::metadata::ProtectedResource;
use crate::principal::Principal;
use crate::verify::Verifier;
pub use metadata::MetadataService;
use refusal::Refusal;

/// Wraps services in [`RequireToken`].
#[derive(Clone, Debug)]
pub struct RequireTokenLayer {
    verifier: Arc<Verifier>,
    resource: Arc<ProtectedResource>,
}

impl RequireTokenLayer {
    /// For `resource`, whose own scopes every call needs.
    pub fn new(verifier: Arc<Verifier>, resource: Arc<ProtectedResource>) -> Self {
        Self { verifier, resource }
    }
}

impl<S> Layer<S> for RequireTokenLayer {
    type Service = RequireToken<S>;

    fn layer(&self, inner: S) -> RequireToken<S> {
        RequireToken { inner, verifier: Arc::clone(&self.verifier), resource: Arc::clone(&self.resource) }
    }
}

/// Lets a call through when its token is good and covers the resource's scopes. The service behind it finds an
/// `Arc<Principal>` among the request's extensions, and no `Authorization` header: it could only pass the token on, which
/// MCP forbids.
#[derive(Clone, Debug)]
pub struct RequireToken<S> {
    inner: S,
    verifier: Arc<Verifier>,
    resource: Arc<ProtectedResource>,
}

impl<S, B, R> Service<Request<B>> for RequireToken<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Either<R, Full<Bytes>>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that was polled ready is the one to call.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let (verifier, resource) = (Arc::clone(&self.verifier), Arc::clone(&self.resource));
        Box::pin(async move {
            let found = bearer_from(request.headers(), request.uri().query());
            let outcome = match found {
                Err(error) => Err(Refusal::Request(error)),
                Ok(None) => Err(Refusal::NoToken),
                Ok(Some(token)) => verifier.verify(token.expose_secret(), &resource).await.map_err(Refusal::Token),
            };
            match outcome.and_then(|principal| permit(principal, &resource)) {
                Ok(principal) => {
                    request.headers_mut().remove(AUTHORIZATION);
                    request.extensions_mut().insert(principal);
                    Ok(inner.call(request).await?.map(Either::Left))
                }
                Err(refusal) => Ok(refusal.response(&resource).map(Either::Right)),
            }
        })
    }
}

fn permit(principal: Arc<Principal>, resource: &ProtectedResource) -> Result<Arc<Principal>, Refusal> {
    if principal.granted.covers(resource.scopes()) { Ok(principal) } else { Err(Refusal::Scope) }
}

#[cfg(test)]
mod tests;
