//! The metadata document over HTTP (RFC 9728 §3.1-3.2).

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use tower::Service;

use crate::metadata::ProtectedResource;

/// Answers with the metadata document. It belongs at [`ProtectedResource::metadata_path`], outside of the layer: clients
/// read it before they have a token.
#[derive(Clone, Debug)]
pub struct MetadataService(Arc<ProtectedResource>);

impl MetadataService {
    /// Of `resource`.
    pub fn new(resource: Arc<ProtectedResource>) -> Self {
        Self(resource)
    }
}

impl<B> Service<Request<B>> for MetadataService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = Response::new(Full::from(&br#"{"error":"method_not_allowed"}"#[..]));
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            return ready(Ok(response));
        }
        let mut response = Response::new(Full::new(self.0.metadata_document()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        // Public by nature, and browser clients read it before anything else.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        ready(Ok(response))
    }
}
