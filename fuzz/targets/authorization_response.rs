//! Any text as the query that a browser comes back with from a provider.
#![no_main]

use keyward_issuer::fuzzing::authorization_response;
use keyward_vault::fuzzing::authorization_code;

libfuzzer_sys::fuzz_target!(|query: &str| {
    let Some(answer) = authorization_response(query) else { return };
    let refused = answer.error.is_some();
    match authorization_code(answer) {
        Ok(code) => assert!(!code.is_empty() && !refused),
        Err(told) => assert!(!told.contains(char::is_control)),
    }
});
