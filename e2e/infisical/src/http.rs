//! HTTP/1.1, as much of it as is needed: one request a connection.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Arrived;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Headers beside those that every answer has.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
    /// How long it keeps the asker waiting.
    pub after: Duration,
}

impl Answer {
    /// 200 with this body.
    pub fn ok(body: &Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.to_string(), after: Duration::ZERO }
    }

    /// An error in Infisical's form.
    pub fn error(status: u16, kind: &str, message: &str) -> Self {
        let body = json!({ "reqId": "req-stand-in", "statusCode": status, "message": message, "error": kind });
        Self { status, ..Self::ok(&body) }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, a while later.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }
}

pub(crate) fn serve(mut stream: TcpStream, answer: impl FnOnce(Arrived) -> Answer) {
    let Some(request) = read(&mut stream) else { return };
    let Answer { status, headers, body, .. } = answer(request);
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    // Whoever has hung up does not want it.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

fn read(stream: &mut TcpStream) -> Option<Arrived> {
    let mut bytes = Vec::new();
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(head) = request.parse(&bytes).ok()? {
            let (method, target) = (request.method?.to_owned(), request.path?.to_owned());
            let named = |header: &httparse::Header<'_>| {
                (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
            };
            let headers: BTreeMap<_, _> = request.headers.iter().map(named).collect();
            let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
            if bytes.len() >= head + length {
                let (path, query) = target.split_once('?').unwrap_or((&target, ""));
                let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
                let body = bytes.get(head..head + length).unwrap_or_default();
                let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).ok()? };
                return Some(Arrived { method, path: path.to_owned(), query, headers, body, status: 0 });
            }
        }
        let mut part = [0; 16_384];
        match stream.read(&mut part) {
            Ok(length @ 1..) => bytes.extend_from_slice(part.get(..length)?),
            _ => return None,
        }
    }
}
