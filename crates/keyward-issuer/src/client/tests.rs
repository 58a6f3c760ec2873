use http::StatusCode;

use super::{AddClientError, NewClient};
use crate::config::{IssuerConfig, Registration};
use crate::oauth_testing::{CALLBACK, authorize_query, sites, two_servers};

fn new(redirect_uri: &str, confidential: bool) -> NewClient {
    NewClient { name: "By hand".to_owned(), redirect_uris: vec![redirect_uri.to_owned()], confidential }
}

#[tokio::test]
async fn a_client_is_added_where_registration_is_closed() {
    let closed = IssuerConfig { registration: Registration::Closed, ..two_servers() };
    for site in sites(closed).await {
        let refused = site.register(&serde_json::json!({"redirect_uris": [CALLBACK]})).await;
        assert_eq!(refused.error(), (403, "access_denied".to_owned()));
        let added = site.issuer.add_client(new(CALLBACK, true)).await.expect("added");
        let secret = added.secret.expect("secret");
        let code = site.code(&added.client_id, &[]).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ];
        let basic = format!("{}:{}", added.client_id, secret.expose_secret());
        assert_eq!(site.post("/token", &fields, Some(&basic)).await.status, StatusCode::OK);
        let private = site.issuer.add_client(new("com.example:/cb", true)).await;
        assert!(matches!(private, Err(AddClientError::PrivateUseWithSecret)));
        let plain = site.issuer.add_client(new("http://client.example/cb", false)).await;
        assert!(matches!(plain, Err(AddClientError::RedirectUri { .. })));
    }
}

#[tokio::test]
async fn a_removed_client_takes_its_grants_along() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        assert_eq!(site.issuer.list_clients().await.expect("clients").len(), 1);
        assert_eq!(site.issuer.revoke_client(&client_id).await.expect("db"), Some(1));
        assert_eq!(site.issuer.revoke_client(&client_id).await.expect("db"), None);
        assert!(site.issuer.list_clients().await.expect("clients").is_empty());
        assert_eq!(site.issuer.ended_grants().await.expect("db").len(), 1);
        let refreshed = site.refresh(&client_id, &tokens.text("refresh_token")).await;
        assert_eq!(refreshed.error(), (401, "invalid_client".to_owned()));
        let page = site.browse(&format!("/authorize?{}", authorize_query(&client_id, &[]))).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.body.contains("add it again"), "{}", page.body);
        // The same registration makes another client now.
        assert_ne!(site.public_client(&[CALLBACK]).await, client_id);
    }
}
