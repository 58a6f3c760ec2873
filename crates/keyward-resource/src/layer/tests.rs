use std::convert::Infallible;

use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use keyward_core::clock::Clock;
use keyward_core::resource::ResourceUri;
use keyward_core::secret::TokenHash;
use tower::{ServiceExt, service_fn};

use super::*;
use crate::{ProtectedResourceConfig, StaticToken, VerifierConfig};

const TOKEN: &str = "kwd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const RESOURCE: &str = "https://mcp.example/mcp";

fn resource(scopes: &str) -> Arc<ProtectedResource> {
    Arc::new(ProtectedResource::new(ProtectedResourceConfig {
        scopes: scopes.parse().expect("scopes"),
        ..ProtectedResourceConfig::of(ResourceUri::parse(RESOURCE).expect("resource"))
    }))
}

/// Calls a server that needs `scopes` and says who called.
async fn call(scopes: &str, path: &str, authorization: &[&'static str]) -> (StatusCode, HeaderMap, String) {
    let config = VerifierConfig::default();
    config.static_tokens.replace([StaticToken {
        id: "1".to_owned(),
        hash: TokenHash::of(TOKEN.as_bytes()),
        name: "laptop".to_owned(),
        email: None,
        user_id: None,
        scopes: "a b".parse().expect("scopes"),
        resources: vec![RESOURCE.to_owned()],
        expires_at: None,
    }]);
    let inner = service_fn(|request: Request<()>| async move {
        assert!(!request.headers().contains_key(AUTHORIZATION));
        let caller = request.extensions().get::<Arc<Principal>>().expect("a principal").name.clone();
        Ok::<_, Infallible>(Response::new(Full::from(caller.unwrap_or_default())))
    });
    let service = RequireTokenLayer::new(Arc::new(Verifier::new(config, Clock::System)), resource(scopes)).layer(inner);
    let mut request = Request::builder().uri(path).body(()).expect("a request");
    for value in authorization {
        request.headers_mut().append(AUTHORIZATION, HeaderValue::from_static(value));
    }
    let (parts, body) = service.oneshot(request).await.expect("an answer").into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn calls_with_the_scopes_come_through() {
    let (status, headers, body) =
        call("a b", "/mcp", &["Bearer kwd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "laptop"));
    assert!(!headers.contains_key(WWW_AUTHENTICATE));
}

#[tokio::test]
async fn the_others_get_status_challenge_and_a_json_body() {
    let stranger = "Bearer kwd_BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let token = "Bearer kwd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (scopes, path, authorization, status, error) in [
        ("a", "/mcp", &[][..], 401, None),
        ("a", "/mcp", &["Basic YTpi"], 401, None),
        ("a", "/mcp", &[stranger], 401, Some("invalid_token")),
        ("a", "/mcp", &["Bearer a b"], 401, Some("invalid_token")),
        ("a", "/mcp?access_token=x", &[token], 400, Some("invalid_request")),
        ("a", "/mcp", &[token, token], 400, Some("invalid_request")),
        ("a c", "/mcp", &[token], 403, Some("insufficient_scope")),
    ] {
        let (answered, headers, body) = call(scopes, path, authorization).await;
        assert_eq!(answered.as_u16(), status, "{path} {authorization:?}");
        let challenge = headers[WWW_AUTHENTICATE].to_str().expect("ASCII");
        assert_eq!(challenge.contains("error="), error.is_some(), "{challenge}");
        assert!(challenge.contains(&format!("scope=\"{scopes}\"")) && challenge.contains("resource_metadata="));
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["error"], error.unwrap_or("unauthorized"));
        assert!(!body.to_string().contains("kwd_"));
    }
}

#[tokio::test]
async fn metadata_is_read_with_get_alone() {
    for (method, status) in [(Method::GET, 200), (Method::HEAD, 200), (Method::POST, 405)] {
        let request = Request::builder().method(method).body(()).expect("a request");
        let answer = MetadataService::new(resource("a")).oneshot(request).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()["content-type"], "application/json");
    }
}
