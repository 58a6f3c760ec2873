//! Calls that succeed: what reaches upstream, what comes back.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full, StreamBody};

use crate::support::{Answer, Client, Gate, SERVICE_TOKEN, Setup, Upstream, call, json, run};

#[test]
fn the_service_token_goes_up_and_the_clients_does_not() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&format!("{}?read_only=true", upstream.url()))).await;
        let request = gate
            .request()
            .uri("/coda/mcp/?read_only=false")
            .header("cookie", "keyward_session=kwb_secret")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("x-forwarded-for", "10.0.0.1")
            .header("mcp-session-id", "s")
            .header("mcp-protocol-version", "2025-11-25");
        let answer = gate.send(request.body(call("get")).expect("a request")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, r#"{"jsonrpc":"2.0","id":7,"result":{}}"#);

        let seen = upstream.seen.borrow().clone();
        let [request] = &*seen else { panic!("{seen:?}") };
        assert_eq!(request.uri(), "/mcp?read_only=true");
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().expect("ASCII"));
        assert_eq!(header("authorization"), Some(&*format!("Bearer {SERVICE_TOKEN}")));
        assert_eq!(header("host"), Some(&*format!("127.0.0.1:{}", upstream.port)));
        assert_eq!(header("mcp-session-id"), Some("s"));
        assert_eq!(header("mcp-protocol-version"), Some("2025-11-25"));
        assert_eq!(header("accept-encoding"), Some("identity"));
        assert_eq!(header("x-request-id"), Some(answer.header("x-request-id")));
        assert_eq!(header("content-length"), Some(&*request.body().len().to_string()));
        for gone in ["cookie", "x-hop", "x-forwarded-for", "connection", "transfer-encoding"] {
            assert_eq!(header(gone), None, "{gone}");
        }
        let all = format!("{request:?}");
        assert!(!all.contains(&gate.reader) && !all.contains("kwb_secret"), "{all}");
        assert_eq!(request.body(), &call("get").collect().await.expect("a body").to_bytes());
    });
}

#[test]
fn get_and_delete_go_up_without_a_body() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        for method in [Method::GET, Method::DELETE] {
            let request = gate.request().method(method.clone()).body(Full::default()).expect("a request");
            assert_eq!(gate.send(request).await.status, 200);
            let seen = upstream.seen.borrow();
            let request = seen.last().expect("a request");
            assert_eq!((request.method(), request.body().len()), (&method, 0));
            assert!(!request.headers().contains_key("transfer-encoding"));
        }
    });
}

#[test]
fn a_body_in_many_pieces_goes_up_whole() {
    run(async {
        let upstream = Upstream::plain().await;
        for setup in [Setup::to(&upstream.url()), Setup::to(&upstream.url()).with_tool_rule()] {
            let gate = Gate::start(setup).await;
            let text = call("get").collect().await.expect("a body").to_bytes();
            let pieces: Vec<_> = text.chunks(7).map(Bytes::copy_from_slice).collect();
            let frames = futures_util::stream::unfold(pieces.into_iter(), |mut pieces| async {
                tokio::task::yield_now().await;
                let piece = pieces.next()?;
                Some((Ok::<_, std::io::Error>(http_body::Frame::data(piece)), pieces))
            });
            let mut client = Client::connect(gate.port).await;
            let body = Box::pin(StreamBody::new(frames));
            let answer = client.send(gate.request().body(body).expect("a request")).await.expect("an answer");
            assert_eq!(Answer::of(answer).await.status, 200);
            assert_eq!(upstream.seen.borrow().last().expect("a request").body(), &text);
        }
    });
}

#[test]
fn a_server_without_credential_gets_none() {
    run(async {
        let upstream = Upstream::plain().await;
        let mut setup = Setup::to(&upstream.url());
        setup.server().credential = None;
        let gate = Gate::start(setup).await;
        assert_eq!(gate.send(gate.request().body(call("get")).expect("a request")).await.status, 200);
        assert!(!upstream.seen.borrow()[0].headers().contains_key("authorization"));
    });
}

#[test]
fn upstreams_own_errors_pass_untouched() {
    run(async {
        let upstream = Upstream::start(|_| async {
            let mut answer = json(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"Method not found"}}"#);
            *answer.status_mut() = http::StatusCode::NOT_FOUND;
            answer
        })
        .await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        for version in ["2026-07-28", "v999.0.0"] {
            let request: Request<_> =
                gate.request().header("mcp-protocol-version", version).body(call("get")).expect("a request");
            let answer = gate.send(request).await;
            assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (404, &(-32601).into()));
        }
    });
}
