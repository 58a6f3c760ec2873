//! The page that asks a person whether a client may act for them (MCP security best practices; RFC 9700 §4.15 on
//! clickjacking). The decision itself is the authorization endpoint's.

use axum::response::{IntoResponse, Response};
use keyward_core::resource::ResourceUri;
use keyward_core::scope::{Scope, ScopeSet};
use maud::{Markup, html};
use url::{Host, Url};

use crate::config::IssuerConfig;
use crate::page::{Forms, Page};
use crate::session::LoggedIn;
use crate::state::Issuer;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Consent<'a> {
    /// What the client calls itself.
    pub client_name: &'a str,
    /// Who says that it is what it calls itself.
    pub voucher: Voucher<'a>,
    /// Where the browser goes with the answer.
    pub redirect_uri: &'a str,
    /// What the configuration calls the server.
    pub server_name: &'a str,
    /// The server's address.
    pub resource: &'a ResourceUri,
    /// What would be granted.
    pub scopes: &'a ScopeSet,
    /// Where the form is posted to.
    pub action: &'a str,
    /// Fields that go along.
    pub hidden: &'a [(&'a str, &'a str)],
}

/// Who is asked.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// Somebody who is logged in.
    Person(&'a LoggedIn),
    /// Somebody who will log in at a provider if they allow it. Asked before: the provider knows one client for all of
    /// ours, and does not ask about each.
    Anybody {
        /// The provider's name.
        provider: &'a str,
        /// The form's proof that it comes from a page of ours in this browser.
        csrf: &'a str,
    },
}

impl Who<'_> {
    fn csrf(&self) -> &str {
        match self {
            Self::Person(person) => &person.csrf,
            Self::Anybody { csrf, .. } => csrf,
        }
    }
}

/// Who says that a client is what it calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voucher<'a> {
    /// Nobody: it registered itself, and anybody could have chosen the name (RFC 7591 §5).
    Nobody,
    /// The host of its metadata document, which says it over TLS.
    Host(&'a str),
    /// The copy of that document that comes with Keyward, since the host's own cannot be read.
    PinnedCopyOf(&'a str),
    /// Whoever administers this server.
    Administrator,
}

/// The page. Its form sends `decision` (`allow` or `deny`), `csrf` and the hidden fields.
pub fn page(issuer: &Issuer, who: Who<'_>, consent: &Consent<'_>) -> Response {
    let config = &issuer.config;
    let target = RedirectTarget::of(consent.redirect_uri);
    let name = tame(consent.client_name);
    let body = html! {
        h1 { "Allow " bdi data-client-name { (name) } " to use " (consent.server_name) "?" }
        @match who {
            Who::Person(person) => { p.soft { "You are logged in as " strong { (person.email) } "." } }
            Who::Anybody { provider, .. } => {
                p.soft data-login-provider { "If you allow it, you log in at " strong { (provider) } " next." }
            }
        }
        (warnings(consent, &name, &target))
        p { "It will be able to do this in your name, until you end the connection:" }
        ul.ticks {
            @for scope in consent.scopes.iter() {
                li data-scope=(scope) {
                    @match words(config, scope) {
                        Some(words) => { (words) " " code.small { (scope) } }
                        None => code { (scope) },
                    }
                }
            }
            @if consent.scopes.is_empty() { li { "Reach the server, with no particular permission" } }
        }
        dl {
            dt { "Server" }
            dd { code { (consent.resource) } }
            @if let Some(longest) = config.outlives_its_grant(consent.resource.as_str()) {
                dd.soft data-elsewhere { "It is not behind this site. After you end the connection it may go on there for up to " (longest) "." }
            }
            @match consent.voucher {
                Voucher::Host(host) => { dt { "Client of" } dd data-client-host { (host) } }
                Voucher::PinnedCopyOf(host) => {
                    dt { "Client of" }
                    dd data-client-host { (host) }
                    dd.soft data-client-pinned { "By a copy of its description that comes with this server; the original can’t be read just now." }
                }
                Voucher::Administrator => { dt { "Client" } dd { "Added by whoever runs this server" } }
                Voucher::Nobody => {}
            }
            dt { "Answer goes to" }
            dd data-redirect-host { (target.shown) }
        }
        form method="post" action=(consent.action) {
            input type="hidden" name="csrf" value=(who.csrf());
            @for (name, value) in consent.hidden { input type="hidden" name=(name) value=(value); }
            div.actions {
                button.quiet type="submit" name="decision" value="deny" { "Deny" }
                button type="submit" name="decision" value="allow" { "Allow" }
            }
        }
    };
    Page { forms: Forms::LeadAway, host: Some(config.host()), ..Page::new("Allow access", body) }.into_response()
}

fn warnings(consent: &Consent<'_>, name: &str, target: &RedirectTarget) -> Markup {
    let unverified = consent.voucher == Voucher::Nobody;
    let origin = match target.kind {
        TargetKind::Website => None,
        TargetKind::ThisComputer => Some(html! {
            p data-localhost-warning { "The answer goes to a program on this computer; any program here could be asking." }
        }),
        TargetKind::App => Some(html! {
            p data-app-warning { "The answer goes to whichever app on this device has claimed “" (target.shown) "”." }
        }),
    };
    html! {
        @if unverified || origin.is_some() {
            div.notice {
                @if unverified {
                    p data-unverified { "“" bdi { (name) } "” is what the client calls itself. Nobody has checked that." }
                }
                @if let Some(origin) = origin { (origin) }
                p { "Allow this only if you have just begun it yourself, in a program that you trust." }
            }
        }
    }
}

/// A name that a stranger chose, as it may stand in a sentence of ours: short, on one line, and without the characters
/// that turn the direction of what follows.
fn tame(name: &str) -> String {
    const LONGEST: usize = 80;
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut tamed: String = name.chars().filter(|c| !c.is_control() && !turns(*c)).take(LONGEST + 1).collect();
    if tamed.chars().count() > LONGEST {
        tamed.pop();
        tamed.push('…');
    }
    let tamed = tamed.trim();
    if tamed.is_empty() { "A client without a name".to_owned() } else { tamed.to_owned() }
}

/// What a scope allows, in the configuration's words or, for those of OpenID Connect Core (§5.4, §11), in ours.
fn words<'c>(config: &'c IssuerConfig, scope: &Scope) -> Option<&'c str> {
    let configured = config.scope_descriptions.get(scope).map(String::as_str);
    configured.or(match scope.as_str() {
        "openid" => Some("Know that it is you"),
        "email" => Some("See your e-mail address"),
        "profile" => Some("See your name"),
        "offline_access" => Some("Stay connected while you are away"),
        _ => None,
    })
}

