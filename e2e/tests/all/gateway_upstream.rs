//! Servers behind Keyward that do not do as they should, and what is passed on.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::http::Request;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::upstream::scripted::{Arrived, Connection, Scripted};
use serde_json::{Value, json};

use crate::scene::{SERVICE_TOKEN, call, call_message};

const MCP: &str = "/odd/mcp";

struct Odd {
    keyward: Keyward,
    bearer: String,
}

impl Odd {
    fn before(upstream: &str) -> Result<Self> {
        let server = Server::new("odd", upstream).credential("odd/api_token");
        let configuration = Configuration::sqlite().server("upstream_response_timeout = \"1s\"").behind(&server);
        let mut keyward = Keyward::configured(&configuration)?;
        keyward.put_token("odd/api_token", SERVICE_TOKEN)?;
        keyward.start()?;
        let bearer = keyward.issue_bearer("odd", &["odd:read"])?;
        Ok(Self { keyward, bearer })
    }

    fn call(&self) -> Request {
        call(MCP, "tool").bearer(&self.bearer)
    }

    /// An error of ours: it names the server, repeats the id and holds no secret.
    fn fails_with(&self, status: u16) -> Result<Value> {
        let answer = self.keyward.send(&self.call())?;
        assert_eq!(answer.status, status, "{}", answer.text());
        let text = answer.text();
        let error = answer.json()?;
        assert!(error["error"]["message"].as_str().context("a message")?.contains("odd"), "{error}");
        assert_eq!(error["id"], call_message("tool")["id"]);
        assert!(!text.contains(SERVICE_TOKEN) && !text.contains(&self.bearer), "{text}");
        Ok(error)
    }
}

fn scripted(answer: fn(&Arrived, &mut Connection) -> Result<()>) -> Result<(Scripted, Odd)> {
    let upstream = Scripted::start(answer)?;
    let odd = Odd::before(&upstream.url())?;
    Ok((upstream, odd))
}

#[test]
fn down() -> Result<()> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    Odd::before(&format!("http://{free}/mcp"))?.fails_with(502)?;
    Ok(())
}

#[test]
fn never_answers() -> Result<()> {
    let (_upstream, odd) = scripted(|_, connection| connection.wait_for_hang_up())?;
    odd.fails_with(504)?;
    Ok(())
}

#[test]
fn hangs_up_before_it_answers() -> Result<()> {
    let (_upstream, odd) = scripted(|_, connection| connection.cut())?;
    odd.fails_with(502)?;
    Ok(())
}

#[test]
fn answers_with_no_http() -> Result<()> {
    let (_upstream, odd) = scripted(|_, connection| {
        connection.send("220 mail.example ESMTP\r\n")?;
        connection.cut()
    })?;
    odd.fails_with(502)?;
    Ok(())
}

#[test]
fn refuses_the_service_token() -> Result<()> {
    let (_upstream, odd) = scripted(|_, connection| {
        let challenge = "Bearer realm=\"upstream\", resource_metadata=\"https://upstream.example/prm\"";
        connection.answer("401 Unauthorized", &[("WWW-Authenticate", challenge)], "who are you?")
    })?;
    odd.fails_with(502)?;
    let answer = odd.keyward.send(&odd.call())?;
    assert_eq!(answer.header("www-authenticate"), None, "the client is not sent away to log in for this");
    Ok(())
}

#[test]
fn dies_in_the_middle_of_a_stream() -> Result<()> {
    let (upstream, odd) = scripted(|_, connection| {
        connection.begin_events()?;
        connection.event(&json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "one" } }))?;
        connection.wait_for_go()?;
        connection.cut()
    })?;
    let mut stream = odd.call().open(odd.keyward.address())?;
    assert_eq!(stream.status, 200);
    let read = stream.read_until("\"one\"")?;
    assert!(read.contains("notifications/message"), "{read}");
    upstream.go()?;
    let (_, complete) = stream.rest()?;
    assert!(!complete, "a stream that broke off must not look as if it had ended well");
    assert_eq!(odd.keyward.send(&Request::get("/healthz"))?.status, 200);
    Ok(())
}

