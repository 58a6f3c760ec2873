//! HTTP/1.1 by hand: exactly these bytes go out, and what comes back is read as it comes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::wait::LIMIT;

/// A request as it will stand on the wire.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// A request without a body. `target` is the path and query.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: None }
    }

    /// A GET.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST of a form.
    pub fn form(target: &str, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded(fields);
        Self::new("POST", target).header("Content-Type", "application/x-www-form-urlencoded").body(body)
    }

    /// A POST of JSON.
    pub fn json(target: &str, value: &Value) -> Self {
        Self::new("POST", target).header("Content-Type", "application/json").body(value.to_string())
    }

    /// A POST of one JSON-RPC message as an MCP client of revision 2025-11-25 sends it.
    pub fn mcp(target: &str, message: &Value) -> Self {
        Self::json(target, message).header("Accept", "application/json, text/event-stream")
    }

    /// One more header, also if there is one of this name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A bearer token (RFC 6750 §2.1).
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// This body, with its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The bytes for a server at `address`, with the connection to be closed afterwards. `Host` is added unless given.
    pub fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("Host: {address}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends it and reads the whole answer.
    pub fn send(&self, address: SocketAddr) -> Result<Response> {
        send(address, &self.bytes(address))
    }

    /// Sends it and reads the head of the answer; the body is read bit by bit.
    pub fn open(&self, address: SocketAddr) -> Result<Streaming> {
        Streaming::open(address, &self.bytes(address))
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, without its transfer encoding.
    pub body: Vec<u8>,
    /// Whether the body ended as its framing said it would.
    pub complete: bool,
}

impl Response {
    /// The header of this name; several are joined by a comma.
    pub fn header(&self, name: &str) -> Option<String> {
        joined(&self.headers, name)
    }

    /// Each header of this name.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, which its `Content-Type` must say that it is.
    pub fn json(&self) -> Result<Value> {
        let kind = self.header("content-type").unwrap_or_default();
        if !kind.starts_with("application/json") {
            bail!("{} with {kind:?}, not JSON: {}", self.status, self.text());
        }
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// The JSON-RPC message in it, be it JSON or the first with a result or error of an event stream.
    pub fn message(&self) -> Result<Value> {
        if !self.header("content-type").unwrap_or_default().starts_with("text/event-stream") {
            return self.json();
        }
        let messages = events(&self.text());
        let found = messages.iter().find(|message| message.get("result").is_some() || message.get("error").is_some());
        found.cloned().with_context(|| format!("no answer in the stream: {}", self.text()))
    }
}

/// The JSON of each event of an event stream.
pub fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|json| serde_json::from_str(json.trim_start()).ok()).collect()
}

/// Sends exactly these bytes and reads the answer to its end.
pub fn send(address: SocketAddr, bytes: &[u8]) -> Result<Response> {
    let mut stream = Streaming::open(address, bytes)?;
    let mut body = Vec::new();
    while let Some(part) = stream.next()? {
        body.extend_from_slice(&part);
    }
    Ok(Response { status: stream.status, headers: stream.headers, body, complete: stream.framing.is_over() })
}

/// An answer whose body is still coming. Dropping it hangs up.
pub struct Streaming {
    connection: TcpStream,
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    framing: Framing,
    unread: Vec<u8>,
}

impl Streaming {
    /// Sends these bytes and reads the head of the answer.
    pub fn open(address: SocketAddr, bytes: &[u8]) -> Result<Self> {
        let mut connection = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        connection.set_read_timeout(Some(LIMIT))?;
        connection.set_write_timeout(Some(LIMIT))?;
        // A server may refuse, answer and close before it has read all of it.
        let _ = connection.write_all(bytes);
        let mut received = Vec::new();
        loop {
            if let Some((length, status, headers)) = parse_head(&received)? {
                let framing = Framing::of(status, &headers)?;
                return Ok(Self { connection, status, headers, framing, unread: received.split_off(length) });
            }
            let part = read_some(&mut connection)?;
            if part.is_empty() {
                bail!("the connection was closed without an answer after {:?}", String::from_utf8_lossy(&received));
            }
            received.extend_from_slice(&part);
        }
    }

    /// The header of this name; several are joined by a comma.
    pub fn header(&self, name: &str) -> Option<String> {
        joined(&self.headers, name)
    }

