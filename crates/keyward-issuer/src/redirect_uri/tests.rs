use proptest::prelude::*;

use super::*;

fn uris(texts: &[&str]) -> Vec<RedirectUri> {
    texts.iter().map(|text| RedirectUri::parse(text).expect("redirect URI")).collect()
}

fn chosen(registered: &[&str], asked: &str) -> bool {
    choose(&uris(registered), Some(asked)).is_some_and(|uri| uri.as_str() == asked)
}

#[test]
fn what_clients_register_is_taken() {
    let kinds: Vec<_> = uris(&[
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/",
        "http://[::1]:5000/cb",
        "https://vscode.dev/redirect",
        "com.example.app:/oauth",
    ])
    .iter()
    .map(RedirectUri::kind)
    .collect();
    use RedirectKind::{Https, Loopback, PrivateUse};
    assert_eq!(kinds, [PrivateUse, Https, Loopback, Loopback, Loopback, Loopback, Https, PrivateUse]);
}

#[test]
fn what_must_not_be_sent_a_code_is_refused() {
    for bad in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "feed:javascript:alert(1)",
        "jar:https://example.com/a.jar!/b",
        "ms-msdt:/id",
        "http://example.com/cb",
        "http://127.0.0.2/cb",
        "http://localhost.evil.example/cb",
        "http://localhost@evil.example/cb",
        "https://u:p@example.com/cb",
        "https:example.com/cb",
        "https:/example.com/cb",
        "https:///example.com/cb",
        "https:\\\\example.com\\cb",
        "https://@example.com/cb",
        "http:127.0.0.1/cb",
        "http://127.0.0.1:1\\cb",
        "http://:@127.0.0.1/cb",
        "com.example://@",
        "com.example://u@h/cb",
        "https://ex%61mple.com/cb",
        "https://example.com:/cb",
        "http://127.1/cb",
        "http://0x7f000001/cb",
        "http://[0:0:0:0:0:0:0:1]/cb",
        "https://example.com/cb#fragment",
        "https://example.com/cb#",
        "https://example.com/a b",
        "https://example.com/cb\n",
        "/callback",
        "",
        &format!("https://example.com/{}", "a".repeat(2048)),
    ] {
        assert!(RedirectUri::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn matching_is_to_the_letter() {
    let registered = ["https://claude.ai/api/mcp/auth_callback", "com.example:/cb"];
    assert!(chosen(&registered, "https://claude.ai/api/mcp/auth_callback"));
    assert!(chosen(&registered, "com.example:/cb"));
    for other in [
        "https://claude.ai/api/mcp/auth_callback/",
        "https://claude.ai/api/mcp/auth_callback?x=1",
        "https://claude.ai:443/api/mcp/auth_callback",
        "https://CLAUDE.ai/api/mcp/auth_callback",
        "https://claude.ai/api/mcp/../mcp/auth_callback",
        "com.example:/cb/",
    ] {
        assert!(!chosen(&registered, other), "{other}");
    }
}

#[test]
fn the_port_of_a_loopback_uri_is_free() {
    assert!(chosen(&["http://localhost/callback"], "http://localhost:49152/callback"));
    assert!(chosen(&["http://127.0.0.1:33418/"], "http://127.0.0.1:50000"));
    assert!(chosen(&["http://127.0.0.1:33418"], "http://127.0.0.1:50000/"));
    assert!(chosen(&["http://[::1]:1/cb?a=b"], "http://[::1]:2/cb?a=b"));
    for (registered, other) in [
        ("http://localhost/callback", "http://127.0.0.1:49152/callback"),
        ("http://localhost/callback", "http://localhost:49152/other"),
        ("http://localhost/callback", "https://localhost:49152/callback"),
        ("http://localhost/callback", "http://localhost:49152@evil.example/callback"),
        ("http://localhost/callback", "http://localhost:1/callback?x"),
        ("http://127.0.0.1/cb", "http:127.0.0.1:1/cb"),
        ("http://127.0.0.1/cb", "http:/\\127.0.0.1:1/cb"),
        ("http://localhost/callback", "http://localhost:1/x/../callback"),
        ("http://localhost/callback", "http://LOCALHOST:1/callback"),
        ("https://localhost/callback", "https://localhost:2/callback"),
    ] {
        assert!(!chosen(&[registered], other), "{registered} {other}");
    }
}

#[test]
fn left_out_means_the_only_one() {
    assert!(choose(&uris(&["https://a.example/cb"]), None).is_some());
    assert!(choose(&uris(&["https://a.example/cb", "https://b.example/cb"]), None).is_none());
}

#[test]
fn parameters_are_added_to_the_query() {
    let with =
        |text: &str| RedirectUri::parse(text).expect("redirect URI").with_parameters(&[("code", "a b"), ("iss", "x")]);
    assert_eq!(with("https://a.example/cb"), "https://a.example/cb?code=a+b&iss=x");
    assert_eq!(with("https://a.example/cb?x=1"), "https://a.example/cb?x=1&code=a+b&iss=x");
    assert_eq!(with("https://a.example/cb?"), "https://a.example/cb?code=a+b&iss=x");
    assert_eq!(with("https://a.example/cb??"), "https://a.example/cb??&code=a+b&iss=x");
    assert_eq!(with("http://127.0.0.1:5"), "http://127.0.0.1:5/?code=a+b&iss=x");
    assert_eq!(with("com.example:/cb"), "com.example:/cb?code=a+b&iss=x");
}

#[test]
fn people_are_shown_where_the_code_goes() {
    let shown = |text: &str| RedirectUri::parse(text).expect("redirect URI").shown_host();
    assert_eq!(shown("https://claude.ai/api/mcp/auth_callback"), "claude.ai");
    assert_eq!(shown("http://127.0.0.1:5/x"), "127.0.0.1");
    assert_eq!(shown("cursor://anysphere.cursor-mcp/oauth/callback"), "cursor:");
}

/// Texts that are nearly URIs, in the spellings that readers of URLs quarrel over.
fn nearly_uri() -> impl Strategy<Value = String> {
    let scheme = "(http|https|HTTP|com\\.example|cursor|javascript|[a-z]{1,4})";
    let separator = "(://|:|:/|:///|:\\\\\\\\|:/\\\\)";
    let user = "(|||@|u@|u:p@|localhost@|127\\.0\\.0\\.1:1@)";
    let host = "(localhost|127\\.0\\.0\\.1|\\[::1\\]|127\\.1|0x7f\\.1|a\\.example|A\\.example|localhost\\.|[!-~]{0,5})";
    let port = "(|:|:80|:443|:5000|:49152|:99999|:5\\\\)";
    let path = "(|/|/cb|/cb/|/x/\\.\\./cb|/%63b|\\\\cb|//cb|[!-~]{0,5})";
    let query = "(|\\?|\\?a=b|\\?a=c|&|[!-~]{0,3})";
    (scheme, separator, user, host, port, path, query).prop_map(|(a, b, c, d, e, f, g)| [a, b, c, d, e, f, g].concat())
}

fn good_uri() -> impl Strategy<Value = String> {
    let start = "(https://a\\.example|https://a\\.example:8443|http://localhost|http://127\\.0\\.0\\.1:5|http://\\[::1\\]:7|com\\.example:|cursor://h)";
    (start, "/[a-z]{0,2}", "(|\\?|\\?a=[a-c]?&?)").prop_map(|(a, b, c)| [a, b, c].concat())
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(text in "\\PC{0,64}") {
        prop_assert!(RedirectUri::parse(&text).map_or(true, |uri| uri.as_str() == text));
    }

    #[test]
    fn what_is_taken_leads_where_it_says(text in nearly_uri()) {
        let Ok(uri) = RedirectUri::parse(&text) else { return Ok(()) };
        prop_assert_eq!(uri.as_str(), &text);
        let authority = text.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
        let host = uri.url.host_str().unwrap_or_default();
        let port = uri.url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
        match uri.kind() {
            RedirectKind::PrivateUse => prop_assert!(!matches!(uri.url.scheme(), "http" | "https" | "javascript")),
            kind => {
                let authority = authority.unwrap_or_default().to_ascii_lowercase();
                prop_assert!(authority == host || authority == format!("{host}{port}"), "{}", authority);
                let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
                prop_assert!(kind == RedirectKind::Https || loopback);
                prop_assert_eq!(uri.url.scheme() == "http", kind == RedirectKind::Loopback);
            }
        }
    }

    #[test]
    fn only_registered_places_are_chosen(
        registered in prop::collection::vec(prop_oneof![good_uri(), nearly_uri()], 1..4),
        asked in prop_oneof![good_uri(), nearly_uri()],
    ) {
        let registered: Vec<_> = registered.iter().filter_map(|text| RedirectUri::parse(text).ok()).collect();
        let Some(chosen) = choose(&registered, Some(&asked)) else {
            prop_assert!(registered.iter().all(|own| own.as_str() != asked));
            return Ok(());
        };
        prop_assert_eq!(chosen.as_str(), &asked);
        let place = |uri: &RedirectUri| {
            let url = &uri.url;
            let port = if uri.kind() == RedirectKind::Loopback { None } else { url.port() };
            let host = url.host_str().map(str::to_owned);
            (url.scheme().to_owned(), host, port, url.path().to_owned(), url.query().map(str::to_owned))
        };
        prop_assert!(registered.iter().any(|own| place(own) == place(&chosen)));
    }

    #[test]
    fn any_port_of_a_loopback_uri_is_taken(
        host in "(localhost|127\\.0\\.0\\.1|\\[::1\\])", own in 1_u16.., asked in 1_u16.., rest in "(/[a-z]{0,3}(\\?[a-z]{0,3})?)?",
    ) {
        let at = |start: &str, port: &str| format!("{start}{host}{port}{rest}");
        let (old, anew) = (at("http://", &format!(":{own}")), at("http://", &format!(":{asked}")));
        prop_assert!(chosen(&[&old], &anew));
        prop_assert!(chosen(&[&at("http://", "")], &anew));
        prop_assert!(!chosen(&[&at("https://", ":1")], &at("https://", ":2")));
    }

    #[test]
    fn parameters_change_nothing_else(text in prop_oneof![good_uri(), nearly_uri()], value in "\\PC{0,8}") {
        let Ok(uri) = RedirectUri::parse(&text) else { return Ok(()) };
        let answer = uri.with_parameters(&[("code", &value), ("iss", "https://h")]);
        prop_assert!(http::HeaderValue::try_from(&answer).is_ok());
        let answer = Url::parse(&answer).expect("a URI");
        prop_assert_eq!(&answer[..url::Position::AfterPath], &uri.url[..url::Position::AfterPath]);
        let own: Vec<_> = uri.url.query_pairs().collect();
        let all: Vec<_> = answer.query_pairs().collect();
        prop_assert_eq!(&all[..own.len()], &own[..]);
        prop_assert_eq!(&all[own.len()..], [("code".into(), value.into()), ("iss".into(), "https://h".into())]);
    }
}
