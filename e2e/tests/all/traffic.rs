//! Traffic under which things are moved: no call of it may fail.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::scene::{SERVICE_TOKEN, call};

/// Clients that call all the time, each of whose calls must be answered, and with the service token in it.
pub(crate) struct Traffic<'a> {
    address: SocketAddr,
    bearer: &'a str,
    /// Told when it is to end.
    pub(crate) stop: AtomicBool,
    /// How many calls were answered.
    pub(crate) made: AtomicU64,
}

impl<'a> Traffic<'a> {
    pub(crate) fn new(address: SocketAddr, bearer: &'a str) -> Self {
        Self { address, bearer, stop: AtomicBool::new(false), made: AtomicU64::new(0) }
    }

    pub(crate) fn on_new_connections(&self) -> Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            let mut stream = TcpStream::connect(self.address).context("no connection")?;
            self.call(&mut stream, true).context("a call on a new connection")?;
        }
        Ok(())
    }

    /// On one connection, for as long as the server keeps it.
    pub(crate) fn on_a_kept_connection(&self, pause: Duration) -> Result<()> {
        let mut stream = TcpStream::connect(self.address).context("no connection")?;
        while !self.stop.load(Ordering::Relaxed) {
            if !self.call(&mut stream, false).with_context(|| format!("a call on a kept connection, {pause:?}"))? {
                stream = TcpStream::connect(self.address).context("no connection")?;
            }
            std::thread::sleep(pause);
        }
        Ok(())
    }

    /// One call; whether the connection may carry another.
    fn call(&self, stream: &mut TcpStream, close: bool) -> Result<bool> {
        let bytes = call("/notes/mcp", "any_tool").bearer(self.bearer).bytes(self.address);
        let text = String::from_utf8(bytes)?;
        let text = if close { text } else { text.replace("Connection: close\r\n", "") };
        stream.write_all(text.as_bytes())?;
        let (head, body) = answer(stream)?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
        ensure!(body.contains(&format!("Bearer {SERVICE_TOKEN}")), "another token was carried: {body}");
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(!head.to_ascii_lowercase().contains("connection: close"))
    }
}

/// Head and body of one answer, whose body has a length.
fn answer(stream: &mut TcpStream) -> Result<(String, String)> {
    stream.set_read_timeout(Some(keyward_e2e::wait::LIMIT))?;
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let whole = match length {
                Some(length) => body.len() >= length,
                None => body.ends_with("0\r\n\r\n"),
            };
            if whole {
                return Ok((head.to_owned(), body.to_owned()));
            }
        }
        match stream.read(&mut part)? {
            0 => bail!("the connection ended after {} bytes: {text}", bytes.len()),
            length => bytes.extend_from_slice(&part[..length]),
        }
    }
}
