//! Browsers: origins, preflights, names that were made to lead here.

use http::Method;
use http_body_util::Full;

use crate::support::{Gate, Setup, Upstream, anonymous, call, run};

#[test]
fn a_preflight_needs_no_token() {
    run(async {
        let gate = Gate::start(Setup::to("http://127.0.0.1:9/mcp")).await;
        let request = anonymous()
            .method(Method::OPTIONS)
            .header("origin", "https://page.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,mcp-param-region");
        let answer = gate.send(request.body(Full::default()).expect("a request")).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), "https://page.example");
        assert_eq!(answer.header("access-control-allow-methods"), "GET, POST, DELETE, OPTIONS");
        let allowed = answer.header("access-control-allow-headers");
        for name in ["authorization", "mcp-session-id", "mcp-protocol-version", "last-event-id", "mcp-param-region"] {
            assert!(allowed.split(", ").any(|header| header == name), "{name} in {allowed}");
        }
        assert!(answer.headers.get_all("vary").iter().any(|value| value == "Origin"));
    });
}

#[test]
fn answers_and_refusals_can_be_read_by_an_allowed_page() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let origin = "https://page.example";
        let refused = gate.send(anonymous().header("origin", origin).body(call("get")).expect("a request")).await;
        let answered = gate.send(gate.request().header("origin", origin).body(call("get")).expect("a request")).await;
        assert_eq!((refused.status.as_u16(), answered.status.as_u16()), (401, 200));
        for answer in [refused, answered] {
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert!(answer.header("access-control-expose-headers").contains("www-authenticate"));
        }
        assert!(!upstream.seen.borrow()[0].headers().contains_key("origin"));
    });
}

#[test]
fn foreign_pages_and_rebound_names_are_refused() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        for (name, value, reason) in [
            ("origin", "https://evil.example", "origin_not_allowed"),
            ("origin", "null", "origin_not_allowed"),
            ("host", "evil.example", "host_not_allowed"),
        ] {
            for method in [Method::POST, Method::OPTIONS] {
                let mut request = gate.request().method(method).body(call("get")).expect("a request");
                request.headers_mut().insert(name, value.parse().expect("a value"));
                let answer = gate.send(request).await;
                assert_eq!((answer.status.as_u16(), &*answer.reason()), (403, reason), "{value}");
                assert!(!answer.headers.contains_key("access-control-allow-origin"));
            }
        }
        assert_eq!(upstream.connections.get(), 0);
    });
}
