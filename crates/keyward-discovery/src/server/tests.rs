use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn server(changes: &Value) -> Result<AuthorizationServerMetadata, InvalidMetadata> {
    let mut document = json!({
        "issuer": "https://as.example",
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
    });
    for (name, value) in changes.as_object().expect("an object") {
        document[name] = value.clone();
    }
    AuthorizationServerMetadata::parse(document.to_string().as_bytes(), "https://as.example", false)
}

#[test]
fn a_server_is_taken_by_its_own_name_only() {
    assert!(server(&json!({})).is_ok());
    for other in ["https://as.example/", "https://AS.example", "https://as.example:443", "https://evil.example", ""] {
        let refused = server(&json!({ "issuer": other })).expect_err(other);
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
        for name in [
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "registration_endpoint",
            "introspection_endpoint",
            "revocation_endpoint",
            "userinfo_endpoint",
            "end_session_endpoint",
        ] {
            let mut changes = json!({});
            changes[name] = bad.into();
            assert_eq!(server(&changes).expect_err(bad).to_string(), format!("its {name} is no https URL"));
        }
    }
    assert!(endpoint("http://10.0.0.1/token", true).is_some());
    assert!(endpoint("javascript:alert(1)", true).is_none());
}

#[test]
fn what_is_absent_null_or_empty_is_not_there() {
    let read = server(&json!({ "jwks_uri": null, "registration_endpoint": "", "scopes_supported": null }));
    let read = read.expect("metadata");
    assert_eq!((read.jwks_uri, read.registration_endpoint, read.introspection_endpoint), (None, None, None));
    assert!(read.scopes_supported.is_empty() && !read.authorization_response_iss_parameter_supported);
    assert_eq!(read.token_endpoint_auth_methods_supported, None);
}

#[test]
fn pkce_may_be_left_unsaid() {
    let takes = |methods: Value| {
        server(&json!({ "code_challenge_methods_supported": methods })).expect("metadata").takes_s256()
    };
    assert_eq!(takes(json!(["plain"])), Some(false));
    assert_eq!(takes(json!(["plain", "S256"])), Some(true));
    assert_eq!(takes(Value::Null), None);
}

#[test]
fn what_is_no_object_is_no_metadata() {
    let parse = |text: &str| AuthorizationServerMetadata::parse(text.as_bytes(), "https://as.example", false);
    assert_eq!(parse(" <!DOCTYPE html><html>"), Err(InvalidMetadata::Page));
    let twice = r#"{"issuer":"https://as.example","issuer":"https://as.example"}"#;
    for text in
        ["", "[]", r#"["https://as.example"]"#, "{}", r#"{"issuer":1}"#, "{\"issuer\":\"https://as.example\"} x", twice]
    {
        assert_eq!(parse(text), Err(InvalidMetadata::Form), "{text}");
    }
    let no_text = b"{\"issuer\":\"https://as.example\",\"x\":\"\xff\"}";
    let read = AuthorizationServerMetadata::parse(no_text, "https://as.example", false);
    assert_eq!(read, Err(InvalidMetadata::Form), "in a member that nobody wants");
}

#[test]
fn documents_are_looked_for_in_the_specifications_order() {
    let of = |issuer: &str| {
        let urls = server_documents(&Url::parse(issuer).expect(issuer));
        urls.into_iter().map(String::from).collect::<Vec<_>>()
    };
    let with_path = [
        "https://as.example/.well-known/oauth-authorization-server/tenant/1",
        "https://as.example/.well-known/openid-configuration/tenant/1",
        "https://as.example/tenant/1/.well-known/openid-configuration",
    ];
    assert_eq!(of("https://as.example/tenant/1"), with_path);
    assert_eq!(of("https://as.example/tenant/1/"), with_path);
    assert_eq!(
        of("https://as.example/"),
        [
            "https://as.example/.well-known/oauth-authorization-server",
            "https://as.example/.well-known/openid-configuration"
        ]
    );
}

proptest! {
    #[test]
    fn nothing_makes_them_panic(text in ".{0,200}") {
        let _ = AuthorizationServerMetadata::parse(text.as_bytes(), "https://h", true);
        let _ = endpoint(&text, true);
    }
}
