//! Where a person goes after logging in: back to a page of this server, never to another.

use url::Url;

/// Longer ones are not ours.
const LONGEST: usize = 16 * 1024;

/// A path, perhaps with a query, on this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next(String);

impl Next {
    /// Reads the `next` parameter. Anything that a browser could take for another origin is `None`: the text is resolved
    /// as browsers do it (URL Standard §4.4), and what comes out must be at the same origin.
    pub(crate) fn parse(public_url: &str, text: &str) -> Option<Self> {
        let plain = text.len() <= LONGEST && text.starts_with('/') && !text.contains('\\');
        if !plain || text.starts_with("//") || text.chars().any(char::is_control) {
            return None;
        }
        let own = Url::parse(public_url).ok()?;
        let url = own.join(text).ok()?;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let stays = url.origin() == own.origin() && url.username().is_empty() && url.password().is_none();
        // Resolving may leave `//` at the front ("/.//evil"), which the browser would take for a host.
        (stays && !path.starts_with("//")).then(|| Self(path.to_owned()))
    }

    /// The path and query, as a `Location`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it goes to the authorization endpoint at `path`, which then sends the browser on to a client.
    pub(crate) fn leads_to(&self, path: &str) -> bool {
        self.0.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('?'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(text: &str) -> Option<String> {
        Next::parse("https://mcp.example.com", text).map(|next| next.0)
    }

    #[test]
    fn paths_of_ours_are_taken() {
        assert_eq!(next("/account").as_deref(), Some("/account"));
        let authorize = "/authorize?client_id=a&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2F&state=x%2By";
        assert_eq!(next(authorize).as_deref(), Some(authorize));
        assert_eq!(next("/a/../account").as_deref(), Some("/account"));
    }

    #[test]
    fn other_origins_are_not() {
        let evil = [
            "",
            "account",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "/.//evil.example",
            "/x/..//evil.example",
            " //evil.example",
            "///evil.example",
            "/%5c\\evil.example",
        ];
        for text in evil {
            assert_eq!(next(text), None, "{text:?}");
        }
        assert_eq!(next(&format!("/{}", "a".repeat(LONGEST))), None);
    }

    #[test]
    fn knows_the_authorization_endpoint() {
        let leads = |text: &str| Next::parse("https://h", text).is_some_and(|next| next.leads_to("/authorize"));
        assert!(leads("/authorize?x=1") && leads("/authorize"));
        assert!(!leads("/authorized") && !leads("/account"));
    }

    proptest! {
        #[test]
        fn nothing_leads_to_another_origin(
            text in prop_oneof![
                "[/.a?#@:\\\\%\t\n -]{0,12}(evil\\.example)?[/.]{0,3}",
                "/(\\.|%2e|%2E|/|\\\\|x|\t|\u{3002}|\u{FF0F}){0,8}evil\\.example/?",
                "\\PC{0,32}",
            ],
            base in "(https://mcp\\.example\\.com|http://127\\.0\\.0\\.1:8080/base|https://h/a/b)",
        ) {
            let Some(next) = Next::parse(&base, &text) else { return Ok(()) };
            let own = Url::parse(&base).expect("a URL");
            let path = next.as_str();
            prop_assert!(path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert!(http::HeaderValue::from_str(path).is_ok());
            // As browsers resolve a `Location`, from whatever page of ours.
            for page in ["/login", "/base/login?next=x", "/"] {
                let there = own.join(page).and_then(|page| page.join(path)).expect("a URL");
                prop_assert_eq!(there.origin(), own.origin());
                prop_assert_eq!(&there[url::Position::BeforePath..], path);
            }
            prop_assert_eq!(Next::parse(&base, path), Some(next.clone()));
        }
    }
}
