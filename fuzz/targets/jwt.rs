//! Any text as an access token.
#![no_main]

libfuzzer_sys::fuzz_target!(|token: &str| {
    if keyward_resource::fuzzing::jwt(token) {
        assert_eq!(token.matches('.').count(), 2);
    }
});
