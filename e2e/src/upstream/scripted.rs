//! A server that does what no good server does: dies in the middle, waits for ever, says no, and shows what it was sent.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::wait::{self, LIMIT};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The method.
    pub method: String,
    /// The path and query.
    pub target: String,
    /// The headers, in order and as they were written.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Arrived {
    /// The header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The JSON-RPC message in it.
    pub fn message(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What the server does with a request: it has the connection for itself.
type Answer = dyn Fn(&Arrived, &mut Connection) -> Result<()> + Send + Sync;

/// The connection that a request came on.
pub struct Connection {
    stream: TcpStream,
    go_on: Arc<Mutex<Receiver<()>>>,
}

impl Connection {
    /// Sends these bytes at once.
    pub fn send(&mut self, bytes: &str) -> Result<()> {
        self.stream.write_all(bytes.as_bytes()).and_then(|()| self.stream.flush()).context("the other side hung up")
    }

    /// Sends a whole answer.
    pub fn answer(&mut self, status: &str, headers: &[(&str, &str)], body: &str) -> Result<()> {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.send(&format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// Answers a JSON-RPC request with this result.
    pub fn result(&mut self, request: &Arrived, result: &Value) -> Result<()> {
        let message = serde_json::json!({ "jsonrpc": "2.0", "id": request.message()["id"], "result": result });
        self.answer("200 OK", &[("Content-Type", "application/json")], &message.to_string())
    }

    /// Begins an event stream.
    pub fn begin_events(&mut self) -> Result<()> {
        self.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    }

    /// Sends one event of the stream.
    pub fn event(&mut self, data: &Value) -> Result<()> {
        let event = format!("event: message\ndata: {data}\n\n");
        self.send(&format!("{:x}\r\n{event}\r\n", event.len()))
    }

    /// Ends the stream.
    pub fn end_events(&mut self) -> Result<()> {
        self.send("0\r\n\r\n")
    }

    /// Waits until the test says so.
    pub fn wait_for_go(&self) -> Result<()> {
        let go_on = self.go_on.lock().unwrap_or_else(PoisonError::into_inner);
        go_on.recv_timeout(LIMIT).context("the test never said to go on")
    }

    /// Waits until the other side hangs up.
    pub fn wait_for_hang_up(&mut self) -> Result<()> {
        self.stream.set_read_timeout(Some(LIMIT))?;
        match self.stream.read(&mut [0; 1]) {
            Ok(0) => Ok(()),
            Ok(_) => anyhow::bail!("more came instead"),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(error).context("the other side did not hang up"),
        }
    }

    /// Closes it, whatever was promised.
    pub fn cut(&mut self) -> Result<()> {
        self.stream.shutdown(Shutdown::Both).context("already closed")
    }
}

/// The server; it lives as long as the test process.
pub struct Scripted {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    finished: Arc<Mutex<Vec<std::result::Result<(), String>>>>,
    go_on: Sender<()>,
}

impl Scripted {
    /// A server that does this with each request.
    pub fn start(answer: impl Fn(&Arrived, &mut Connection) -> Result<()> + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (go_on, waiting) = channel();
        let server = Self { address: listener.local_addr()?, arrived: Arc::default(), finished: Arc::default(), go_on };
        let (arrived, finished) = (Arc::clone(&server.arrived), Arc::clone(&server.finished));
        let waiting = Arc::new(Mutex::new(waiting));
        let answer: Arc<Answer> = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = Connection { stream, go_on: Arc::clone(&waiting) };
                let (answer, arrived, finished) = (Arc::clone(&answer), Arc::clone(&arrived), Arc::clone(&finished));
                std::thread::spawn(move || serve(connection, &answer, &arrived, &finished));
            }
        });
        Ok(server)
    }

    /// Its endpoint.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests so far.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the next [`Connection::wait_for_go`] end.
    pub fn go(&self) -> Result<()> {
        self.go_on.send(()).context("the server is gone")
    }

    /// How the handling of the first request that is finished went; waits for one.
    pub fn first_finished(&self) -> Result<std::result::Result<(), String>> {
        wait::until("the upstream to finish", || {
            Ok(self.finished.lock().unwrap_or_else(PoisonError::into_inner).first().cloned())
        })
    }
}

fn serve(
    mut connection: Connection,
    answer: &Arc<Answer>,
    arrived: &Mutex<Vec<Arrived>>,
    finished: &Mutex<Vec<std::result::Result<(), String>>>,
) {
    while let Ok(Some(request)) = read_request(&mut connection.stream) {
        arrived.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let result = answer(&request, &mut connection).map_err(|error| format!("{error:#}"));
        let failed = result.is_err();
        finished.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        if failed {
            return;
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Result<Option<Arrived>> {
    let mut received = Vec::new();
    let mut request = loop {
        if let Some((length, request)) = parse_head(&received)? {
            received.drain(..length);
            break request;
        }
        if !read_more(stream, &mut received)? {
            return Ok(None);
        }
    };
    if request.header("transfer-encoding").is_some() {
        while !received.ends_with(b"0\r\n\r\n") {
            anyhow::ensure!(read_more(stream, &mut received)?, "the body ended early");
        }
        request.body = unchunked(&received)?;
    } else {
        let length = request.header("content-length").unwrap_or("0").parse()?;
        while received.len() < length {
            anyhow::ensure!(read_more(stream, &mut received)?, "the body ended early");
        }
        request.body = received;
    }
    Ok(Some(request))
}

fn parse_head(received: &[u8]) -> Result<Option<(usize, Arrived)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(received)? else { return Ok(None) };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let request = Arrived {
        method: head.method.unwrap_or_default().to_owned(),
        target: head.path.unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect(),
        body: Vec::new(),
    };
    Ok(Some((length, request)))
}

fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<bool> {
    let mut part = [0; 16 * 1024];
    let length = stream.read(&mut part)?;
    received.extend_from_slice(&part[..length]);
    Ok(length > 0)
}

fn unchunked(mut chunked: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = chunked.windows(2).position(|pair| pair == b"\r\n").context("no size of a chunk")?;
        let size = usize::from_str_radix(std::str::from_utf8(&chunked[..end])?.trim(), 16)?;
        if size == 0 {
            return Ok(body);
        }
        let chunk = chunked.get(end + 2..end + 2 + size).context("a short chunk")?;
        body.extend_from_slice(chunk);
        chunked = chunked.get(end + 4 + size..).context("a short chunk")?;
    }
}
