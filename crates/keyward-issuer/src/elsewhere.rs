//! What the endpoints answer where tokens are issued elsewhere.

use std::collections::BTreeSet;

use axum::response::IntoResponse;
use axum::routing::any;
use axum::{Router, middleware};
use http::StatusCode;

use crate::cors;
use crate::oauth_error::OauthError;
use crate::router::{ENDPOINTS, OPENID};
use crate::state::Issuer;

/// Each says in JSON that it is not here, and who issues the tokens: old clients take the host of a server for its
/// authorization server, and fail on anything that is not JSON.
pub(crate) fn endpoints(base: &str, issued_by: &[String]) -> Router<Issuer> {
    let description = format!(
        "this is no authorization server: tokens for the servers here are issued by {}",
        issued_by.join(" and ")
    );
    let below = |base: &str| ENDPOINTS.map(|endpoint| format!("{base}{endpoint}"));
    let documents = [OPENID.to_owned(), format!("{OPENID}{base}"), format!("{base}{OPENID}")];
    let paths: BTreeSet<String> = below("").into_iter().chain(below(base)).chain(documents).collect();
    let mut router = Router::new();
    for path in paths {
        let description = description.clone();
        let answer = move || async move {
            OauthError::new("not_found", description).status(StatusCode::NOT_FOUND).into_response()
        };
        router = router.route(&path, any(answer));
    }
    router.layer(middleware::from_fn(cors::any_origin))
}
