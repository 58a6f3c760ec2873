//! The metadata documents (RFC 9728 §3): for everybody, without a token.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Response};

use crate::body::GatewayBody;
use crate::cors;
use crate::refusal::{Context, Refusal};
use crate::server::Server;

/// Answers for the document of `server`.
pub(crate) fn answer(server: &Server, head: &Parts) -> Response<GatewayBody> {
    if head.method == Method::OPTIONS {
        return cors::preflight(&head.headers);
    }
    if !matches!(head.method, Method::GET | Method::HEAD) {
        let allow = "GET, HEAD, OPTIONS";
        return Refusal::MethodNotAllowed { allow }.answer(Context { server: Some(server), message_id: None });
    }
    let mut response = Response::new(GatewayBody::whole(server.resource().metadata_document()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
