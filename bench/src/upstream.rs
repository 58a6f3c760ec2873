//! The cheapest honest MCP-shaped upstream: POST answers 1 KB of JSON; `GET /jwks.json` gives the keys of the run.

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves on `port` of loopback until killed.
pub(crate) async fn serve(port: u16, jwks: String) -> Result<()> {
    let text = "x".repeat(940);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}],"isError":false}}}}"#
    );
    let call: &'static [u8] = response(&body).leak();
    let keys: &'static [u8] = response(&jwks).leak();
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(answer(stream, call, keys));
    }
}

fn response(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

async fn answer(mut stream: TcpStream, call: &'static [u8], keys: &'static [u8]) {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        match complete_request(&buffer) {
            Err(_) => return,
            Ok(Some((length, is_get))) => {
                buffer.drain(..length);
                if stream.write_all(if is_get { keys } else { call }).await.is_err() {
                    return;
                }
            }
            Ok(None) => {
                if !matches!(stream.read_buf(&mut buffer).await, Ok(read) if read > 0) {
                    return;
                }
            }
        }
    }
}

/// The length of the request at the start of `buffer` and whether it is a GET; `None` while it is incomplete.
fn complete_request(buffer: &[u8]) -> Result<Option<(usize, bool)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; 48];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(buffer)? else { return Ok(None) };
    let header = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body =
        header.and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse::<usize>().ok()).unwrap_or(0);
    Ok((buffer.len() >= head + body).then_some((head + body, request.method == Some("GET"))))
}
