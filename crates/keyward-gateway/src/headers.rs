//! Which headers go on, in each direction (RFC 9110 §7.6.1). What is not refused here passes, as the RFC asks of
//! intermediaries: `Mcp-Param-*` and whatever comes after it need no change here.

use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

/// The headers of a client's request that may go upstream. Being built of what passes, rather than stripped of what does
/// not, it has no place that a client's credential could be left in.
#[derive(Debug)]
pub(crate) struct PassedHeaders(HeaderMap);

impl PassedHeaders {
    /// Of what a client sent.
    pub(crate) fn of(sent: HeaderMap) -> Self {
        let nominated = Nominated::of(&sent);
        let mut passed = HeaderMap::with_capacity(sent.len() + 4);
        let mut last: Option<HeaderName> = None;
        for (name, value) in sent {
            // A name is given once for all of its values.
            if let Some(name) = name {
                last = (goes_up(name.as_str()) && !nominated.contains(&name)).then_some(name);
            }
            if let Some(name) = &last {
                passed.append(name.clone(), value);
            }
        }
        // An upstream that compresses would have to hold events back (RFC 9110 §12.5.3).
        passed.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        Self(passed)
    }

    /// For the one that adds what is ours.
    pub(crate) fn into_map(self) -> HeaderMap {
        self.0
    }
}

/// Takes out of an upstream's answer what is not for the client.
pub(crate) fn strip_answer(headers: &mut HeaderMap) {
    // RFC 9112 §6.3: a length beside a coding is not the body's, and must not be passed on.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    let nominated = Nominated::of(headers);
    while let Some(name) = headers.keys().find(|name| !comes_down(name.as_str()) || nominated.contains(name)).cloned() {
        headers.remove(name);
    }
}

/// RFC 9110 §7.6.1, and what proxies have added to it over time.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "proxy-authenticate"
            | "proxy-authentication-info"
            | "proxy-authorization"
    )
}

/// What the headers begin with by which proxies and identity-aware gateways tell a server who the user is, or a server is
/// told whom to act for.
const IDENTITIES: [&str; 15] = [
    "cf-access-",
    "impersonate-",
    "remote-",
    "ssl-client-",
    "tailscale-user-",
    "x-amzn-oidc-",
    "x-authenticated-",
    "x-authentik-",
    "x-client-cert",
    "x-envoy-",
    "x-goog-authenticated-",
    "x-goog-iap-",
    "x-ms-client-principal",
    "x-ssl-client-",
    "x-webauth-",
];

fn goes_up(name: &str) -> bool {
    match name {
        // Credentials: they are for us, and the cookies are our own login's.
        "authorization" | "cookie" | "cookie2" | "dpop" | "x-api-key" => false,
        // Written anew for the connection to upstream.
        "host" | "content-length" | "expect" | "accept-encoding" => false,
        // Judged here; upstream's own check would judge a page that it knows nothing of.
        "origin" | "referer" => false,
        // Where the client is and what it was told: an upstream may believe these, so nobody outside may write them, and
        // a third party is not told who its users' machines are.
        "forwarded" | "via" | "x-real-ip" | "x-client-ip" | "true-client-ip" | "cf-connecting-ip" | "x-request-id" => {
            false
        }
        // Another request than the one that was decided on.
        "x-http-method" | "x-http-method-override" | "x-method-override" | "x-rewrite-url" => false,
        // Who the user is, by some proxies' word.
        "x-remote-user" | "x-user" | "x-user-id" | "x-user-email" | "x-user-groups" | "x-forwarded" => false,
        // In whose name to act, where the credential may act for others: it is the gateway's, and the wish the client's.
        "sudo" | "x-sudo" | "on-behalf-of" | "x-on-behalf-of" => false,
        _ => {
            !is_hop_by_hop(name)
                && !IDENTITIES.iter().any(|family| name.starts_with(family))
                && !name.starts_with("x-forwarded-")
                && !name.starts_with("x-original-")
                && !name.starts_with("x-auth-request-")
                && !name.starts_with("sec-")
                && !name.starts_with("access-control-")
                // CGI's rules make `x_api_key` and `x-api-key` one (RFC 3875 §4.1.18).
                && !name.contains('_')
        }
    }
}

