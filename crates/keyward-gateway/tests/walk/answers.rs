//! Upstreams that fail: the client is told which server, and never upstream's own challenge.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{Client, Gate, SERVICE_TOKEN, Setup, Upstream, call, json, pieces, run};

#[test]
fn an_upstream_that_is_down_is_named() {
    run(async {
        let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
        let gate = Gate::start(Setup::to(&format!("http://127.0.0.1:{free}/mcp"))).await;
        let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (502, "upstream_unreachable"));
        let body = answer.json();
        assert_eq!((&body["id"], &body["error"]["data"]["server"]), (&7.into(), &"coda".into()));
        let record = gate.record().await;
        assert_eq!((&*record.result, record.service_id.as_deref()), ("failed", Some("coda")));
    });
}

#[test]
fn an_upstream_that_is_slow_is_not_waited_for() {
    run(async {
        let upstream = Upstream::start(|_| std::future::pending()).await;
        let mut setup = Setup::to(&upstream.url());
        setup.limits().response_timeout = Duration::from_millis(50);
        let gate = Gate::start(setup).await;
        let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (504, "upstream_too_slow"));
        upstream.hang_up().await;
    });
}

#[test]
fn a_refused_credential_is_ours_to_mend_and_not_the_clients() {
    run(async {
        for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::PROXY_AUTHENTICATION_REQUIRED] {
            let upstream = Upstream::start(move |_| async move {
                let mut answer = json("{}");
                *answer.status_mut() = status;
                answer.headers_mut().insert("www-authenticate", "Bearer realm=\"upstream\"".parse().expect("a value"));
                answer
            })
            .await;
            let gate = Gate::start(Setup::to(&upstream.url())).await;
            let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
            assert_eq!((answer.status.as_u16(), &*answer.reason()), (502, "upstream_refused_credential"));
            assert!(!answer.headers.contains_key("www-authenticate"));
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(text.contains("\\\"coda\\\"") && text.contains(status.as_str()) && !text.contains(SERVICE_TOKEN));
            assert_eq!(gate.record().await.result, "failed");
        }
    });
}

#[test]
fn a_redirect_does_not_lead_past_us() {
    run(async {
        let upstream = Upstream::start(|_| async {
            let mut answer = json("{}");
            *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            answer.headers_mut().insert("location", "http://127.0.0.1:1/mcp/".parse().expect("a value"));
            answer
        })
        .await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (502, "upstream_redirects"));
        assert!(!answer.headers.contains_key("location"));
    });
}

#[test]
fn what_is_no_http_is_a_bad_gateway() {
    run(async {
        for reply in [&b""[..], b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\ncontent-le"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("an address").port();
            tokio::task::spawn_local(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    stream.readable().await.expect("a request");
                    stream.write_all(reply).await.expect("written");
                    stream.shutdown().await.expect("closed");
                }
            });
            let gate = Gate::start(Setup::to(&format!("http://127.0.0.1:{port}/mcp"))).await;
            let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
            assert_eq!((answer.status.as_u16(), &*answer.reason()), (502, "upstream_broke_off"));
        }
    });
}

#[test]
fn an_upstream_that_dies_mid_stream_cuts_the_clients_stream() {
    run(async {
        for content_type in ["application/json", "text/event-stream"] {
            let way_in = Rc::new(RefCell::new(None));
            let kept = Rc::clone(&way_in);
            let upstream = Upstream::start(move |_| {
                let (sender, answer) = pieces(content_type);
                sender.send(Ok(Bytes::from_static(b"data: half"))).expect("sent");
                *kept.borrow_mut() = Some(sender);
                async move { answer }
            })
            .await;
            let gate = Gate::start(Setup::to(&upstream.url())).await;
            let mut client = Client::connect(gate.port).await;
            let answer = client.send(gate.request().body(call("get")).expect("a request")).await.expect("an answer");
            let mut body = answer.into_body();
            let first = body.frame().await.expect("a frame").expect("a frame").into_data().expect("data");
            assert!(!first.is_empty());
            let sender = way_in.borrow_mut().take().expect("a way in");
            sender.send(Err(std::io::Error::other("killed"))).expect("sent");
            assert!(body.collect().await.is_err(), "a stream that broke off must not look whole");
            let record = gate.record().await;
            assert_eq!(record.result, "failed");
            assert!(record.detail.expect("a detail").contains("upstream_broke_off"));
        }
    });
}

#[test]
fn what_speaks_for_the_host_does_not_come_down() {
    run(async {
        let upstream = Upstream::start(|_| async {
            let mut answer = json("{}");
            for (name, value) in [
                ("set-cookie", "keyward_session=stolen"),
                ("clear-site-data", "\"*\""),
                ("access-control-allow-origin", "*"),
                ("x-powered-by", "upstream"),
                ("mcp-session-id", "s"),
                ("x-request-id", "theirs"),
            ] {
                answer.headers_mut().append(name, value.parse().expect("a value"));
            }
            answer
        })
        .await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
        for gone in ["set-cookie", "clear-site-data", "access-control-allow-origin", "x-powered-by"] {
            assert!(!answer.headers.contains_key(gone), "{gone}");
        }
        assert_eq!(answer.header("mcp-session-id"), "s");
        assert_ne!(answer.header("x-request-id"), "theirs");
    });
}
