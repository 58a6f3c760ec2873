//! An upstream that answers every request alike and remembers what it was sent.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What was received, as it came.
#[derive(Clone, Default)]
pub(crate) struct Received(Arc<Mutex<String>>);

impl Received {
    pub(crate) fn text(&self) -> String {
        self.0.lock().expect("a lock").clone()
    }
}

/// Answers until the test ends.
pub(crate) fn start() -> (SocketAddr, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let received = Received::default();
    let remember = received.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let remember = remember.clone();
            thread::spawn(move || answer(stream, &remember));
        }
    });
    (address, received)
}

fn answer(mut stream: TcpStream, received: &Received) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length) = stream.read(&mut buffer) {
        if length == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        received.0.lock().expect("a lock").push_str(&text);
        let body = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        if text.contains("jsonrpc") && stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}