fn comes_down(name: &str) -> bool {
    match name {
        // A client that gets another's challenge would log in to us again, for nothing.
        "www-authenticate" | "authentication-info" => false,
        // These speak for the whole host, and the host is ours.
        "set-cookie" | "set-cookie2" | "clear-site-data" | "strict-transport-security" | "alt-svc" => false,
        // Ours to say.
        "x-request-id" | "server" | "x-powered-by" | "via" => false,
        _ => !is_hop_by_hop(name) && !name.starts_with("access-control-"),
    }
}

/// The headers that `Connection` names (RFC 9110 §7.6.1). Nearly always it names none that is there.
struct Nominated(Vec<HeaderName>);

impl Nominated {
    fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
        let names = values.flat_map(|value| value.split(',')).map(str::trim);
        let names =
            names.filter(|name| !name.eq_ignore_ascii_case("keep-alive") && !name.eq_ignore_ascii_case("close"));
        Self(names.filter_map(|name| HeaderName::try_from(name).ok()).collect())
    }

    fn contains(&self, name: &HeaderName) -> bool {
        self.0.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let parts = headers.iter().map(|(name, value)| {
            let name = HeaderName::try_from(*name).expect("a header name");
            (name, HeaderValue::from_str(value).expect("a header value"))
        });
        let mut map = HeaderMap::new();
        for (name, value) in parts {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn what_mcp_needs_goes_up() {
        let sent = [
            ("accept", "application/json"),
            ("accept", "text/event-stream"),
            ("content-type", "application/json"),
            ("mcp-session-id", "s"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-param-region", "eu"),
            ("last-event-id", "7"),
            ("traceparent", "00-a-b-01"),
            ("user-agent", "x"),
            ("x-custom", "1"),
        ];
        let mut expected = map(&sent);
        expected.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        assert_eq!(PassedHeaders::of(map(&sent)).into_map(), expected);
    }

    #[test]
    fn credentials_and_hearsay_stay_here() {
        let sent = [
            ("authorization", "Bearer a"),
            ("authorization", "Bearer b"),
            ("proxy-authorization", "Basic a"),
            ("cookie", "keyward_session=a"),
            ("dpop", "a"),
            ("x-api-key", "a"),
            ("x_api_key", "a"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-user", "root"),
            ("remote-groups", "root"),
            ("x-webauth-user", "root"),
            ("cf-access-authenticated-user-email", "root@example.com"),
            ("x-ms-client-principal-name", "root"),
            ("x-goog-authenticated-user-email", "root@example.com"),
            ("x-envoy-original-path", "/admin"),
            ("impersonate-user", "root"),
            ("sudo", "root"),
            ("forwarded", "for=10.0.0.1"),
            ("x-http-method-override", "DELETE"),
            ("host", "kw.example"),
            ("origin", "https://kw.example"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("accept-encoding", "gzip"),
            ("sec-fetch-mode", "cors"),
            ("connection", "close, X-Hop, mcp-session-id"),
            ("x-hop", "1"),
            ("mcp-session-id", "s"),
        ];
        let passed = PassedHeaders::of(map(&sent)).into_map();
        assert_eq!(passed, map(&[("accept-encoding", "identity")]));
    }

    #[test]
    fn a_length_that_is_not_the_bodys_stays_here() {
        let mut answer = map(&[("content-length", "5"), ("transfer-encoding", "chunked"), ("date", "x")]);
        strip_answer(&mut answer);
        assert_eq!(answer, map(&[("date", "x")]));
    }

    #[test]
    fn an_answer_speaks_for_upstream_only() {
        let mut answer = map(&[
            ("content-type", "text/event-stream"),
            ("mcp-session-id", "s"),
            ("cache-control", "no-cache"),
            ("www-authenticate", "Bearer"),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
            ("access-control-allow-origin", "*"),
            ("clear-site-data", "\"*\""),
            ("connection", "keep-alive, x-hop"),
            ("keep-alive", "timeout=5"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
        ]);
        strip_answer(&mut answer);
        let expected = [("content-type", "text/event-stream"), ("mcp-session-id", "s"), ("cache-control", "no-cache")];
        assert_eq!(answer, map(&expected));
    }
}
