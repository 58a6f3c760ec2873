use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Request, StatusCode};

use crate::oauth_testing::{Answer, CALLBACK, Site, sites, two_servers};

async fn ask(site: &Site, token: &str) -> Answer {
    let request = Request::get("/userinfo").header(AUTHORIZATION, format!("Bearer {token}"));
    site.send(request.body(axum::body::Body::empty()).expect("request")).await
}

#[tokio::test]
async fn whoever_was_granted_openid_learns_who_it_is() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let code = site.code(&client_id, &[("scope", "coda:read openid email")]).await;
        let tokens = site.exchange(&client_id, &code).await;
        let access_token = tokens.text("access_token");
        let answer = ask(&site, &access_token).await;
        assert_eq!(answer.text("sub"), site.ada.to_string());
        assert_eq!(answer.text("email"), "ada@example.com");
        site.advance(600);
        assert_eq!(ask(&site, &access_token).await.error(), (401, "invalid_token".to_owned()));
        let fresh = site.refresh(&client_id, &tokens.text("refresh_token")).await.text("access_token");
        assert_eq!(ask(&site, &fresh).await.status, StatusCode::OK);
        site.post("/revoke", &[("client_id", &client_id), ("token", &fresh)], None).await;
        assert_eq!(ask(&site, &fresh).await.error(), (401, "invalid_token".to_owned()));
    }
}

#[tokio::test]
async fn others_do_not() {
    for site in sites(two_servers()).await {
        let none = site.get("/userinfo").await;
        assert_eq!(
            (none.status, &none.headers[WWW_AUTHENTICATE]),
            (StatusCode::UNAUTHORIZED, &"Bearer".parse().expect("header"))
        );
        let (_, tokens) = site.connected().await;
        let access_token = tokens.text("access_token");
        assert_eq!(ask(&site, &access_token).await.error(), (403, "insufficient_scope".to_owned()));
        let (signed, _) = access_token.rsplit_once('.').expect("signature");
        for forged in [format!("{signed}."), format!("{signed}.AAAA"), "junk".to_owned()] {
            assert_eq!(ask(&site, &forged).await.error(), (401, "invalid_token".to_owned()), "{forged}");
        }
        // An ID token is no access token.
        let client_id = site.public_client(&[CALLBACK]).await;
        let code = site.code(&client_id, &[("scope", "openid")]).await;
        let id_token = site.exchange(&client_id, &code).await.text("id_token");
        assert_eq!(ask(&site, &id_token).await.error(), (401, "invalid_token".to_owned()));
    }
}