/// Where an answer goes, as people should see it.
#[derive(Debug, PartialEq, Eq)]
struct RedirectTarget {
    shown: String,
    kind: TargetKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TargetKind {
    Website,
    /// Loopback (RFC 8252 §7.3).
    ThisComputer,
    /// A private-use scheme (RFC 8252 §7.1).
    App,
}

impl RedirectTarget {
    fn of(uri: &str) -> Self {
        let Ok(url) = Url::parse(uri) else { return Self { shown: uri.to_owned(), kind: TargetKind::App } };
        if !matches!(url.scheme(), "http" | "https") {
            return Self { shown: format!("{}:", url.scheme()), kind: TargetKind::App };
        }
        let loopback = match url.host() {
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost")
            }
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let shown = format!("{}{port}", url.host_str().unwrap_or_default());
        Self { shown, kind: if loopback { TargetKind::ThisComputer } else { TargetKind::Website } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strangers_are_tamed() {
        assert_eq!(tame("Claude\u{202e}\n"), "Claude");
        assert_eq!(tame(" \u{2066} "), "A client without a name");
        assert_eq!(tame(&"x".repeat(200)).chars().count(), 81);
        assert_eq!(tame(&"é".repeat(80)), "é".repeat(80));
    }

    #[test]
    fn targets_are_shown_by_what_they_are() {
        let of = |uri: &str| {
            let target = RedirectTarget::of(uri);
            (target.shown, target.kind)
        };
        assert_eq!(of("https://claude.ai/api/mcp/auth_callback"), ("claude.ai".into(), TargetKind::Website));
        assert_eq!(of("https://user@evil.example:8443/claude.ai"), ("evil.example:8443".into(), TargetKind::Website));
        assert_eq!(of("http://127.0.0.1:33418/"), ("127.0.0.1:33418".into(), TargetKind::ThisComputer));
        assert_eq!(of("http://[::1]:5/cb"), ("[::1]:5".into(), TargetKind::ThisComputer));
        assert_eq!(of("http://localhost/callback"), ("localhost".into(), TargetKind::ThisComputer));
        assert_eq!(of("cursor://anysphere.cursor-mcp/oauth/callback"), ("cursor:".into(), TargetKind::App));
        // A look-alike is shown in the form that cannot be mistaken.
        assert_eq!(of("https://clаude.ai/cb"), ("xn--clude-5ve.ai".into(), TargetKind::Website));
    }
}
