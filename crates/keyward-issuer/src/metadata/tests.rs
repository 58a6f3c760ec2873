use http::StatusCode;
use serde_json::{Value, json};

use crate::config::IssuerConfig;
use crate::oauth_testing::{CODA, ISSUER, Site, server, sites, two_servers};

async fn found(site: &Site, path: &str) -> Value {
    let answer = site.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}");
    assert_eq!(answer.headers["content-type"], "application/json", "{path}");
    assert_eq!(answer.headers["access-control-allow-origin"], "*", "{path}");
    assert!(answer.headers["cache-control"].to_str().expect("text").contains("max-age"), "{path}");
    answer.json()
}

#[tokio::test]
async fn both_documents_say_what_works() {
    for site in sites(two_servers()).await {
        let oauth = found(&site, "/.well-known/oauth-authorization-server").await;
        for (member, value) in [
            ("issuer", json!(ISSUER)),
            ("authorization_endpoint", json!("http://127.0.0.1:8080/authorize")),
            ("token_endpoint", json!("http://127.0.0.1:8080/token")),
            ("registration_endpoint", json!("http://127.0.0.1:8080/register")),
            ("code_challenge_methods_supported", json!(["S256"])),
            ("response_types_supported", json!(["code"])),
            ("authorization_response_iss_parameter_supported", json!(true)),
            ("client_id_metadata_document_supported", json!(true)),
            ("token_endpoint_auth_methods_supported", json!(["none", "client_secret_basic", "client_secret_post"])),
            ("scopes_supported", json!(["coda:read", "coda:write", "offline_access", "slack:post"])),
        ] {
            assert_eq!(oauth[member], value, "{member}");
        }
        assert_eq!(oauth["protected_resources"][0], CODA);
        let openid = found(&site, "/.well-known/openid-configuration").await;
        assert_eq!(openid["issuer"], ISSUER);
        assert_eq!(openid["client_id_metadata_document_supported"], true);
        assert_eq!(openid["request_uri_parameter_supported"], false);
        assert!(openid["scopes_supported"].as_array().expect("array").contains(&json!("openid")));
        // Every endpoint that is named answers.
        for endpoint in ["jwks_uri", "userinfo_endpoint", "revocation_endpoint", "token_endpoint"] {
            let path = openid[endpoint].as_str().expect(endpoint).strip_prefix(ISSUER).expect("ours").to_owned();
            assert_ne!(site.get(&path).await.status, StatusCode::NOT_FOUND, "{endpoint}");
        }
    }
}

#[tokio::test]
async fn an_issuer_with_a_path_is_found_in_every_form() {
    let issuer = "http://127.0.0.1:8080/keyward";
    let config = IssuerConfig::new(issuer, vec![server("coda", "a", "a")]);
    for site in sites(config).await {
        for path in [
            "/.well-known/oauth-authorization-server/keyward",
            "/.well-known/openid-configuration/keyward",
            "/keyward/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
        ] {
            let document = found(&site, path).await;
            assert_eq!(document["issuer"], issuer, "{path}");
            assert_eq!(document["token_endpoint"], "http://127.0.0.1:8080/keyward/token", "{path}");
        }
        // The endpoints answer where they are advertised and at the root.
        for path in ["/keyward/token", "/token", "/keyward/register", "/register"] {
            assert_eq!(site.get(path).await.error().0, 405, "{path}");
        }
        assert_eq!(site.get("/keyward/login").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_as_json() {
    for site in sites(two_servers()).await {
        for path in [
            "/.well-known/oauth-authorization-server/coda/mcp",
            "/.well-known/openid-configuration/coda/mcp",
            "/coda/mcp/.well-known/openid-configuration",
            "/nothing",
        ] {
            assert_eq!(site.get(path).await.error(), (404, "not_found".to_owned()), "{path}");
        }
        let posted = site.post("/.well-known/oauth-authorization-server", &[], None).await;
        assert_eq!(posted.error().0, 405);
        let request = http::Request::get("/nothing").header("accept", "text/html,*/*").body(axum::body::Body::empty());
        assert!(site.send(request.expect("request")).await.body.contains("<h1>"));
    }
}
