//! Who may speak to us through a browser: `Origin` and `Host` (MCP transport specification, "Security & Endpoint").
//!
//! A page of another origin is refused by its `Origin`. A page whose own name was made to lead here (DNS rebinding) is
//! refused by the `Host` that it cannot help sending.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use url::{Host, Url};

use crate::cors::Readers;
use crate::refusal::Refusal;

/// Which names and origins are ours or welcome.
#[derive(Clone, Debug)]
pub(crate) struct OriginRules {
    hosts: Vec<Box<str>>,
    origins: Vec<Box<str>>,
    any_origin: bool,
    loopback_hosts: bool,
    loopback_origins: bool,
}

/// The origin of a page that may read the answer; the `Access-Control-Allow-Origin` of it.
#[derive(Clone, Debug)]
pub(crate) struct AllowedOrigin(HeaderValue);

impl AllowedOrigin {
    pub(crate) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl OriginRules {
    /// `loopback`: whether the listener can be reached from this machine only, so that this machine's names for itself are
    /// welcome; pages that it serves are when the public URL is one of those names. An origin `*` allows all.
    pub(crate) fn new(public_url: &Url, hosts: &[String], origins: &[String], loopback: bool) -> Self {
        let own_host = public_url.host_str().unwrap_or_default().to_owned();
        let hosts = std::iter::once(own_host).chain(hosts.iter().map(|host| host.to_ascii_lowercase()));
        let own_origin = public_url.origin().ascii_serialization();
        let origins = std::iter::once(own_origin).chain(origins.iter().map(|origin| origin.to_ascii_lowercase()));
        let origins: Vec<Box<str>> = origins.map(Into::into).collect();
        let loopback_origins = public_url.host().is_some_and(|host| is_loopback(&host));
        Self {
            hosts: hosts.map(Into::into).collect(),
            any_origin: origins.iter().any(|origin| **origin == *"*"),
            origins,
            loopback_hosts: loopback || loopback_origins,
            loopback_origins,
        }
    }

    /// Step 2 of the walk: who will read the answer.
    pub(crate) fn check(&self, head: &Parts) -> Result<Readers, Refusal> {
        let host = single(&head.headers, &HOST)?.ok_or(Refusal::NoHost)?;
        if !self.knows_host(host.to_str().unwrap_or_default()) {
            return Err(Refusal::HostNotAllowed);
        }
        // RFC 9112 §3.2.2: of two that differ, the one in the request line counts; here neither may be foreign.
        if head.uri.authority().is_some_and(|authority| !self.knows_host(authority.as_str())) {
            return Err(Refusal::HostNotAllowed);
        }
        match single(&head.headers, &ORIGIN)? {
            None => Ok(Readers::NoPage),
            Some(origin) if self.knows_origin(origin.to_str().unwrap_or_default()) => {
                Ok(Readers::Page(AllowedOrigin(origin.clone())))
            }
            Some(_) => Err(Refusal::OriginNotAllowed),
        }
    }

    /// Names alone are compared: rebinding is about names, and ports change behind forwarders.
    fn knows_host(&self, authority: &str) -> bool {
        let name = host_of(authority);
        !name.is_empty()
            && (self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
                || self.loopback_hosts && Host::parse(name).is_ok_and(|host| is_loopback(&host)))
    }

    fn knows_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin))
            || self.any_origin && !origin.is_empty()
            || self.loopback_origins
                && Url::parse(origin).is_ok_and(|url| {
                    matches!(url.scheme(), "http" | "https") && url.host().is_some_and(|host| is_loopback(&host))
                })
    }
}

/// RFC 6761 §6.3 and the two loopback networks.
fn is_loopback<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Domain(name) => name.as_ref().eq_ignore_ascii_case("localhost"),
        Host::Ipv4(v4) => v4.is_loopback(),
        Host::Ipv6(v6) => v6.is_loopback(),
    }
}

