use http::StatusCode;

use crate::oauth_testing::{CALLBACK, sites, two_servers};

#[tokio::test]
async fn either_token_ends_the_grant() {
    for site in sites(two_servers()).await {
        for kind in ["refresh_token", "access_token"] {
            let (client_id, tokens) = site.connected().await;
            let given_back = tokens.text(kind);
            // A wrong hint changes nothing (RFC 7009 §2.1).
            let fields = [
                ("client_id", client_id.as_str()),
                ("token", given_back.as_str()),
                ("token_type_hint", "access_token"),
            ];
            for _ in 0..2 {
                assert_eq!(site.post("/revoke", &fields, None).await.status, StatusCode::OK, "{kind}");
            }
            let refreshed = site.refresh(&client_id, &tokens.text("refresh_token")).await;
            assert_eq!(refreshed.error(), (400, "invalid_grant".to_owned()), "{kind}");
            let grant_id = tokens.claims()["grant_id"].clone();
            let ended = site.issuer.ended_grants().await.expect("db");
            assert!(ended.iter().any(|id| grant_id == id.to_string()), "{kind}");
        }
    }
}

#[tokio::test]
async fn an_access_token_that_has_ended_still_ends_the_grant() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        site.advance(24 * 60 * 60);
        let access_token = tokens.text("access_token");
        let fields = [("client_id", client_id.as_str()), ("token", access_token.as_str())];
        assert_eq!(site.post("/revoke", &fields, None).await.status, StatusCode::OK);
        let refreshed = site.refresh(&client_id, &tokens.text("refresh_token")).await;
        assert_eq!(refreshed.error(), (400, "invalid_grant".to_owned()));
    }
}

#[tokio::test]
async fn strangers_revoke_nothing_and_junk_is_as_good_as_revoked() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        let stranger = site.public_client(&[CALLBACK, "https://other.example/cb"]).await;
        let token = tokens.text("refresh_token");
        let by_stranger = site.post("/revoke", &[("client_id", &stranger), ("token", &token)], None).await;
        assert_eq!(by_stranger.error(), (400, "unauthorized_client".to_owned()));
        let junk = site.post("/revoke", &[("client_id", &client_id), ("token", "junk")], None).await;
        assert_eq!(junk.status, StatusCode::OK);
        assert_eq!(site.post("/revoke", &[("token", &token)], None).await.error(), (400, "invalid_request".to_owned()));
        assert_eq!(
            site.post("/revoke", &[("client_id", &client_id)], None).await.error(),
            (400, "invalid_request".to_owned())
        );
        assert_eq!(site.refresh(&client_id, &token).await.status, StatusCode::OK);
    }
}
