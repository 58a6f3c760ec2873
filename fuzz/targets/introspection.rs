//! Any bytes as what an issuer says of an opaque token: what is made of it names the issuer and an end, and reads alike.
#![no_main]

use std::collections::HashMap;

use keyward_resource::fuzzing::introspection;
use serde_json::value::RawValue;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(claims) = introspection(data) else { return };
    let read: HashMap<String, Box<RawValue>> = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(read["active"].get(), "true");
    assert!(read.contains_key("iss") && read["exp"].get() != "null");
    assert_eq!(introspection(&claims).as_deref(), Some(&claims[..]));
});
