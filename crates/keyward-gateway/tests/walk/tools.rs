//! Rules for tools: what is decided on is what upstream reads.

use http_body_util::Full;

use crate::support::{Gate, Setup, Upstream, call, run};

#[test]
fn a_tool_that_needs_more_is_refused_with_all_that_it_needs() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url()).with_tool_rule()).await;
        assert_eq!(gate.send(gate.request().body(call("get_page")).expect("a request")).await.status, 200);
        let answer = gate.send(gate.request().body(call("delete_page")).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (403, "insufficient_scope"));
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
        assert!(challenge.contains(r#"scope="coda:read coda:write""#), "{challenge}");
        assert!(challenge.contains("/.well-known/oauth-protected-resource/coda/mcp"), "{challenge}");
        let answer = gate.send(gate.request_of(&gate.writer).body(call("delete_page")).expect("a request")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(upstream.seen.borrow().len(), 2);
    });
}

#[test]
fn no_disguise_hides_a_tool() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url()).with_tool_rule()).await;
        let send = |content_type: &'static str, body: &'static str| {
            let mut request = gate.request().body(Full::from(body)).expect("a request");
            request.headers_mut().insert("content-type", content_type.parse().expect("a value"));
            gate.send(request)
        };
        for (body, reason) in [
            (r#"{"id":1,"method":"tools/call","params":{"name":"get","name":"delete_x"}}"#, "ambiguous_message"),
            (
                r#"{"id":1,"method":"tools/list","Method":"tools/call","params":{"name":"delete_x"}}"#,
                "ambiguous_message",
            ),
            (r#"{"id":1,"method":"tools\/call","params":{"na\u006de":"delet\u0065_x"}}"#, "insufficient_scope"),
            (
                r#"[{"id":1,"method":"ping"},{"id":2,"method":"tools/call","params":{"name":"delete_x"}}]"#,
                "insufficient_scope",
            ),
            (r#"{"method":"tools/call","params":{"name":"delete_x"}}"#, "insufficient_scope"),
            (r#"{"id":1,"method":"tools/call"}"#, "invalid_message"),
            ("", "invalid_message"),
            ("{\"id\":1,\"method\":\"ping\"}\n{\"id\":1,\"method\":\"tools/call\"}", "invalid_message"),
        ] {
            assert_eq!(send("application/json", body).await.reason(), reason, "{body}");
        }
        let body = r#"{"id":1,"method":"tools/list"}"#;
        for content_type in ["application/json; charset=utf-7", "text/plain", "multipart/form-data; boundary=x"] {
            assert_eq!(send(content_type, body).await.status, 415, "{content_type}");
        }
        assert_eq!(upstream.seen.borrow().len(), 0);
        let packed = gate.request().header("content-encoding", "gzip").body(Full::from(body)).expect("a request");
        assert_eq!(gate.send(packed).await.status, 415);
        assert_eq!(send("application/json; charset=utf-8", body).await.status, 200);
    });
}

#[test]
fn headers_that_differ_from_the_body_are_refused_with_the_requests_id() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url()).with_tool_rule()).await;
        let request = |headers: &[(&str, &str)]| {
            let request = gate.request().header("mcp-protocol-version", "2026-07-28");
            headers
                .iter()
                .fold(request, |request, (name, value)| request.header(*name, *value))
                .body(call("get"))
                .expect("a request")
        };
        for bad in [
            &[][..],
            &[("mcp-method", "tools/list"), ("mcp-name", "get")],
            &[("mcp-method", "tools/call"), ("mcp-name", "x")],
        ] {
            let answer = gate.send(request(bad)).await;
            let body = answer.json();
            assert_eq!(
                (answer.status.as_u16(), &body["error"]["code"], &body["id"]),
                (400, &(-32020).into(), &7.into())
            );
        }
        let good = [("mcp-method", "tools/call"), ("mcp-name", "get")];
        assert_eq!(gate.send(request(&good)).await.status, 200);
    });
}
