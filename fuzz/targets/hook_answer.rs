//! Any bytes as the answer of a rotation hook.
#![no_main]

use keyward_vault::NewValue;

libfuzzer_sys::fuzz_target!(|answer: &[u8]| {
    let Ok(read) = NewValue::parse(answer) else { return };
    assert!(!read.value.is_empty());
    if answer.trim_ascii_start().first() == Some(&b'{') {
        assert!(read.value.expose_text().is_some());
    } else {
        assert!(answer.starts_with(read.value.expose_secret()) && read.expires_at.is_none());
        assert!(matches!(&answer[read.value.expose_secret().len()..], b"" | b"\n" | b"\r\n"));
    }
});
