//! Connections to upstreams: kept, given up, and never a reason to make a call twice.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use keyward_outbound::TlsConnector;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Answer, Client, Gate, Setup, Upstream, call, pieces, run};

#[test]
fn one_connection_serves_call_after_call() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        for _ in 0..20 {
            assert_eq!(gate.send(gate.request().body(call("get")).expect("a request")).await.status, 200);
        }
        assert_eq!((upstream.connections.get(), upstream.seen.borrow().len()), (1, 20));
    });
}

#[test]
fn no_more_connections_are_made_than_calls_go_at_once() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Rc::new(Gate::start(Setup::to(&upstream.url())).await);
        let clients: Vec<_> = (0..16)
            .map(|_| {
                let gate = Rc::clone(&gate);
                tokio::task::spawn_local(async move {
                    let mut client = Client::connect(gate.port).await;
                    for _ in 0..20 {
                        let answer = client.send(gate.request().body(call("get")).expect("a request")).await;
                        assert_eq!(Answer::of(answer.expect("an answer")).await.status, 200);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("a client");
        }
        assert_eq!(upstream.seen.borrow().len(), 320);
        assert!(upstream.connections.get() <= 16, "{}", upstream.connections.get());
    });
}

#[test]
fn answers_of_unknown_length_leave_the_connection_usable() {
    run(async {
        for content_type in ["application/json", "text/event-stream"] {
            let upstream = Upstream::start(move |_| async move {
                let (sender, answer) = pieces(content_type);
                sender.send(Ok("data: 1\n\n".into())).expect("sent");
                answer
            })
            .await;
            let gate = Gate::start(Setup::to(&upstream.url())).await;
            for _ in 0..5 {
                assert_eq!(gate.send(gate.request().body(call("get")).expect("a request")).await.body, "data: 1\n\n");
            }
            assert_eq!(upstream.connections.get(), 1, "{content_type}");
        }
    });
}

/// Answers one request on each connection, then closes it without a word.
async fn closing(after: Duration, calls: Rc<Cell<usize>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::task::spawn_local(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let calls = Rc::clone(&calls);
            tokio::task::spawn_local(async move {
                let mut buffer = vec![0; 16 << 10];
                let _ = stream.read(&mut buffer).await;
                calls.set(calls.get() + 1);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
                tokio::time::sleep(after).await;
            });
        }
    });
    port
}

#[test]
fn a_connection_that_upstream_closed_is_not_used() {
    run(async {
        let calls = Rc::new(Cell::new(0));
        let port = closing(Duration::ZERO, Rc::clone(&calls)).await;
        let gate = Gate::start(Setup::to(&format!("http://127.0.0.1:{port}/mcp"))).await;
        for _ in 0..10 {
            assert_eq!(gate.send(gate.request().body(call("get")).expect("a request")).await.status, 200);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(calls.get(), 10);
    });
}

#[test]
fn a_call_that_was_written_is_not_written_again() {
    run(async {
        let calls = Rc::new(Cell::new(0));
        let counted = Rc::clone(&calls);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::task::spawn_local(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let calls = Rc::clone(&counted);
                tokio::task::spawn_local(async move {
                    let mut buffer = vec![0; 16 << 10];
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {
                        calls.set(calls.get() + 1);
                        // The second call of each connection is read, and then the server dies.
                        if calls.get() % 2 == 0 || stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        let gate = Gate::start(Setup::to(&format!("http://127.0.0.1:{port}/mcp"))).await;
        assert_eq!(gate.send(gate.request().body(call("get")).expect("a request")).await.status, 200);
        let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (502, "upstream_broke_off"));
        assert_eq!(calls.get(), 2);
    });
}

#[test]
fn upstreams_word_for_how_long_it_waits_is_heeded() {
    run(async {
        let upstream = Upstream::start(|_| async {
            let mut answer = crate::support::json("{}");
            answer.headers_mut().insert("keep-alive", "timeout=1, max=5".parse().expect("a value"));
            answer
        })
        .await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        for _ in 0..3 {
            assert_eq!(gate.send(gate.request().body(call("get")).expect("a request")).await.status, 200);
        }
        assert_eq!(upstream.connections.get(), 3, "a connection that ends within the second is not kept");
    });
}

#[test]
fn https_needs_a_trusted_certificate() {
    run(async {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], made.signing_key.into())
            .expect("a server configuration");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::task::spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let acceptor = acceptor.clone();
                tokio::task::spawn_local(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut buffer = vec![0; 16 << 10];
                    while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
                    }
                });
            }
        });
        let trusting = TlsConnector::with_roots(vec![made.cert.der().clone()]);
        for (tls, host, status) in [
            (trusting.clone(), "localhost", 200),
            (trusting, "127.0.0.1", 502),
            (TlsConnector::with_roots(Vec::new()), "localhost", 502),
        ] {
            let mut setup = Setup::to(&format!("https://{host}:{port}/mcp"));
            setup.config.tls = tls;
            let gate = Gate::start(setup).await;
            let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
            assert_eq!(answer.status.as_u16(), status, "{host}");
        }
    });
}
