//! Streams of events.

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, Full};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::support::{Client, Gate, Setup, Upstream, call, pieces, run};

type Sender = tokio::sync::mpsc::UnboundedSender<std::io::Result<Bytes>>;

/// An upstream with one stream, and the way into it.
async fn streaming() -> (Upstream, Rc<RefCell<Option<Sender>>>) {
    let way_in: Rc<RefCell<Option<Sender>>> = Rc::default();
    let kept = Rc::clone(&way_in);
    let upstream = Upstream::start(move |_| {
        let (sender, answer) = pieces("text/event-stream; charset=utf-8");
        *kept.borrow_mut() = Some(sender);
        async move { answer }
    })
    .await;
    (upstream, way_in)
}

#[test]
fn events_pass_as_they_come() {
    run(async {
        let (upstream, way_in) = streaming().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let mut client = Client::connect(gate.port).await;
        let request = gate.request().method(Method::GET).body(Full::default()).expect("a request");
        let answer = client.send(request).await.expect("headers before any event");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        assert!(!answer.headers().contains_key("content-length"));
        let mut body = answer.into_body();
        let mut next = async || body.frame().await.map(|frame| frame.expect("a frame").into_data().expect("data"));
        assert_eq!(next().await.expect("a byte at once"), ": keep-alive\n\n");
        let sender = way_in.borrow_mut().take().expect("a way in");
        for event in ["data: 1\n\n", "id: 2\ndata: 2\n\n", "data: ha", "lf\n\n"] {
            sender.send(Ok(event.into())).expect("sent");
            assert_eq!(next().await.expect("an event"), event);
        }
        drop(sender);
        assert_eq!(next().await, None);
        let record = gate.record().await;
        assert_eq!(record.result, "ok");
        assert!(record.detail.expect("a detail").contains(r#""http_method":"GET""#));
    });
}

#[test]
fn a_silent_stream_is_kept_alive() {
    run(async {
        let (upstream, way_in) = streaming().await;
        let mut setup = Setup::to(&upstream.url());
        setup.limits().keep_alive = Duration::from_millis(20);
        let gate = Gate::start(setup).await;
        let mut client = Client::connect(gate.port).await;
        let request = gate.request().body(call("get")).expect("a request");
        let mut body = client.send(request).await.expect("an answer").into_body();
        for _ in 0..3 {
            let frame = body.frame().await.expect("a frame").expect("a frame").into_data().expect("data");
            assert_eq!(frame, ": keep-alive\n\n");
        }
        assert!(way_in.borrow().is_some());
    });
}

#[test]
fn a_client_that_hangs_up_takes_upstream_with_it() {
    run(async {
        let (upstream, way_in) = streaming().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let mut client = Client::connect(gate.port).await;
        let request = gate.request().body(call("get")).expect("a request");
        let mut body = client.send(request).await.expect("an answer").into_body();
        body.frame().await.expect("a frame").expect("a frame");
        drop((body, client));
        upstream.hang_up().await;
        assert!(way_in.borrow().is_some(), "upstream did not end it");
        let record = gate.record().await;
        assert_eq!(record.result, "aborted");
        assert!(record.detail.expect("a detail").contains(r#""tool":"get""#));
    });
}

#[test]
fn a_client_that_hangs_up_before_the_answer_cancels_the_call() {
    run(async {
        let upstream = Upstream::start(|_| std::future::pending()).await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let mut client = Client::connect(gate.port).await;
        let request = gate.request().body(call("get")).expect("a request");
        let waiting = tokio::time::timeout(Duration::from_millis(50), client.send(request)).await;
        assert!(waiting.is_err());
        drop(client);
        upstream.hang_up().await;
        assert_eq!(gate.record().await.result, "aborted");
    });
}

#[test]
fn two_streams_and_a_call_go_at_once() {
    run(async {
        let upstream = Upstream::start(|request| {
            let (sender, answer) = pieces("text/event-stream");
            if request.method() == Method::POST {
                sender.send(Ok("data: done\n\n".into())).expect("sent");
            } else {
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(Duration::from_secs(3_600)).await;
                    drop(sender);
                });
            }
            async move { answer }
        })
        .await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let mut open = Vec::new();
        for _ in 0..2 {
            let mut client = Client::connect(gate.port).await;
            let request = gate.request().method(Method::GET).body(Full::default()).expect("a request");
            open.push((client.send(request).await.expect("an answer"), client));
        }
        let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
        assert_eq!(answer.body, "data: done\n\n");
        assert_eq!(upstream.connections.get(), 3);
    });
}
