use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::oauth_testing::{Site, sites, two_servers};
use crate::signing::SigningKeys;

async fn kids(site: &Site) -> Vec<String> {
    let jwks = site.get("/jwks").await.json();
    let keys = jwks["keys"].as_array().expect("keys");
    assert!(keys.iter().all(|key| key.get("d").is_none() && key["alg"] == "ES256" && key["crv"] == "P-256"));
    keys.iter().map(|key| key["kid"].as_str().expect("kid").to_owned()).collect()
}

fn kid_of(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("header")).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    assert_eq!(header["typ"], "at+jwt");
    header["kid"].as_str().expect("kid").to_owned()
}

#[tokio::test]
async fn the_key_of_every_token_that_may_be_about_is_shown() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        let old = kid_of(&tokens.text("access_token"));
        assert_eq!(kids(&site).await, std::slice::from_ref(&old));
        site.advance(1);
        site.issuer.rotate_signing_key().await.expect("rotated");
        let refreshed = site.refresh(&client_id, &tokens.text("refresh_token")).await;
        let new = kid_of(&refreshed.text("access_token"));
        assert_ne!(new, old);
        assert_eq!(kids(&site).await, [new.clone(), old.clone()]);
        // The old one is still good for what it signed.
        let given_back = tokens.text("access_token");
        let fields = [("client_id", client_id.as_str()), ("token", given_back.as_str())];
        assert_eq!(site.post("/revoke", &fields, None).await.status, 200);
        site.advance(600 + 60 * 60);
        let issuer = &site.issuer;
        issuer.signing.reload(&issuer.db, &issuer.vault, &issuer.clock).await.expect("reloaded");
        assert_eq!(kids(&site).await, [new]);
    }
}

#[tokio::test]
async fn a_restart_finds_its_key_again() {
    for site in sites(two_servers()).await {
        let issuer = &site.issuer;
        let restarted =
            SigningKeys::start(&issuer.db, &issuer.vault, &issuer.audit, &issuer.clock).await.expect("started");
        assert_eq!(**restarted.jwks().load(), **issuer.jwks().load());
    }
}
