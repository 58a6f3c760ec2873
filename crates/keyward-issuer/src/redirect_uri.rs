//! Redirect URIs (RFC 6749 §3.1.2, OAuth 2.1 §2.3, RFC 8252 §7): which may be registered, and which one a request means.

use url::{Host, Url};

/// Schemes that run or read something on the person's machine, wrap another URI, or never lead back to a client.
const REFUSED_SCHEMES: &[&str] = &[
    "about",
    "blob",
    "chrome",
    "content",
    "data",
    "feed",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "livescript",
    "mailto",
    "mhtml",
    "ms-msdt",
    "resource",
    "search-ms",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// The longest redirect URI that is taken.
const MAX_LENGTH: usize = 2048;

/// A redirect URI that may be sent a code, spelled as the client spelled it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri {
    text: String,
    url: Url,
    kind: RedirectKind,
}

/// How a redirect URI reaches its client (RFC 8252 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectKind {
    /// `https`, to a host that the client's people hold (§7.2).
    Https,
    /// `http` to this machine, on any port (§7.3).
    Loopback,
    /// A scheme of the client's own (§7.1); any program on the machine may claim it.
    PrivateUse,
}

/// A text that no code is ever sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirectUri {
    /// Not an absolute URI of printable ASCII within the length limit.
    #[error("a redirect URI is an absolute URI of at most 2048 printable ASCII characters")]
    NotAbsolute,
    /// RFC 6749 §3.1.2.
    #[error("a redirect URI has no fragment")]
    Fragment,
    /// No place for a password.
    #[error("a redirect URI has no user information")]
    UserInformation,
    /// A scheme that is never redirected to.
    #[error("no code is sent to a URI of the scheme \"{0}\"")]
    Scheme(String),
    /// `http` beyond this machine (OAuth 2.1 §1.5).
    #[error("a redirect URI with http leads to 127.0.0.1, [::1] or localhost; others take https")]
    PlainHttp,
}

impl RedirectUri {
    /// Checks a URI that a client registers or names in its document.
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        if text.len() > MAX_LENGTH || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidRedirectUri::NotAbsolute);
        }
        let url = Url::parse(text).map_err(|_| InvalidRedirectUri::NotAbsolute)?;
        if text.contains('#') {
            return Err(InvalidRedirectUri::Fragment);
        }
        if names_user(text, &url) {
            return Err(InvalidRedirectUri::UserInformation);
        }
        if matches!(url.scheme(), "http" | "https") && !is_spelled_out(text, &url) {
            return Err(InvalidRedirectUri::NotAbsolute);
        }
        let kind = match url.scheme() {
            "https" => RedirectKind::Https,
            "http" if is_loopback(&url) => RedirectKind::Loopback,
            "http" => return Err(InvalidRedirectUri::PlainHttp),
            scheme if REFUSED_SCHEMES.contains(&scheme) => return Err(InvalidRedirectUri::Scheme(scheme.to_owned())),
            _ => RedirectKind::PrivateUse,
        };
        Ok(Self { text: text.to_owned(), url, kind })
    }

    /// The URI as the client spelled it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it reaches the client.
    pub fn kind(&self) -> RedirectKind {
        self.kind
    }

    /// What a person is shown as the place that the code goes to: the host, or the scheme where it is a private one.
    pub fn shown_host(&self) -> String {
        match (self.kind, self.url.host_str()) {
            (RedirectKind::PrivateUse, _) | (_, None) => format!("{}:", self.url.scheme()),
            (_, Some(host)) => host.to_owned(),
        }
    }

    /// Whether a request that names `asked` means this registered URI: to the letter, except that the port of a
    /// loopback URI is the client's to choose when it starts (RFC 8252 §7.3).
    fn is_meant_by(&self, asked: &Self) -> bool {
        if self.text == asked.text {
            return true;
        }
        self.kind == RedirectKind::Loopback
            && asked.kind == RedirectKind::Loopback
            && split(&self.text).is_some_and(|own| split(&asked.text) == Some(own))
    }

    /// This URI with parameters added to its query (RFC 6749 §4.1.2).
    pub(crate) fn with_parameters(&self, parameters: &[(&str, &str)]) -> String {
        let mut text = self.text.clone();
        // A bare origin takes its slash here, so that the query is not read as part of the authority.
        if self.url.path() == "/" && self.kind != RedirectKind::PrivateUse && self.url.query().is_none() {
            text = self.url.as_str().to_owned();
        }
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let separator = match text.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{text}{separator}{encoded}")
    }
}

/// Whether an `http` or `https` URI is written as RFC 3986 §3 has it, its host spelled out. URL parsers of browsers mend
/// missing slashes, backslashes, an empty user name and hosts such as `127.1`, each in its own way and by what page they
/// are on: as a `Location`, such a text may lead elsewhere than to the host that it was checked for.
fn is_spelled_out(text: &str, url: &Url) -> bool {
    let host = split(text).zip(url.host_str());
    !text.contains('\\') && host.is_some_and(|((named, _), read)| named.eq_ignore_ascii_case(read))
}

/// Also an empty user counts: its `@` alone makes of a URI without a host one that not all take once a query is added.
fn names_user(text: &str, url: &Url) -> bool {
    let authority = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    url.has_authority() && authority.is_some_and(|authority| authority.contains('@'))
        || !url.username().is_empty()
        || url.password().is_some()
}

/// Host, and path with query, of a URI of http or https, to the letter; the empty path is `/`. `None` when the host is not
/// between `://` and a port or the path.
fn split(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("://").filter(|(scheme, _)| scheme.bytes().all(|b| b.is_ascii_alphabetic()))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let end = authority.rfind(']').map_or_else(|| authority.find(':'), |bracket| Some(bracket + 1));
    let (host, port) = authority.split_at(end.unwrap_or(authority.len()));
    let well_formed = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    well_formed.then_some((host, if path.is_empty() { "/" } else { path }))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.octets() == [127, 0, 0, 1],
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The redirect URI of a request, when it is one of the client's. `None` is "left out": then the client must have
/// registered exactly one (RFC 6749 §3.1.2.3).
pub(crate) fn choose(registered: &[RedirectUri], asked: Option<&str>) -> Option<RedirectUri> {
    match (asked, registered) {
        (Some(asked), _) => {
            let asked = RedirectUri::parse(asked).ok()?;
            registered.iter().any(|own| own.is_meant_by(&asked)).then_some(asked)
        }
        (None, [only]) => Some(only.clone()),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests;
