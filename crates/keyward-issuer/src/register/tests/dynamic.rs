use std::net::IpAddr;

use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use keyward_core::peer::ClientAddress;
use serde_json::json;

use crate::oauth_testing::{CALLBACK, Site, authorize_query, sites, two_servers};

#[tokio::test]
async fn what_was_registered_is_said_back() {
    for site in sites(two_servers()).await {
        let metadata = json!({
            "client_name": "Cursor",
            "application_type": "web",
            "redirect_uris": [
                "cursor://anysphere.cursor-mcp/oauth/callback",
                "https://www.cursor.com/agents/mcp/oauth/callback",
                "http://localhost:8787/callback",
            ],
            "client_uri": "https://cursor.com",
            "unknown": {"is": "left out"},
        });
        let answer = site.register(&metadata).await;
        assert_eq!(
            (answer.status, &answer.headers["cache-control"]),
            (StatusCode::CREATED, &"no-store".parse().expect("header"))
        );
        let registered = answer.json();
        assert_eq!(registered["redirect_uris"], metadata["redirect_uris"]);
        assert_eq!(
            (&registered["application_type"], &registered["client_uri"]),
            (&json!("native"), &json!("https://cursor.com"))
        );
        assert_eq!(registered["token_endpoint_auth_method"], "none");
        assert!(registered["keyward_notes"].is_array() && registered.get("client_secret").is_none());
        assert_eq!(registered["client_id_issued_at"], site.clock.now().as_seconds());

        let confidential = site.register(&json!({"redirect_uris": [CALLBACK]})).await.json();
        assert_eq!(confidential["client_secret_expires_at"], 0);
        assert!(confidential["client_secret"].as_str().is_some_and(|secret| secret.starts_with("kws_")));
    }
}

#[tokio::test]
async fn every_registered_redirect_works() {
    for site in sites(two_servers()).await {
        let vscode = ["http://127.0.0.1/", "http://127.0.0.1:33418/", "https://vscode.dev/redirect"];
        let client_id = site.public_client(&vscode).await;
        for asked in ["http://127.0.0.1:33418", "http://127.0.0.1:50123/", "https://vscode.dev/redirect"] {
            let query = authorize_query(&client_id, &[("redirect_uri", asked)]);
            let answer = site.decide(&query, "allow").await;
            let location = answer.headers["location"].to_str().expect("text");
            assert!(location.starts_with(asked) && location.contains("code=kwc_"), "{asked} {location}");
        }
    }
}

#[tokio::test]
async fn the_same_words_get_the_same_public_client() {
    for site in sites(two_servers()).await {
        let (one, again) = (site.public_client(&[CALLBACK]).await, site.public_client(&[CALLBACK]).await);
        assert_eq!(one, again);
        assert_ne!(one, site.public_client(&[CALLBACK, "https://other.example/cb"]).await);
        let confidential = json!({"redirect_uris": [CALLBACK]});
        let (one, other) = (site.register(&confidential).await, site.register(&confidential).await);
        assert_ne!(one.text("client_id"), other.text("client_id"));
    }
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_as_json() {
    for site in sites(two_servers()).await {
        for (metadata, error) in [
            (json!({"redirect_uris": ["http://client.example/cb"]}), "invalid_redirect_uri"),
            (json!({"redirect_uris": [CALLBACK, "javascript:alert(1)"]}), "invalid_redirect_uri"),
            (json!({}), "invalid_redirect_uri"),
            (json!([]), "invalid_client_metadata"),
            (json!({"redirect_uris": [CALLBACK], "response_types": ["token"]}), "invalid_client_metadata"),
        ] {
            assert_eq!(site.register(&metadata).await.error(), (400, error.to_owned()), "{metadata}");
        }
        assert_eq!(site.post("/register", &[("a", "b")], None).await.error(), (400, "invalid_request".to_owned()));
    }
}

#[tokio::test]
async fn a_flood_is_told_when_to_come_back() {
    async fn register_from(site: &Site, address: impl Into<IpAddr>) -> crate::oauth_testing::Answer {
        let request = Request::post("/register")
            .header(CONTENT_TYPE, "application/json")
            .extension(ClientAddress(address.into()))
            .body(json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}).to_string().into());
        site.send(request.expect("request")).await
    }
    for site in sites(two_servers()).await {
        for _ in 0..60 {
            assert_eq!(register_from(&site, [192, 0, 2, 1]).await.status, StatusCode::CREATED);
        }
        let refused = register_from(&site, [192, 0, 2, 1]).await;
        assert_eq!(refused.error(), (429, "temporarily_unavailable".to_owned()));
        assert_eq!(refused.headers["retry-after"], "11");
        assert_eq!(register_from(&site, [192, 0, 2, 2]).await.status, StatusCode::CREATED);

        // Whoever has one IPv6 address has all of its network.
        for last in 0..60 {
            let answer = register_from(&site, [0x2001, 0xdb8, 0, 0, 0, 0, 0, last]).await;
            assert_eq!(answer.status, StatusCode::CREATED);
        }
        assert_eq!(register_from(&site, [0x2001, 0xdb8, 0, 0, 9, 9, 9, 9]).await.error().0, 429);
        assert_eq!(register_from(&site, [0x2001, 0xdb8, 0, 1, 0, 0, 0, 0]).await.status, StatusCode::CREATED);
    }
}
