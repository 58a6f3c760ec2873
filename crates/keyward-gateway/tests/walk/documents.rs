//! Metadata documents (RFC 9728).

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;

use crate::support::{Gate, Setup, run};

const INSERTED: &str = "/.well-known/oauth-protected-resource/coda/mcp";

fn request(method: Method, path: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path).header("host", "anything.example");
    request.header("origin", "https://anywhere.example").body(Full::default()).expect("a request")
}

#[test]
fn everybody_may_read_them() {
    run(async {
        let gate = Gate::start(Setup::to("http://127.0.0.1:9/mcp")).await;
        for path in
            [INSERTED, "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/coda/mcp/"]
        {
            let answer = gate.send(request(Method::GET, path)).await;
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"), "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
            assert_eq!(answer.header("cache-control"), "public, max-age=300");
            let document = serde_json::json!({
                "resource": "https://kw.example/coda/mcp",
                "authorization_servers": ["https://kw.example"],
                "scopes_supported": ["coda:read", "coda:write"],
                "bearer_methods_supported": ["header"],
            });
            assert_eq!(answer.json(), document);
        }
        let preflight = gate.send(request(Method::OPTIONS, INSERTED)).await;
        assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (204, "*"));
    });
}

#[test]
fn refusals_are_json_too() {
    run(async {
        let gate = Gate::start(Setup::to("http://127.0.0.1:9/mcp")).await;
        let unknown = gate.send(request(Method::GET, "/.well-known/oauth-protected-resource/none")).await;
        assert_eq!((unknown.status.as_u16(), &*unknown.reason()), (404, "not_found"));
        let posted = gate.send(request(Method::POST, INSERTED)).await;
        assert_eq!((posted.status.as_u16(), posted.header("allow")), (405, "GET, HEAD, OPTIONS"));
        assert_eq!(posted.reason(), "method_not_allowed");
    });
}
