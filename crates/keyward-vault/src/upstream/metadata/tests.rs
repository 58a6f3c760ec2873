use proptest::prelude::*;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).expect(text)
}

fn server(changes: &serde_json::Value) -> Result<ServerMetadata, InvalidMetadata> {
    let mut document = serde_json::json!({
        "issuer": "https://as.example",
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
    });
    for (name, value) in changes.as_object().expect("an object") {
        document[name] = value.clone();
    }
    ServerMetadata::parse(document.to_string().as_bytes(), "https://as.example", false)
}

#[test]
fn a_server_is_taken_by_its_own_name_only() {
    assert!(server(&serde_json::json!({})).is_ok());
    for other in ["https://as.example/", "https://AS.example", "https://as.example:443", "https://evil.example", ""] {
        let refused = server(&serde_json::json!({ "issuer": other })).expect_err(other);
        assert_eq!(refused, InvalidMetadata::Foreign { found: other.to_owned() });
    }
}

#[test]
fn its_endpoints_are_https_urls() {
    for bad in [
        "http://as.example/token",
        "javascript:alert(1)",
        "/token",
        "https://u:p@as.example/",
        "https://as.example/#f",
        "data:,x",
    ] {
        for name in ["authorization_endpoint", "token_endpoint", "revocation_endpoint", "registration_endpoint"] {
            let mut changes = serde_json::json!({});
            changes[name] = bad.into();
            assert_eq!(server(&changes).expect_err(bad).to_string(), format!("its {name} is no https URL"));
        }
    }
    assert!(endpoint("http://10.0.0.1/token", true).is_some());
    assert!(endpoint("javascript:alert(1)", true).is_none());
}

#[test]
fn pkce_must_not_be_ruled_out() {
    assert_eq!(
        server(&serde_json::json!({ "code_challenge_methods_supported": ["plain"] })).err(),
        Some(InvalidMetadata::NoPkce)
    );
    let takes =
        server(&serde_json::json!({ "code_challenge_methods_supported": ["plain", "S256"] })).expect("metadata");
    assert_eq!(takes.s256, Some(true));
}

#[test]
fn documents_are_looked_for_in_the_specifications_order() {
    let texts = |urls: Vec<Url>| urls.into_iter().map(|url| url.to_string()).collect::<Vec<_>>();
    assert_eq!(
        texts(server_documents(&url("https://as.example/tenant/1"))),
        [
            "https://as.example/.well-known/oauth-authorization-server/tenant/1",
            "https://as.example/.well-known/openid-configuration/tenant/1",
            "https://as.example/tenant/1/.well-known/openid-configuration",
        ]
    );
    assert_eq!(
        texts(server_documents(&url("https://as.example/"))),
        [
            "https://as.example/.well-known/oauth-authorization-server",
            "https://as.example/.well-known/openid-configuration"
        ]
    );
    assert_eq!(
        texts(resource_documents(&url("https://rs.example/mcp?x=1"))),
        [
            "https://rs.example/.well-known/oauth-protected-resource/mcp?x=1",
            "https://rs.example/.well-known/oauth-protected-resource"
        ]
    );
}

#[test]
fn a_resource_is_itself_or_lies_below() {
    let parse = |found: &str| {
        let document = serde_json::json!({ "resource": found, "authorization_servers": ["https://as.example"] });
        ResourceMetadata::parse(document.to_string().as_bytes(), &url("https://rs.example/a/mcp"))
    };
    for good in ["https://rs.example/a/mcp", "https://rs.example/a", "https://rs.example/a/", "https://rs.example"] {
        assert_eq!(parse(good).expect(good).resource, good);
    }
    for bad in [
        "https://rs.example/a/m",
        "https://evil.example/a/mcp",
        "http://rs.example/a/mcp",
        "https://rs.example/a/mcp/b",
        "x",
        "https://rs.example/?q",
    ] {
        assert!(matches!(parse(bad), Err(InvalidMetadata::Foreign { .. })), "{bad}");
    }
    for none in [
        r#"{"resource":"https://rs.example/a/mcp"}"#,
        r#"{"resource":"https://rs.example/a/mcp","authorization_servers":[]}"#,
    ] {
        let refused = ResourceMetadata::parse(none.as_bytes(), &url("https://rs.example/a/mcp"));
        assert_eq!(refused, Err(InvalidMetadata::NoServer));
    }
}

#[test]
fn only_a_pinned_issuer_will_do() {
    let named = |issuers: &[&str]| {
        let document = serde_json::json!({ "resource": "https://rs.example/mcp", "authorization_servers": issuers });
        ResourceMetadata::parse(document.to_string().as_bytes(), &url("https://rs.example/mcp")).expect("metadata")
    };
    let two = named(&["https://evil.example", "https://as.example"]);
    assert_eq!(two.issuer(None), Ok("https://evil.example"));
    assert_eq!(two.issuer(Some("https://as.example")), Ok("https://as.example"));
    for other in
        ["https://as.example/", "https://AS.example", "https://as.example:443", "https://as.example.evil.example"]
    {
        let refused = named(&[other]).issuer(Some("https://as.example")).map(str::to_owned).expect_err(other);
        assert!(matches!(&refused, InvalidMetadata::NotPinned { found, .. } if found == other), "{refused}");
    }
}

#[test]
fn challenges_are_read_as_headers_are() {
    let read = |header| challenge(header).0;
    assert_eq!(read(r#"Bearer resource_metadata="https://h/x", scope="a b""#).as_deref(), Some("https://h/x"));
    assert_eq!(challenge(r#"Bearer scope="a b",  resource_metadata="https://h/x""#).1.as_deref(), Some("a b"));
    assert_eq!(read("Bearer realm=x, resource_metadata=https://h/x").as_deref(), Some("https://h/x"));
    assert_eq!(read(r#"Bearer realm="resource_metadata=\"https://evil\"", error="x""#), None);
    assert_eq!(read(r#"Bearer resource_metadata="https://h"#), None, "not closed");
    assert_eq!(read("Bearer"), None);
}

proptest! {
    #[test]
    fn nothing_makes_them_panic(text in ".{0,200}") {
        let _ = challenge(&text);
        let _ = ServerMetadata::parse(text.as_bytes(), "https://h", true);
        let _ = ResourceMetadata::parse(text.as_bytes(), &url("https://h/mcp"));
        let _ = endpoint(&text, true);
    }

    #[test]
    fn a_quoted_value_comes_back(value in "[ -~]{0,40}", before in "[a-z]{1,8}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let header = format!("Bearer {before}=\"{quoted}\", scope=\"{quoted}\"");
        prop_assert_eq!(challenge(&header).1, Some(value));
    }
}
