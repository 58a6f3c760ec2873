use std::io;

use http_body_util::BodyExt;

use super::*;
use crate::mcp::{HeaderMismatch, MessageError};
use crate::server::testing::server;
use crate::upstream::ConnectError;

fn answered(refusal: &Refusal, id: Option<&MessageId>) -> (u16, serde_json::Value, Option<String>) {
    let server = server("coda", "/coda/mcp");
    let answer = refusal.answer(Context { server: Some(&server), message_id: id });
    let challenge = answer.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().expect("ASCII").to_owned());
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    let status = answer.status().as_u16();
    let body = futures_util::FutureExt::now_or_never(answer.into_body().collect()).expect("ready").expect("whole");
    (status, serde_json::from_slice(&body.to_bytes()).expect("JSON"), challenge)
}

const METADATA: &str = r#"resource_metadata="https://kw.example/.well-known/oauth-protected-resource/coda/mcp""#;

#[test]
fn tokens_are_refused_in_the_words_of_rfc_6750() {
    let (status, body, challenge) = answered(&Refusal::NoToken, None);
    assert_eq!((status, &body["error"]), (401, &"invalid_token".into()));
    assert_eq!(challenge.as_deref(), Some(&*format!(r#"Bearer {METADATA}, scope="coda:read""#)));

    let (status, body, challenge) = answered(&Refusal::Token(keyward_resource::TokenError::Expired), None);
    assert_eq!((status, &body["error"]), (401, &"invalid_token".into()));
    assert!(challenge.expect("a challenge").contains(r#"error="invalid_token""#));

    let needed = "coda:read coda:write".parse().expect("scopes");
    let (status, body, challenge) = answered(&Refusal::InsufficientScope { needed }, None);
    assert_eq!((status, &body["scope"]), (403, &"coda:read coda:write".into()));
    let challenge = challenge.expect("a challenge");
    assert!(challenge.contains(r#"scope="coda:read coda:write""#) && challenge.contains(METADATA), "{challenge}");

    let (status, body, challenge) = answered(&keyward_resource::RequestError::TokenInQuery.into(), None);
    assert_eq!((status, &body["error"]), (400, &"invalid_request".into()));
    assert!(challenge.is_some());

    let away = Refusal::Token(keyward_resource::TokenError::KeysUnavailable);
    let (status, _, challenge) = answered(&away, None);
    assert_eq!((status, challenge), (503, None));
    assert_eq!(away.answer(Context::default()).headers()[RETRY_AFTER], ISSUER_RETRY_AFTER_S);
}

#[test]
fn all_else_is_a_json_rpc_error_that_names_the_server() {
    let id = MessageId::Number(7.into());
    let unreachable = Refusal::Unreachable(ConnectError::Tcp(io::Error::other("10.1.2.3 is down")));
    let (status, body, challenge) = answered(&unreachable, Some(&id));
    assert_eq!((status, challenge), (502, None));
    assert_eq!((&body["jsonrpc"], &body["id"], &body["error"]["code"]), (&"2.0".into(), &7.into(), &(-32000).into()));
    assert_eq!(body["error"]["data"], serde_json::json!({ "reason": "upstream_unreachable", "server": "coda" }));
    let message = body["error"]["message"].as_str().expect("a text");
    assert!(message.contains("\"coda\"") && !message.contains("10.1.2.3"), "{message}");

    let (status, body, challenge) = answered(&Refusal::CredentialRefused(StatusCode::UNAUTHORIZED), None);
    assert_eq!((status, challenge, body.get("id")), (502, None, None));
    for (refusal, status, code) in [
        (Refusal::Header(HeaderMismatch::Differs("Mcp-Name")), 400, -32020),
        (Refusal::Message(MessageError::Malformed), 400, -32700),
        (Refusal::Message(MessageError::Ambiguous("method")), 400, -32600),
        (Refusal::BodyTooLarge { limit: 9 }, 413, -32000),
        (Refusal::TooSlow, 504, -32000),
        (Refusal::AuditUnavailable, 503, -32000),
        (Refusal::ForeignSession, 404, -32000),
    ] {
        let (answered_status, body, _) = answered(&refusal, None);
        assert_eq!((answered_status, &body["error"]["code"]), (status, &code.into()), "{refusal}");
    }
}

#[test]
fn a_refused_method_comes_with_those_that_are_allowed() {
    let answer = Refusal::MethodNotAllowed { allow: "POST" }.answer(Context::default());
    assert_eq!(
        (answer.status(), &answer.headers()[ALLOW]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().expect("a value"))
    );
}