    /// The next bytes of the body; none once it has ended, however it did.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results would hide that reading waits")]
    pub fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if self.framing.is_over() {
                return Ok(None);
            }
            let body = self.framing.take(&mut self.unread)?;
            if !body.is_empty() {
                return Ok(Some(body));
            }
            if self.framing.is_over() {
                return Ok(None);
            }
            let part = read_some(&mut self.connection)?;
            if part.is_empty() {
                self.framing.closed();
                return Ok(None);
            }
            self.unread.extend_from_slice(&part);
        }
    }

    /// Reads until what was read of the body contains `text`, and gives all that.
    pub fn read_until(&mut self, text: &str) -> Result<String> {
        let mut read = String::new();
        while !read.contains(text) {
            let part = self.next()?.with_context(|| format!("the body ended without {text:?}: {read}"))?;
            read.push_str(&String::from_utf8_lossy(&part));
        }
        Ok(read)
    }

    /// Reads the rest. Says whether the body ended as its framing said it would.
    pub fn rest(mut self) -> Result<(String, bool)> {
        let mut read = Vec::new();
        while let Some(part) = self.next()? {
            read.extend_from_slice(&part);
        }
        Ok((String::from_utf8_lossy(&read).into_owned(), self.framing.is_over()))
    }
}

/// How the end of a body is known (RFC 9112 §6).
#[derive(Debug)]
enum Framing {
    Length(usize),
    /// Bytes left of the chunk at hand.
    Chunked(usize),
    UntilClose,
    Over,
    Broken,
}

impl Framing {
    fn of(status: u16, headers: &[(String, String)]) -> Result<Self> {
        if status == 204 || status == 304 {
            return Ok(Self::Over);
        }
        if joined(headers, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Ok(Self::Chunked(0));
        }
        Ok(match joined(headers, "content-length") {
            Some(length) => match length.parse()? {
                0 => Self::Over,
                length => Self::Length(length),
            },
            None => Self::UntilClose,
        })
    }

    fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    fn closed(&mut self) {
        *self = if matches!(self, Self::UntilClose) { Self::Over } else { Self::Broken };
    }

    /// Moves what is body out of `unread`.
    fn take(&mut self, unread: &mut Vec<u8>) -> Result<Vec<u8>> {
        let take = |unread: &mut Vec<u8>, most: usize| unread.drain(..most.min(unread.len())).collect::<Vec<u8>>();
        match self {
            Self::UntilClose => Ok(std::mem::take(unread)),
            Self::Over | Self::Broken => Ok(Vec::new()),
            Self::Length(left) => {
                let body = take(unread, *left);
                *left -= body.len();
                if *left == 0 {
                    *self = Self::Over;
                }
                Ok(body)
            }
            Self::Chunked(left) if *left > 0 => {
                let body = take(unread, *left);
                *left -= body.len();
                Ok(body)
            }
            Self::Chunked(_) => self.next_chunk(unread),
        }
    }

    fn next_chunk(&mut self, unread: &mut Vec<u8>) -> Result<Vec<u8>> {
        // The line break after the chunk before.
        while unread.starts_with(b"\r\n") {
            unread.drain(..2);
        }
        let Some(end) = unread.windows(2).position(|pair| pair == b"\r\n") else { return Ok(Vec::new()) };
        let line = String::from_utf8_lossy(&unread[..end]).into_owned();
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).with_context(|| format!("not the size of a chunk: {line:?}"))?;
        unread.drain(..end + 2);
        *self = if size == 0 { Self::Over } else { Self::Chunked(size) };
        self.take(unread)
    }
}

type Head = (usize, u16, Vec<(String, String)>);

fn parse_head(received: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(received)? else { return Ok(None) };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = head.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect();
    Ok(Some((length, head.code.context("no status")?, headers)))
}

fn read_some(connection: &mut TcpStream) -> Result<Vec<u8>> {
    let mut part = vec![0; 16 * 1024];
    let read = loop {
        match connection.read(&mut part) {
            // A signal to this process is no word from the other side.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    match read {
        Ok(length) => part.truncate(length),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => part.clear(),
        Err(error) => return Err(error).context("no more came"),
    }
    Ok(part)
}

fn joined(headers: &[(String, String)], name: &str) -> Option<String> {
    let found: Vec<&str> =
        headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect();
    if found.is_empty() { None } else { Some(found.join(", ")) }
}

/// `application/x-www-form-urlencoded`, also for a query.
pub fn form_urlencoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
