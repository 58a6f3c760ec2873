use std::io::{Read, Write};
use std::net::TcpStream as Blocking;

use bytes::Bytes;
use http_body_util::Full;
use tokio::sync::mpsc;

use super::*;

/// Answers with the path; `/wait` only after the test lets it.
#[derive(Clone)]
struct Echo {
    arrived: mpsc::UnboundedSender<()>,
    go_on: CancellationToken,
}

impl Answer for Echo {
    type Body = Full<Bytes>;

    async fn answer(&self, _: SocketAddr, request: Request<Incoming>) -> Response<Self::Body> {
        if request.uri().path() == "/wait" {
            self.arrived.send(()).expect("the test waits");
            self.go_on.cancelled().await;
        }
        Response::new(Full::from(request.uri().path().to_owned()))
    }
}

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    go_on: CancellationToken,
    arrived: mpsc::UnboundedReceiver<()>,
    worker: JoinHandle<()>,
}

fn run(limits: Limits) -> Running {
    let listener = super::super::listen::listen(([127, 0, 0, 1], 0).into(), 1).expect("a port").remove(0);
    let address = listener.local_addr().expect("an address");
    let (sender, arrived) = mpsc::unbounded_channel();
    let (stop, go_on) = (CancellationToken::new(), CancellationToken::new());
    let echo = Echo { arrived: sender, go_on: go_on.clone() };
    let worker = start(0, listener, limits, stop.clone(), move || echo).expect("a worker");
    Running { address, stop, go_on, arrived, worker }
}

const LIMITS: Limits =
    Limits { header_bytes: 16 * 1024, header_timeout: Duration::from_secs(600), grace: Duration::from_secs(600) };

fn ask(address: SocketAddr, request: &str) -> Blocking {
    let mut stream = Blocking::connect(address).expect("a connection");
    stream.write_all(request.as_bytes()).expect("a request");
    stream
}

fn answer(mut stream: Blocking) -> String {
    let mut text = String::new();
    // The server may close with parts of the request unread, which arrives as a reset behind the answer.
    drop(stream.read_to_string(&mut text));
    text
}

#[test]
fn headers_beyond_the_limit_are_refused_and_the_worker_goes_on() {
    let running = run(LIMITS);
    let big = format!("GET /a HTTP/1.1\r\nHost: h\r\nX-Big: {}\r\n\r\n", "x".repeat(64 * 1024));
    let mut stream = Blocking::connect(running.address).expect("a connection");
    drop(stream.write_all(big.as_bytes()));
    let refused = answer(stream);
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431"), "{refused}");
    let fine = answer(ask(running.address, "GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    assert!(fine.starts_with("HTTP/1.1 200") && fine.ends_with("/b"), "{fine}");
    running.stop.cancel();
    running.worker.join().expect("a clean end");
}

#[test]
fn headers_that_do_not_come_end_the_connection() {
    let running = run(Limits { header_timeout: Duration::from_millis(50), ..LIMITS });
    let slow = answer(ask(running.address, "GET /a HTTP/1.1\r\nHost:"));
    assert!(slow.is_empty() || slow.starts_with("HTTP/1.1 408"), "{slow}");
    running.stop.cancel();
    running.worker.join().expect("a clean end");
}

#[test]
fn calls_under_way_finish_before_the_worker_ends() {
    let mut running = run(LIMITS);
    let under_way = ask(running.address, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    let idle = ask(running.address, "");
    running.arrived.blocking_recv().expect("the call arrives");
    running.stop.cancel();
    running.go_on.cancel();
    assert!(answer(under_way).ends_with("/wait"));
    assert_eq!(answer(idle), "");
    running.worker.join().expect("a clean end");
    assert!(Blocking::connect(running.address).is_err());
}

#[test]
fn calls_that_do_not_finish_are_cut_off() {
    let mut running = run(Limits { grace: Duration::from_millis(20), ..LIMITS });
    let under_way = ask(running.address, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    running.arrived.blocking_recv().expect("the call arrives");
    running.stop.cancel();
    running.worker.join().expect("a clean end");
    assert_eq!(answer(under_way), "");
}

#[test]
fn a_call_on_an_idle_connection_is_answered_after_the_worker_was_told_to_stop() {
    let running = run(LIMITS);
    let mut kept = ask(running.address, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut first = [0; 512];
    let length = kept.read(&mut first).expect("an answer");
    assert!(String::from_utf8_lossy(&first[..length]).ends_with("/a"));
    // One that is connected and not accepted yet, or just so.
    let late = Blocking::connect(running.address).expect("a connection");
    running.stop.cancel();
    kept.write_all(b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n").expect("it is open");
    let text = answer(kept);
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("/b"), "{text}");
    assert!(text.to_ascii_lowercase().contains("connection: close"), "{text}");
    let mut late_call = late;
    late_call.write_all(b"GET /c HTTP/1.1\r\nHost: h\r\n\r\n").expect("it is open");
    assert!(answer(late_call).ends_with("/c"));
    running.worker.join().expect("a clean end");
}
