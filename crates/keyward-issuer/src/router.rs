//! Which path is which endpoint.

use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use http::header::{ACCEPT, CACHE_CONTROL, HeaderMap, HeaderValue};
use http::{StatusCode, Uri};

use crate::oauth_error::OauthError;
use crate::register::dynamic;
use crate::state::Issuer;
use crate::{authorize, cors, elsewhere, jwks, landing, metadata, page, people, revoke, token, userinfo};

/// The endpoints.
pub(crate) const ENDPOINTS: [&str; 7] =
    ["/authorize", "/consent", "/token", "/register", "/revoke", "/jwks", "/userinfo"];

const OAUTH: &str = "/.well-known/oauth-authorization-server";
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";

impl Issuer {
    /// Every endpoint and page of the authorization server, at the issuer's own path. Where that is not the root, the
    /// endpoints answer at the root too, for clients that do not read the metadata's URLs. Where tokens are issued elsewhere,
    /// only the pages of people's accounts are here.
    pub fn router(&self) -> Router {
        let base = self.config.base_path();
        if !self.config.elsewhere.is_empty() {
            return self.router_without_endpoints(base);
        }
        let here = endpoints().merge(people::routes());
        let all = if base.is_empty() {
            here
        } else {
            // A nested `/` is the base without its slash; people type both.
            let root = Router::new().route(&format!("{base}/"), get(landing::show));
            endpoints().nest(base, here).merge(root).merge(metadata_at_root())
        };
        all.merge(metadata_of(base)).fallback(not_found).with_state(self.clone())
    }

    fn router_without_endpoints(&self, base: &str) -> Router {
        let all = if base.is_empty() {
            people::routes()
        } else {
            Router::new().nest(base, people::routes()).route(&format!("{base}/"), get(landing::show))
        };
        all.merge(elsewhere::endpoints(base, &self.config.elsewhere)).fallback(not_found).with_state(self.clone())
    }
}

fn endpoints() -> Router<Issuer> {
    let by_scripts = Router::new()
        .route("/token", post(token::token))
        .route("/register", post(dynamic::register))
        .route("/revoke", post(revoke::revoke))
        .route("/jwks", get(jwks::jwks))
        .route("/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(cors::any_origin));
    Router::new()
        .route("/authorize", get(authorize::authorize).post(authorize::authorize_by_form))
        .route("/consent", post(authorize::decide))
        .method_not_allowed_fallback(method_not_allowed)
        .merge(by_scripts)
}

/// RFC 8414 §3.1 inserts the issuer's path after the well-known part, OpenID Connect Discovery §4 appends the well-known
/// part to it; clients try all of these.
fn metadata_of(base: &str) -> Router<Issuer> {
    let inserted = Router::new()
        .route(&format!("{OAUTH}{base}"), get(metadata::oauth))
        .route(&format!("{OPENID}{base}"), get(metadata::openid));
    let all =
        if base.is_empty() { inserted } else { inserted.route(&format!("{base}{OPENID}"), get(metadata::openid)) };
    all.method_not_allowed_fallback(method_not_allowed).layer(middleware::from_fn(cors::any_origin))
}

fn metadata_at_root() -> Router<Issuer> {
    Router::new()
        .route(OAUTH, get(metadata::oauth))
        .route(OPENID, get(metadata::openid))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(cors::any_origin))
}

async fn method_not_allowed() -> Response {
    OauthError::new("invalid_request", "this endpoint does not take that method")
        .status(StatusCode::METHOD_NOT_ALLOWED)
        .into_response()
}

/// Programs get JSON, since several clients fail on anything else; people get a page.
async fn not_found(uri: Uri, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") && !uri.path().contains("/.well-known/") {
        let paragraphs = ["There is no page at this address. It may have been mistyped, or the page may have moved."];
        return page::problem(StatusCode::NOT_FOUND, "Nothing here", &paragraphs);
    }
    let mut response =
        OauthError::new("not_found", "there is nothing at this path").status(StatusCode::NOT_FOUND).into_response();
    // Browsers' scripts probe well-known paths of other origins and must be able to read that there is nothing.
    response.headers_mut().insert("access-control-allow-origin", HeaderValue::from_static("*"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
