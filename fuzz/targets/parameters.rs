//! Any bytes as a query or a form body: the gentle reader and a plain one agree, and what is written is read again.
#![no_main]

use std::collections::BTreeMap;

use keyward_issuer::fuzzing::{parameter, parameters};
use url::form_urlencoded;

libfuzzer_sys::fuzz_target!(|encoded: &[u8]| {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(encoded).filter(|(_, value)| !value.is_empty()) {
        values.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    let again = parameters(encoded);
    assert_eq!(parameters(again.as_bytes()), again);
    for (name, values) in values.into_iter().filter(|(name, _)| name != "resource").take(8) {
        let expected = (values.first().cloned(), values.len() > 1);
        assert_eq!(parameter(encoded, &name), expected);
        assert_eq!(parameter(again.as_bytes(), &name), expected);
    }
});
