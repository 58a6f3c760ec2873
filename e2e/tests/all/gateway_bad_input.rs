//! Requests to the MCP endpoint that are not as they should be.

use anyhow::{Context, Result};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::http::{self, Request};
use serde_json::{Value, json};

use crate::scene::{Scene, call_message, initialize, initialize_message};

const MCP: &str = "/notes/mcp";

#[test]
fn pages_of_other_origins_are_refused() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite().server("allowed_origins = [\"https://inspector.example\"]"))?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let from = |origin: &str| initialize(MCP).bearer(&bearer).header("Origin", origin);
    assert_eq!(scene.keyward.send(&from("http://evil.example"))?.status, 403);
    assert_eq!(scene.keyward.send(&from("null"))?.status, 403);
    let rebound = from("http://evil.example").header("Host", "evil.example");
    assert_eq!(scene.keyward.send(&rebound)?.status, 403, "a name that was made to lead here");
    assert_eq!(scene.keyward.send(&from(scene.keyward.url()))?.status, 200);
    let allowed = scene.keyward.send(&from("https://inspector.example"))?;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin").as_deref(), Some("https://inspector.example"));
    let exposed = allowed.header("access-control-expose-headers").context("exposed headers")?.to_lowercase();
    assert!(exposed.contains("mcp-session-id") && exposed.contains("www-authenticate"), "{exposed}");
    Ok(())
}

#[test]
fn a_preflight_needs_no_token() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite().server("allowed_origins = [\"https://inspector.example\"]"))?;
    let preflight = Request::new("OPTIONS", MCP)
        .header("Origin", "https://inspector.example")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization, content-type, mcp-protocol-version");
    let answer = scene.keyward.send(&preflight)?;
    assert!(matches!(answer.status, 200 | 204), "{}", answer.status);
    let headers = answer.header("access-control-allow-headers").context("allowed headers")?.to_lowercase();
    for header in ["authorization", "content-type", "mcp-protocol-version", "mcp-session-id", "last-event-id"] {
        assert!(headers.contains(header), "{headers}");
    }
    let methods = answer.header("access-control-allow-methods").context("allowed methods")?;
    for method in ["GET", "POST", "DELETE"] {
        assert!(methods.contains(method), "{methods}");
    }
    Ok(())
}

#[test]
fn other_paths_and_methods_have_an_answer_in_json() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    for (method, path, status) in [
        ("PUT", MCP, 405),
        ("PATCH", MCP, 405),
        ("GET", "/nowhere/mcp", 404),
        ("POST", "/notes", 404),
        ("POST", "/notes%2fmcp", 404),
        ("POST", "/notes/../notes/mcp", 404),
        ("GET", "/.well-known/oauth-protected-resource/nowhere", 404),
        ("GET", "/.well-known/nothing-of-this-name", 404),
    ] {
        let answer = scene.keyward.send(&Request::new(method, path).bearer(&bearer).body(""))?;
        assert_eq!(answer.status, status, "{method} {path}");
        answer.json().with_context(|| format!("{method} {path}"))?;
    }
    Ok(())
}

#[test]
fn what_is_too_large_is_refused() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite().server("max_body_bytes = \"64KiB\"\nmax_header_bytes = \"16KiB\""))?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let mut message = call_message("read_note");
    message["params"]["arguments"] = json!({ "filler": "x".repeat(100 * 1024) });
    let answer = scene.keyward.send(&Request::mcp(MCP, &message).bearer(&bearer))?;
    assert_eq!(answer.status, 413);
    answer.json()?;

    let chunk = "x".repeat(100 * 1024);
    let chunked = format!(
        "POST {MCP} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bearer}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{size:x}\r\n{chunk}\r\n0\r\n\r\n",
        host = scene.keyward.address(),
        size = chunk.len(),
    );
    assert_eq!(http::send(scene.keyward.address(), chunked.as_bytes())?.status, 413, "of a length that is not told");

    let many_headers = initialize(MCP).bearer(&bearer).header("X-Filler", &"x".repeat(20 * 1024));
    assert_eq!(scene.keyward.send(&many_headers)?.status, 431);
    assert_eq!(scene.status_with(&bearer)?, 200, "and it goes on");
    Ok(())
}

