//! `Mcp-Method` and `Mcp-Name` (MCP 2026-07-28, Streamable HTTP, "Server Validation"): never a ground for a decision by
//! themselves, but they must agree with the body, since something behind us may go by them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::message::{Message, Messages};
use super::revision::Revision;

/// A header that does not say what the body says. Its texts are safe to show: they name headers, not values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderMismatch {
    /// The revision requires it.
    #[error("Header mismatch: the {0} header is required and missing")]
    Missing(&'static str),
    /// It differs from the body, occurs twice, or is not readable.
    #[error("Header mismatch: the {0} header does not match the body")]
    Differs(&'static str),
}

const METHOD: &str = "Mcp-Method";
const NAME: &str = "Mcp-Name";

/// Compares. Absent headers are an error only where the revision requires them: on requests, not on notifications.
pub(crate) fn check_headers(
    headers: &HeaderMap,
    messages: &Messages,
    revision: Revision,
) -> Result<(), HeaderMismatch> {
    let method = single(headers, "mcp-method", METHOD)?;
    let name = single(headers, "mcp-name", NAME)?;
    let message = match messages {
        Messages::One(message) => message,
        // One header cannot speak for several messages.
        Messages::Batch(_) if method.is_some() => return Err(HeaderMismatch::Differs(METHOD)),
        Messages::Batch(_) if name.is_some() => return Err(HeaderMismatch::Differs(NAME)),
        Messages::Batch(_) => return Ok(()),
    };
    let required = revision == Revision::Mirrored && message.id.is_some() && message.method.is_some();
    check_method(method, message, required)?;
    check_name(name, message, required)
}

fn check_method(header: Option<&str>, message: &Message, required: bool) -> Result<(), HeaderMismatch> {
    match (header, &message.method) {
        (Some(header), Some(method)) if header == method.as_str() => Ok(()),
        (Some(_), _) => Err(HeaderMismatch::Differs(METHOD)),
        (None, _) if required => Err(HeaderMismatch::Missing(METHOD)),
        (None, _) => Ok(()),
    }
}

fn check_name(header: Option<&str>, message: &Message, required: bool) -> Result<(), HeaderMismatch> {
    let named = message.method.as_ref().is_some_and(|method| method.name_source().is_some());
    match (header, message.name.as_deref()) {
        (Some(header), Some(name)) if decode(header).is_some_and(|header| *header == *name) => Ok(()),
        // Extensions mirror members of their own methods; they are upstream's to check.
        (Some(_), None) if !named => Ok(()),
        (Some(_), _) => Err(HeaderMismatch::Differs(NAME)),
        (None, Some(_)) if required => Err(HeaderMismatch::Missing(NAME)),
        (None, _) => Ok(()),
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &str, shown: &'static str) -> Result<Option<&'a str>, HeaderMismatch> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text.trim_matches([' ', '\t']))),
        _ => Err(HeaderMismatch::Differs(shown)),
    }
}

/// "Value Encoding": `=?base64?…?=` around what a header cannot carry as it is; the marks in exactly this case.
fn decode(value: &str) -> Option<Cow<'_, str>> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        None => Some(Cow::Borrowed(value)),
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok().map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::mcp::message::read;

    fn check(body: &str, headers: &[(&'static str, &str)], revision: Revision) -> Result<(), HeaderMismatch> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a header value"));
        }
        check_headers(&map, &read(body.as_bytes()).expect("a message"), revision)
    }

    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"世界"}}"#;
    const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

    #[test]
    fn headers_that_agree_pass() {
        let name = "=?base64?5LiW55WM?=";
        assert_eq!(check(CALL, &[("mcp-method", "tools/call"), ("mcp-name", name)], Revision::Mirrored), Ok(()));
        assert_eq!(check(LIST, &[("mcp-method", " tools/list ")], Revision::Mirrored), Ok(()));
        assert_eq!(check(CALL, &[], Revision::Earlier), Ok(()));
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
        assert_eq!(check(notification, &[], Revision::Mirrored), Ok(()));
        assert_eq!(check(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, &[], Revision::Mirrored), Ok(()));
    }

    #[test]
    fn headers_that_differ_are_refused_in_every_revision() {
        for revision in [Revision::Earlier, Revision::Mirrored] {
            for bad in ["tools/list", "Tools/Call", "", "tools/call, tools/call"] {
                assert_eq!(
                    check(CALL, &[("mcp-method", bad)], revision),
                    Err(HeaderMismatch::Differs(METHOD)),
                    "{bad}"
                );
            }
            for bad in ["x", "=?base64?!?=", "=?BASE64?5LiW55WM?=", "5LiW55WM"] {
                let headers = [("mcp-method", "tools/call"), ("mcp-name", bad)];
                assert_eq!(check(CALL, &headers, revision), Err(HeaderMismatch::Differs(NAME)), "{bad}");
            }
        }
        let twice = [("mcp-method", "tools/call"), ("mcp-method", "tools/call")];
        assert_eq!(check(CALL, &twice, Revision::Earlier), Err(HeaderMismatch::Differs(METHOD)));
        let batch = format!("[{LIST}]");
        assert_eq!(
            check(&batch, &[("mcp-method", "tools/list")], Revision::Earlier),
            Err(HeaderMismatch::Differs(METHOD))
        );
    }

    #[test]
    fn headers_are_required_from_2026_07_28() {
        assert_eq!(check(LIST, &[], Revision::Mirrored), Err(HeaderMismatch::Missing(METHOD)));
        let headers = [("mcp-method", "tools/call")];
        assert_eq!(check(CALL, &headers, Revision::Mirrored), Err(HeaderMismatch::Missing(NAME)));
    }
}
