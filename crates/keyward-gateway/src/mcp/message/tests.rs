use proptest::prelude::*;

use super::*;

fn one(body: &str) -> Result<Message, MessageError> {
    match read(body.as_bytes())? {
        Messages::One(message) => Ok(message),
        Messages::Batch(_) => panic!("a batch: {body}"),
    }
}

#[test]
fn finds_method_tool_and_id() {
    let call = one(r#"{"params":{"arguments":{"name":"x","method":"y"},"name":"get"},"method":"tools/call","id":"a"}"#);
    let call = call.expect("a call");
    assert_eq!(call.tool(), Some("get"));
    assert_eq!(call.id, Some(MessageId::Text("a".into())));
    let read = one(r#"{"id":1.5,"method":"resources/read","params":{"uri":"file:///a","name":"n"}}"#).expect("a read");
    assert_eq!((read.tool(), read.name.as_deref()), (None, Some("file:///a")));
    assert_eq!(serde_json::to_string(&read.id).expect("JSON"), "1.5");
    let response = one(r#"{"id":1,"result":{"name":"x","name":"y"}}"#).expect("a response");
    assert_eq!((response.method, response.name), (None, None));
    let other = one(r#"{"method":"x/y","params":[1,{"name":2}]}"#).expect("a notification");
    assert_eq!(other.method, Some(McpMethod::Other("x/y".into())));
}

#[test]
fn escapes_in_names_are_seen_through() {
    let call = one(r#"{"m\u0065thod":"tools\/c\u0061ll","params":{"n\u0061me":"d\u0065lete"}}"#).expect("a call");
    assert_eq!(call.tool(), Some("delete"));
}

#[test]
fn a_member_that_occurs_twice_is_refused() {
    for (body, member) in [
        (r#"{"method":"tools/list","method":"tools/call"}"#, "method"),
        (r#"{"method":"tools/list","m\u0065thod":"tools/call"}"#, "method"),
        (r#"{"method":"tools/list","params":{},"params":{"name":"x"}}"#, "params"),
        (r#"{"id":1,"id":2,"method":"ping"}"#, "id"),
        (r#"{"method":"tools/call","params":{"name":"a","name":"b"}}"#, "name"),
        (r#"{"method":"tools/call","params":{"name":5,"name":"b"}}"#, "name"),
        (r#"{"method":null,"method":"tools/call"}"#, "method"),
    ] {
        assert_eq!(one(body), Err(MessageError::Ambiguous(member)), "{body}");
    }
}

#[test]
fn a_member_that_some_parsers_take_for_another_is_refused() {
    for (body, member) in [
        (r#"{"Method":"tools/list"}"#, "method"),
        (r#"{"method":"tools/list","METHOD":"tools/call"}"#, "method"),
        ("{\"method\":\"tools/call\",\"params\":{\"name\":\"a\"},\"param\u{17f}\":{\"name\":\"b\"}}", "params"),
        (r#"{"method":"tools/call","params":{"name":"a","Name":"b"}}"#, "name"),
        (r#"{"method":"resources/read","params":{"uri":"a","ur\u0131":"b"}}"#, "uri"),
    ] {
        assert_eq!(one(body), Err(MessageError::Ambiguous(member)), "{body}");
    }
}

#[test]
fn what_is_no_message_is_refused() {
    let bodies: [&[u8]; 14] = [
        b"",
        b"{",
        b"null",
        b"\"tools/call\"",
        b"[1]",
        b"{}{}",
        b"{\"method\":5}",
        b"{'method':'ping'}",
        b"{\"method\":\"ping\",}",
        b"{\"method\":\"ping\"} // tools/call",
        b"\xef\xbb\xbf{\"method\":\"ping\"}",
        b"{\"method\":\"ping\",\"x\":\"\xff\"}",
        b"{\"method\":\"\\ud800\"}",
        b"{\0\"\0",
    ];
    for body in bodies {
        assert_eq!(read(body), Err(MessageError::Malformed), "{}", String::from_utf8_lossy(body));
    }
    let deep = format!("{{\"method\":\"ping\",\"params\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(one(&deep).is_ok(), "depth is skipped without a stack");
    let deep = format!("{{\"method\":\"ping\",\"params\":{}1{}}}", "{\"name\":".repeat(1_000), "}".repeat(1_000));
    assert_eq!(one(&deep), Err(MessageError::Malformed));
}

#[test]
fn a_tool_call_names_its_tool() {
    for params in ["", r#","params":{}"#, r#","params":[]"#, r#","params":{"name":5}"#, r#","params":{"name":""}"#] {
        let body = format!(r#"{{"method":"tools/call"{params}}}"#);
        assert_eq!(one(&body), Err(MessageError::ToolNotNamed), "{body}");
    }
}

#[test]
fn batches_are_read_whole() {
    let call = r#"{"id":1,"method":"tools/call","params":{"name":"a"}}"#;
    let batch = read(format!("[{call},{call}]").as_bytes()).expect("a batch");
    assert_eq!(batch.iter().filter_map(Message::tool).collect::<Vec<_>>(), ["a", "a"]);
    assert_eq!(read(b"[]"), Ok(Messages::Batch(Vec::new())));
    let many = |count| format!("[{}]", vec![r#"{"method":"ping"}"#; count].join(","));
    assert!(read(many(MAX_BATCH).as_bytes()).is_ok());
    assert_eq!(read(many(MAX_BATCH + 1).as_bytes()), Err(MessageError::BatchTooLong));
    let one_bad = r#"[{"method":"ping"},{"method":"ping","Method":"x"}]"#;
    assert_eq!(read(one_bad.as_bytes()), Err(MessageError::Ambiguous("method")));
}

/// Any JSON value.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let key = || prop_oneof!["[a-zé\"\\\\]{0,6}", Just("name".to_owned()), Just("method".to_owned())];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(key(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever a full parser says that the call is, the scanner says too.
    #[test]
    fn agrees_with_a_full_parser(
        method in prop_oneof![Just("tools/call".to_owned()), ".{0,12}"],
        name in ".{1,12}",
        arguments in json(),
        id in any::<i64>(),
    ) {
        let body = serde_json::json!({ "id": id, "method": method, "params": { "name": name, "arguments": arguments } });
        let message = one(&body.to_string()).expect("a message");
        prop_assert_eq!(message.method.as_ref().map(McpMethod::as_str), Some(&*method));
        prop_assert_eq!(message.tool(), (method == "tools/call").then_some(&*name));
    }

    #[test]
    fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = read(&bytes);
    }

    /// Near-misses of a call: one byte changed.
    #[test]
    fn one_changed_byte_never_hides_a_call(at in 0_usize..67, to in any::<u8>()) {
        let mut body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#.to_vec();
        body[at] = to;
        if let Ok(Messages::One(message)) = read(&body) {
            let full: serde_json::Value = serde_json::from_slice(&body).expect("what the scanner takes is JSON");
            prop_assert_eq!(message.method.as_ref().map(McpMethod::as_str), full["method"].as_str());
            if full["method"] == "tools/call" {
                prop_assert_eq!(message.tool(), full["params"]["name"].as_str());
            }
        }
    }
}
