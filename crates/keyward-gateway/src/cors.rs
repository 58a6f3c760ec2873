//! Cross-origin reading (Fetch standard, "CORS protocol"; rule R8). Only pages of allowed origins get these headers, but
//! for the metadata documents, which are everybody's.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, HeaderMap, HeaderValue,
    VARY,
};
use http::{Response, StatusCode};

use crate::body::GatewayBody;
use crate::origin::AllowedOrigin;

const ALLOWED: &str = "authorization, content-type, accept, mcp-protocol-version, mcp-session-id, last-event-id, \
                       mcp-method, mcp-name, dpop, traceparent, tracestate";
const EXPOSED: HeaderValue =
    HeaderValue::from_static("www-authenticate, mcp-session-id, mcp-protocol-version, dpop-nonce, x-request-id");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
/// The longest that any browser keeps a preflight's answer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Who may read an answer.
#[derive(Clone, Debug)]
pub(crate) enum Readers {
    /// Programs, which ask nobody.
    NoPage,
    /// Pages of this origin.
    Page(AllowedOrigin),
    /// Pages of any origin.
    Everybody,
}

impl Readers {
    /// An answer that says so.
    pub(crate) fn given(&self, mut answer: Response<GatewayBody>) -> Response<GatewayBody> {
        self.declare(answer.headers_mut());
        answer
    }

    fn declare(&self, headers: &mut HeaderMap) {
        let origin = match self {
            Self::NoPage => return,
            Self::Page(origin) => {
                headers.append(VARY, HeaderValue::from_static("Origin"));
                origin.header_value()
            }
            Self::Everybody => HeaderValue::from_static("*"),
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// Answers `OPTIONS`, before and without authentication: browsers send no credentials with it.
pub(crate) fn preflight(request: &HeaderMap) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(request));
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    headers.insert(http::header::ALLOW, METHODS);
    response
}

/// The list, and of what was asked for all that begins with `mcp-param-`: CORS has no wildcard within a name.
fn allowed_headers(request: &HeaderMap) -> HeaderValue {
    let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let params = asked.split(',').map(str::trim).filter(|name| {
        name.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("mcp-param-"))
            && http::HeaderName::try_from(*name).is_ok()
    });
    let list = params.fold(ALLOWED.to_owned(), |list, name| list + ", " + name);
    HeaderValue::try_from(list).unwrap_or(HeaderValue::from_static(ALLOWED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_allowed_by_name_and_nothing_else_is_added() {
        let mut request = HeaderMap::new();
        let asked = "content-type,Mcp-Param-Region, x-evil, mcp-param-b\u{e9}, mcp-param-a b,mcp-param-";
        request.insert(
            ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_str(asked).unwrap_or(HeaderValue::from_static("")),
        );
        let ascii = "content-type,Mcp-Param-Region, x-evil, mcp-param-a b,mcp-param-z";
        request.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(ascii));
        assert_eq!(allowed_headers(&request), format!("{ALLOWED}, Mcp-Param-Region, mcp-param-z"));
        assert_eq!(allowed_headers(&HeaderMap::new()), ALLOWED);
    }
}
