//! What a `WWW-Authenticate` header says of who protects a resource.

/// The `resource_metadata` and `scope` of a `WWW-Authenticate` header (RFC 9728 §5.1, RFC 6750 §3).
pub fn challenge(header: &str) -> (Option<String>, Option<String>) {
    (parameter(header, "resource_metadata"), parameter(header, "scope"))
}

fn parameter(header: &str, name: &str) -> Option<String> {
    // The name may stand within a quoted value of another parameter, so the header is walked from its beginning.
    let mut rest = header;
    loop {
        let (before, after) = rest.split_once('=')?;
        let key = before.trim_end().rsplit([' ', ',', '\t']).next().unwrap_or_default();
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted_string(quoted)?,
            None => {
                let end = after.find([',', ' ', '\t']).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = left;
    }
}

/// RFC 9110 §5.6.4.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_are_read_as_headers_are() {
        let read = |header| challenge(header).0;
        assert_eq!(read(r#"Bearer resource_metadata="https://h/x", scope="a b""#).as_deref(), Some("https://h/x"));
        assert_eq!(challenge(r#"Bearer scope="a b",  resource_metadata="https://h/x""#).1.as_deref(), Some("a b"));
        assert_eq!(read("Bearer realm=x, resource_metadata=https://h/x").as_deref(), Some("https://h/x"));
        assert_eq!(read(r#"Bearer realm="resource_metadata=\"https://evil\"", error="x""#), None);
        assert_eq!(read(r#"Bearer resource_metadata="https://h"#), None, "not closed");
        assert_eq!(read("Bearer"), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,200}") {
            let _ = challenge(&text);
        }

        #[test]
        fn a_quoted_value_comes_back(value in "[ -~]{0,40}", before in "[a-z]{1,8}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("Bearer {before}=\"{quoted}\", scope=\"{quoted}\"");
            prop_assert_eq!(challenge(&header).1, Some(value));
        }
    }
}
