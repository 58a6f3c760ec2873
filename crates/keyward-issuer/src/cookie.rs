//! The cookies of the pages (RFC 6265). Over TLS their names begin with `__Host-`, so that neither a sibling domain nor
//! a plain-HTTP answer can plant one (draft-ietf-httpbis-rfc6265bis §4.1.3.2). A browser sends the cookies of a host to all of
//! its ports (RFC 6265 §8.5), so the names end with the port where it is not the scheme's own: what is served at another port of
//! the host, another Keyward perhaps, has cookies of its own.

use http::{HeaderMap, HeaderValue, header};
use keyward_core::secret::{PlainToken, TokenKind};

use crate::config::IssuerConfig;

/// Which cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The session of a person who is logged in.
    Session,
    /// What forms are bound to while nobody is logged in.
    Visit,
    /// What the answer of an identity provider is bound to. It is set when the browser leaves for there, never before.
    Login,
}

impl Cookie {
    fn name(self, config: &IssuerConfig) -> String {
        let prefix = if config.is_https() { "__Host-" } else { "" };
        let what = match self {
            Self::Session => "session",
            Self::Visit => "visit",
            Self::Login => "login",
        };
        let port = config.port().map(|port| format!("_{port}")).unwrap_or_default();
        format!("{prefix}keyward_{what}{port}")
    }

    /// Its value in a request: the first of that name which has the form of a session token.
    pub(crate) fn read(self, config: &IssuerConfig, headers: &HeaderMap) -> Option<PlainToken> {
        let name = self.name(config);
        // Cookies of other programs on the same host may have bytes that are no text; ours stand beside them.
        let pairs =
            headers.get_all(header::COOKIE).into_iter().flat_map(|pairs| pairs.as_bytes().split(|b| *b == b';'));
        pairs
            .filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .find_map(|(_, value)| PlainToken::parse(TokenKind::Session, value))
    }

    /// The `Set-Cookie` that hands `token` to the browser; without `max_age` it lasts until the browser closes.
    pub(crate) fn set(self, config: &IssuerConfig, token: &PlainToken, max_age: Option<u64>) -> HeaderValue {
        self.header(config, token.expose_secret(), max_age)
    }

    /// The `Set-Cookie` that takes it away.
    pub(crate) fn clear(self, config: &IssuerConfig) -> HeaderValue {
        self.header(config, "", Some(0))
    }

    fn header(self, config: &IssuerConfig, value: &str, max_age: Option<u64>) -> HeaderValue {
        let name = self.name(config);
        let secure = if config.is_https() { "; Secure" } else { "" };
        let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
        let mut header = HeaderValue::from_str(&text).expect("names and tokens are ASCII");
        header.set_sensitive(true);
        header
    }
}

#[cfg(test)]
mod tests {
    use keyward_core::random::Random;
    use proptest::prelude::*;

    use super::*;

    fn config(public_url: &str) -> IssuerConfig {
        IssuerConfig::new(public_url, Vec::new())
    }

    #[test]
    fn attributes_follow_the_scheme() {
        let token = PlainToken::generate(TokenKind::Session, &Random::system()).expect("random");
        let text = |url: &str| {
            let header = Cookie::Session.set(&config(url), &token, Some(60));
            assert!(header.is_sensitive());
            header.to_str().expect("ASCII").replace(token.expose_secret(), "TOKEN")
        };
        assert_eq!(
            text("https://mcp.example.com"),
            "__Host-keyward_session=TOKEN; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60"
        );
        assert_eq!(
            text("http://127.0.0.1:8080"),
            "keyward_session_8080=TOKEN; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"
        );
    }

    #[test]
    fn names_end_with_a_port_that_is_not_the_schemes_own() {
        for (url, name) in [
            ("http://localhost", "keyward_visit"),
            ("http://localhost:80/auth", "keyward_visit"),
            ("http://localhost:443", "keyward_visit_443"),
            ("http://[::1]", "keyward_visit"),
            ("http://[::1]:8081/auth", "keyward_visit_8081"),
            ("https://mcp.example.com:443", "__Host-keyward_visit"),
            ("https://mcp.example.com:8443", "__Host-keyward_visit_8443"),
        ] {
            assert_eq!(Cookie::Visit.name(&config(url)), name, "{url}");
        }
    }

    #[test]
    fn reads_its_own_among_others() {
        let config = config("http://127.0.0.1:8080");
        let token = PlainToken::generate(TokenKind::Session, &Random::system()).expect("random");
        let mut headers = HeaderMap::new();
        let others = "a=b; keyward_session_8080=junk; __Host-keyward_session_8080=x";
        let neighbour = PlainToken::generate(TokenKind::Session, &Random::system()).expect("random");
        let others = format!("{others}; keyward_session_8081={0}; keyward_session={0}", neighbour.expose_secret());
        headers.append(header::COOKIE, others.parse().expect("header"));
        assert!(Cookie::Session.read(&config, &headers).is_none());
        let own = format!("c=d;keyward_session_8080={}", token.expose_secret());
        headers.append(header::COOKIE, own.parse().expect("header"));
        let read = Cookie::Session.read(&config, &headers).expect("the well-formed one");
        assert_eq!(read.expose_secret(), token.expose_secret());
        assert!(Cookie::Visit.read(&config, &headers).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(0x20_u8..=0xff, 0..64)) {
            let Ok(value) = HeaderValue::from_bytes(&[b"keyward_session_8080=", &bytes[..]].concat()) else { return Ok(()) };
            let headers = HeaderMap::from_iter([(header::COOKIE, value)]);
            prop_assert!(Cookie::Session.read(&config("http://127.0.0.1:8080"), &headers).is_none());
        }

        #[test]
        fn ours_is_found_whatever_stands_beside_it(
            before in prop::collection::vec(prop::collection::vec(0x20_u8..=0xfe, 0..12), 0..4),
            after in prop::collection::vec(prop::collection::vec(0x20_u8..=0xfe, 0..12), 0..4),
            https in any::<bool>(),
        ) {
            let config = config(if https { "https://h" } else { "http://127.0.0.1:8080" });
            let token = PlainToken::generate(TokenKind::Session, &Random::system()).expect("random");
            let own = format!("{}={}", Cookie::Session.name(&config), token.expose_secret()).into_bytes();
            let pairs: Vec<_> = before.into_iter().chain([own]).chain(after).collect();
            let bytes: Vec<_> = pairs.join(&b"; "[..]).into_iter().filter(|b| *b != 0x7f).collect();
            let value = HeaderValue::from_bytes(&bytes).expect("header");
            let read = Cookie::Session.read(&config, &HeaderMap::from_iter([(header::COOKIE, value)])).expect("ours");
            prop_assert_eq!(read.expose_secret(), token.expose_secret());
        }
    }
}
