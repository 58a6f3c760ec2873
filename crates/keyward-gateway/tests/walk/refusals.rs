//! Calls that are refused: what the client is told, and that upstream hears nothing of them.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::{Full, StreamBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, Client, Gate, Setup, Upstream, anonymous, call, run};

#[test]
fn without_a_good_token_nothing_goes_up() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let answer = gate.send(anonymous().body(call("get")).expect("a request")).await;
        assert_eq!(answer.status, 401);
        let metadata = r#"resource_metadata="https://kw.example/.well-known/oauth-protected-resource/coda/mcp""#;
        assert_eq!(answer.header("www-authenticate"), format!(r#"Bearer {metadata}, scope="coda:read""#));

        let unknown = format!("kwd_{}", "A".repeat(43));
        let answer = gate.send(gate.request_of(&unknown).body(call("get")).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (401, "invalid_token"));
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));

        let in_query = gate.request().uri("/coda/mcp?access_token=x").body(call("get")).expect("a request");
        assert_eq!(gate.send(in_query).await.status, 400);
        let twice = gate.request().header("authorization", "Bearer x").body(call("get")).expect("a request");
        assert_eq!(gate.send(twice).await.status, 400);
        assert_eq!(upstream.connections.get(), 0);
    });
}

#[test]
fn a_refusal_before_the_body_does_not_cost_the_connection() {
    run(async {
        let gate = Gate::start(Setup::to("http://127.0.0.1:9/mcp")).await;
        let mut stream = TcpStream::connect(("127.0.0.1", gate.port)).await.expect("a connection");
        for _ in 0..2 {
            let head = "POST /coda/mcp HTTP/1.1\r\nhost: kw.example\r\ncontent-length: 2\r\n\r\n";
            stream.write_all(head.as_bytes()).await.expect("written");
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.write_all(b"{}").await.expect("written");
            let mut answer = [0; 4096];
            let length = stream.read(&mut answer).await.expect("an answer");
            assert!(answer[..length].starts_with(b"HTTP/1.1 401 "));
        }
    });
}

#[test]
fn methods_that_the_revision_lacks_are_refused() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        for method in [Method::PUT, Method::PATCH, Method::HEAD, Method::TRACE] {
            let request = gate.request().method(method.clone()).body(Full::default()).expect("a request");
            let answer = gate.send(request).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("allow")),
                (405, "GET, POST, DELETE, OPTIONS"),
                "{method}"
            );
        }
        let modern = gate.request().method(Method::GET).header("mcp-protocol-version", "2026-07-28");
        let answer = gate.send(modern.body(Full::default()).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST, OPTIONS"));
        assert_eq!(upstream.connections.get(), 0);
    });
}

#[test]
fn long_bodies_are_refused_whether_announced_or_not() {
    run(async {
        let upstream = Upstream::plain().await;
        for setup in [Setup::to(&upstream.url()), Setup::to(&upstream.url()).with_tool_rule()] {
            let gate = Gate::start(setup).await;
            let announced = gate.request().body(Full::from(vec![b' '; (64 << 10) + 1])).expect("a request");
            assert_eq!(gate.send(announced).await.reason(), "body_too_large");

            let frames = futures_util::stream::unfold(0, |count| async move {
                tokio::task::yield_now().await;
                let piece = Bytes::from_static(&[b' '; 4 << 10]);
                (count < 1_000).then(|| (Ok::<_, std::io::Error>(http_body::Frame::data(piece)), count + 1))
            });
            let mut client = Client::connect(gate.port).await;
            let body = Box::pin(StreamBody::new(frames));
            let answer = client.send(gate.request().body(body).expect("a request")).await.expect("an answer");
            assert_eq!(answer.status(), 413);
            assert_eq!(upstream.seen.borrow().len(), 0);
        }
    });
}

#[test]
fn long_headers_are_refused() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let request = gate.request().header("x-long", "x".repeat(40 << 10)).body(call("get")).expect("a request");
        let mut client = Client::connect(gate.port).await;
        assert_eq!(client.send(request).await.expect("an answer").status(), 431);
        assert_eq!(upstream.connections.get(), 0);
    });
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    run(async {
        let upstream = Upstream::plain().await;
        let mut rule = Setup::to(&upstream.url()).with_tool_rule();
        rule.limits().body_timeout = Duration::from_millis(50);
        let mut first = Setup::to(&upstream.url());
        first.limits().body_timeout = Duration::from_millis(50);
        let mut later = Setup::to(&upstream.url());
        later.limits().response_timeout = Duration::from_millis(50);
        for (setup, pieces) in [(rule, 1), (first, 0), (later, 1)] {
            let gate = Gate::start(setup).await;
            let frames = futures_util::stream::unfold(pieces, |left| async move {
                if left == 0 {
                    std::future::pending::<()>().await;
                }
                Some((Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(b"{"))), left - 1))
            });
            let mut client = Client::connect(gate.port).await;
            let body = Box::pin(StreamBody::new(frames));
            let answer = client.send(gate.request().body(body).expect("a request")).await.expect("an answer");
            assert_eq!(Answer::of(answer).await.reason(), "body_too_slow");
        }
        assert_eq!(upstream.seen.borrow().len(), 0);
    });
}

#[test]
fn a_missing_credential_is_told_and_nothing_goes_up() {
    run(async {
        let upstream = Upstream::plain().await;
        let mut setup = Setup::to(&upstream.url());
        setup.token_stored = false;
        let gate = Gate::start(setup).await;
        let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (503, "credential_missing"));
        let body = answer.json();
        assert_eq!(body["id"], 7);
        assert!(body["error"]["message"].as_str().expect("a text").contains("\"coda\""));
        assert_eq!(upstream.connections.get(), 0);
    });
}

#[test]
fn other_spellings_of_a_path_lead_nowhere() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        for path in ["/coda%2fmcp", "/coda//mcp", "/x/../coda/mcp", "/coda/mcp/x", "/CODA/mcp"] {
            let request = gate.request().uri(path).body(call("get")).expect("a request");
            let answer = gate.send(request).await;
            assert_eq!((answer.status.as_u16(), &*answer.reason()), (404, "not_found"), "{path}");
        }
        assert_eq!(upstream.connections.get(), 0);
    });
}