#[test]
fn bytes_that_are_no_http_do_no_harm() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let host = scene.keyward.address();
    let smuggled = format!(
        "POST {MCP} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bearer}\r\nContent-Length: 4\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: {host}\r\n\r\n"
    );
    let inputs = [
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        format!("GET {MCP} HTTP/9.9\r\nHost: {host}\r\n\r\n"),
        format!("GET {MCP} HTTP/1.1\r\nHost : {host}\r\n\r\n"),
        format!("GET {MCP} HTTP/1.1\r\nHost: {host}\r\nX\u{0}: y\r\n\r\n"),
        format!("POST {MCP} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        format!("POST {MCP} HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n"),
        format!("POST {MCP} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        smuggled,
    ];
    for input in inputs {
        // It may answer or hang up; it must not take it for a good request.
        if let Ok(answer) = http::send(host, input.as_bytes()) {
            assert!((400..500).contains(&answer.status), "{} to {input:?}", answer.status);
        }
    }
    assert_eq!(scene.status_with(&bearer)?, 200, "and it goes on");
    Ok(())
}

#[test]
fn a_body_that_rules_cannot_be_applied_to_is_refused() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let post = |body: &str| Request::mcp(MCP, &Value::Null).bearer(&bearer).body(body.to_owned());
    for body in [
        "{",
        "\"text\"",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":7}}",
    ] {
        let answer = scene.keyward.send(&post(body))?;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(answer.json()?["error"]["code"].is_i64(), "{body}: a JSON-RPC error");
    }
    // One reader may take the first, another the last: neither way leads past the rule.
    let doubled = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\
        \"params\":{\"name\":\"read_note\",\"name\":\"delete_note\",\"arguments\":{}}}";
    let answer = scene.keyward.send(&post(doubled))?;
    assert!(matches!(answer.status, 400 | 403), "{}: {}", answer.status, answer.text());
    let escaped = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools\\/call\",\
        \"params\":{\"n\\u0061me\":\"delete\\u005fnote\",\"arguments\":{}}}";
    assert_eq!(scene.keyward.send(&post(escaped))?.status, 403, "escapes are read as what they mean");
    Ok(())
}

#[test]
fn headers_that_differ_from_the_body_are_refused_where_they_count() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let message = call_message("delete_note");
    let lying = Request::mcp(MCP, &message)
        .bearer(&bearer)
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", "read_note");
    let answer = scene.keyward.send(&lying)?;
    assert_eq!(answer.status, 400);
    let error = answer.json()?;
    assert_eq!(error["error"]["code"], -32020, "{error}");
    assert_eq!(error["id"], message["id"]);
    // Before that revision nobody has to send them, and the body is what counts; a lie stays a lie.
    let older = |request: Request| request.bearer(&bearer).header("MCP-Protocol-Version", "2025-11-25");
    assert_eq!(scene.keyward.send(&older(Request::mcp(MCP, &message)))?.status, 403);
    let lying = older(Request::mcp(MCP, &message)).header("Mcp-Method", "tools/call").header("Mcp-Name", "read_note");
    assert_eq!(scene.keyward.send(&lying)?.status, 400);
    Ok(())
}

#[test]
fn a_missing_service_token_is_told_and_nothing_else() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    assert_eq!(scene.status_with(&bearer)?, 200);
    scene.keyward.run_ok(&["token", "delete", "notes/api_token", "--yes"], "")?;
    let answer = keyward_e2e::wait::until("the running server to know of it", || {
        let answer = scene.keyward.send(&Request::mcp(MCP, &initialize_message()).bearer(&bearer))?;
        Ok((answer.status == 503).then_some(answer))
    })?;
    assert!(answer.text().contains("notes"), "it says which server: {}", answer.text());
    Ok(())
}