/// Without the port (RFC 3986 §3.2).
fn host_of(authority: &str) -> &str {
    let end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let port = &authority[end..];
    let well_formed =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    if well_formed { &authority[..end] } else { "" }
}

fn single<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Result<Option<&'a HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Refusal::NoHost),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check(rules: &OriginRules, uri: &str, host: &str, origin: Option<&str>) -> Result<Option<String>, Refusal> {
        let mut request = Request::builder().uri(uri).header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        Ok(match rules.check(&head)? {
            Readers::Page(origin) => Some(origin.header_value().to_str().expect("ASCII").to_owned()),
            Readers::NoPage | Readers::Everybody => None,
        })
    }

    fn rules(public_url: &str, loopback: bool) -> OriginRules {
        let public_url = Url::parse(public_url).expect("a URL");
        let hosts = ["internal.example".to_owned()];
        OriginRules::new(&public_url, &hosts, &["https://claude.ai".to_owned()], loopback)
    }

    #[test]
    fn own_and_configured_names_pass() {
        let rules = rules("https://mcp.example.com", false);
        for host in ["mcp.example.com", "MCP.example.com:443", "internal.example:8080"] {
            assert_eq!(check(&rules, "/mcp", host, None).expect(host), None);
        }
        for origin in ["https://mcp.example.com", "https://claude.ai", "https://CLAUDE.ai"] {
            let allowed = check(&rules, "/mcp", "mcp.example.com", Some(origin)).expect(origin);
            assert_eq!(allowed.as_deref(), Some(origin));
        }
    }

    #[test]
    fn foreign_names_are_refused() {
        let rules = rules("https://mcp.example.com", false);
        for host in
            ["evil.example", "mcp.example.com.evil.example", "localhost", "127.0.0.1:8080", "", "mcp.example.com:x"]
        {
            assert!(matches!(check(&rules, "/mcp", host, None), Err(Refusal::HostNotAllowed)), "{host}");
        }
        let absolute = check(&rules, "http://evil.example/mcp", "mcp.example.com", None);
        assert!(matches!(absolute, Err(Refusal::HostNotAllowed)));
        for origin in ["https://evil.example", "http://mcp.example.com", "https://mcp.example.com:8443", "null", ""] {
            let checked = check(&rules, "/mcp", "mcp.example.com", Some(origin));
            assert!(matches!(checked, Err(Refusal::OriginNotAllowed)), "{origin}");
        }
    }

    #[test]
    fn on_loopback_the_machines_own_names_pass() {
        let rules = rules("http://127.0.0.1:8080", true);
        for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "127.0.0.2"] {
            assert!(check(&rules, "/mcp", host, Some("http://localhost:6274")).is_ok(), "{host}");
        }
        for host in ["evil.example:8080", "localhost.evil.example", "192.168.0.1"] {
            assert!(matches!(check(&rules, "/mcp", host, None), Err(Refusal::HostNotAllowed)), "{host}");
        }
        for origin in ["http://evil.example", "http://localhost.evil.example", "file://localhost", "null"] {
            let checked = check(&rules, "/mcp", "localhost", Some(origin));
            assert!(matches!(checked, Err(Refusal::OriginNotAllowed)), "{origin}");
        }
    }

    #[test]
    fn two_hosts_or_origins_are_refused() {
        let rules = rules("http://127.0.0.1:8080", true);
        for twice in [HOST, ORIGIN] {
            let request = Request::builder().uri("/mcp").header(HOST, "localhost");
            let request = request.header(&twice, "http://localhost").header(&twice, "http://localhost");
            let (head, ()) = request.body(()).expect("a request").into_parts();
            assert!(matches!(rules.check(&head), Err(Refusal::NoHost)), "{twice}");
        }
        let (head, ()) = Request::builder().uri("/mcp").body(()).expect("a request").into_parts();
        assert!(matches!(rules.check(&head), Err(Refusal::NoHost)));
    }
}
