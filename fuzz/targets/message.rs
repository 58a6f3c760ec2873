//! Any body: what the gateway says is called must be what a full parser says.
#![no_main]

use serde_json::Value;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let Some(calls) = keyward_gateway::fuzzing::calls(body) else { return };
    // Escapes and numbers that no text or double can hold are passed over where they do not matter; a full parser minds.
    let Ok(parsed) = serde_json::from_slice::<Value>(body) else { return };
    let messages = match &parsed {
        Value::Array(messages) => messages.as_slice(),
        message => std::slice::from_ref(message),
    };
    assert_eq!(calls.len(), messages.len());
    for ((method, tool), message) in calls.into_iter().zip(messages) {
        assert_eq!(method.as_deref(), message["method"].as_str());
        let called = (message["method"] == "tools/call").then(|| message["params"]["name"].as_str().expect("a name"));
        assert_eq!(tool.as_deref(), called);
    }
});
