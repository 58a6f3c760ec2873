//! One person's MCP session is not another's.

use http::{Method, StatusCode};
use http_body_util::Full;

use crate::support::{Gate, Setup, Upstream, call, json, run};

#[test]
fn a_session_that_was_made_for_one_is_unknown_to_another() {
    run(async {
        let upstream = Upstream::start(|request| async move {
            let mut answer = json("{}");
            if !request.headers().contains_key("mcp-session-id") {
                answer.headers_mut().insert("mcp-session-id", "made-for-reader".parse().expect("a value"));
            }
            answer
        })
        .await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let in_session = |token: &str, session: &str, method: Method| {
            let request = gate.request_of(token).method(method).header("mcp-session-id", session);
            gate.send(request.body(Full::default()).expect("a request"))
        };
        // A name that was claimed beforehand belongs to the one whom upstream gives it to.
        assert_eq!(in_session(&gate.writer, "made-for-reader", Method::GET).await.status, 200);
        assert_eq!(
            gate.send(gate.request().body(call("get")).expect("a request")).await.header("mcp-session-id"),
            "made-for-reader"
        );
        assert_eq!(in_session(&gate.reader, "made-for-reader", Method::GET).await.status, 200);
        let before = upstream.seen.borrow().len();
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = in_session(&gate.writer, "made-for-reader", method).await;
            assert_eq!((answer.status, &*answer.reason()), (StatusCode::NOT_FOUND, "unknown_session"));
        }
        assert_eq!(upstream.seen.borrow().len(), before);
    });
}

#[test]
fn an_unknown_session_belongs_to_whoever_uses_it_first() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        for (token, status) in [(&gate.writer, 200), (&gate.reader, 404), (&gate.writer, 200)] {
            let request = gate.request_of(token).header("mcp-session-id", "s").body(call("get")).expect("a request");
            assert_eq!(gate.send(request).await.status.as_u16(), status);
        }
    });
}

#[test]
fn two_sessions_at_once_are_none() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let request = gate.request().header("mcp-session-id", "mine").header("mcp-session-id", "theirs");
        let answer = gate.send(request.body(call("get")).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), upstream.connections.get()), (404, 0));
    });
}
