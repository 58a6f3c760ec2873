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