#[test]
fn dies_in_the_middle_of_a_body() -> Result<()> {
    let (_upstream, odd) = scripted(|_, connection| {
        connection
            .send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"jsonrpc\":")?;
        connection.cut()
    })?;
    let answer = odd.keyward.send(&odd.call())?;
    assert!(answer.status == 502 || !answer.complete, "{}: {}", answer.status, answer.text());
    Ok(())
}

/// Each event is sent only after the one before was read at the other end: a proxy that holds back what it gets would wait
/// here for ever.
#[test]
fn events_pass_as_they_come() -> Result<()> {
    let (upstream, odd) = scripted(|request, connection| {
        let progress = |at: u32| json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 1, "progress": at } });
        connection.begin_events()?;
        for at in 1..=3 {
            connection.event(&progress(at))?;
            connection.wait_for_go()?;
        }
        connection.event(&json!({ "jsonrpc": "2.0", "id": request.message()["id"], "result": { "content": [] } }))?;
        connection.end_events()
    })?;
    let mut stream = odd.call().open(odd.keyward.address())?;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.header("x-accel-buffering").as_deref(), Some("no"));
    for at in 1..=3 {
        stream.read_until(&format!("\"progress\":{at}"))?;
        upstream.go()?;
    }
    let (rest, complete) = stream.rest()?;
    assert!(complete && rest.contains("\"result\""), "{rest}");
    Ok(())
}

#[test]
fn hanging_up_cancels_the_call() -> Result<()> {
    let (upstream, odd) = scripted(|_, connection| {
        connection.begin_events()?;
        connection.event(&json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "one" } }))?;
        connection.wait_for_hang_up()
    })?;
    let mut stream = odd.call().open(odd.keyward.address())?;
    stream.read_until("\"one\"")?;
    drop(stream);
    assert_eq!(upstream.first_finished()?, Ok(()));
    Ok(())
}

#[test]
fn errors_of_the_server_pass_untouched() -> Result<()> {
    let (_upstream, odd) = scripted(|_, connection| {
        connection.answer(
            "400 Bad Request",
            &[("Content-Type", "application/json"), ("X-Of-Upstream", "yes")],
            "{\"jsonrpc\": \"2.0\",  \"id\": 7, \"error\": {\"code\": -32602, \"message\": \"no\"}}",
        )
    })?;
    let answer = odd.keyward.send(&odd.call())?;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text(), "{\"jsonrpc\": \"2.0\",  \"id\": 7, \"error\": {\"code\": -32602, \"message\": \"no\"}}");
    assert_eq!(answer.header("x-of-upstream").as_deref(), Some("yes"));
    Ok(())
}

#[test]
fn only_what_belongs_there_reaches_the_server() -> Result<()> {
    let (upstream, odd) = scripted(|request, connection| connection.result(request, &json!({ "content": [] })))?;
    let request = odd
        .call()
        .header("Cookie", "keyward_session=stolen")
        .header("Proxy-Authorization", "Basic eDp5")
        .header("X-Forwarded-For", "203.0.113.9")
        .header("Forwarded", "for=203.0.113.9")
        .header("TE", "trailers")
        .header("Origin", odd.keyward.url());
    assert_eq!(odd.keyward.send(&request)?.status, 200);
    let arrived = upstream.arrived().pop().context("it arrived")?;
    assert_eq!(arrived.header("authorization"), Some(format!("Bearer {SERVICE_TOKEN}").as_str()));
    assert_eq!(arrived.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization")).count(), 1);
    assert_eq!(arrived.header("host"), Some(upstream.address().to_string().as_str()));
    for gone in ["cookie", "proxy-authorization", "te"] {
        assert_eq!(arrived.header(gone), None, "{gone}");
    }
    assert!(arrived.headers.iter().all(|(_, value)| !value.contains(&odd.bearer)), "{:?}", arrived.headers);
    assert_eq!(arrived.message(), call_message("tool"));
    Ok(())
}
