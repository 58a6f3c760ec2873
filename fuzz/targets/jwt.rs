//! Any text as an access token, and as what else issuers sign.
#![no_main]

libfuzzer_sys::fuzz_target!(|token: &str| {
    let is_statement = keyward_resource::fuzzing::statement(token);
    if keyward_resource::fuzzing::jwt(token) {
        assert!(is_statement, "what is read of the form is the same");
        assert_eq!(token.matches('.').count(), 2);
    }
});
