use std::time::Duration;

use super::issue::{BearerError, BearerRequest};
use crate::oauth_testing::{CODA, sites, two_servers};

fn asked(name: &str, servers: &[&str], scopes: &str) -> BearerRequest {
    BearerRequest {
        name: name.to_owned(),
        servers: servers.iter().map(|id| id.parse().expect("id")).collect(),
        scopes: scopes.parse().expect("scopes"),
        email: None,
        lifetime: Some(Duration::from_secs(60)),
    }
}

#[tokio::test]
async fn a_bearer_token_is_issued_listed_and_revoked() {
    for site in sites(two_servers()).await {
        let issued = site.issuer.issue_bearer(asked("ci", &["coda"], "")).await.expect("issued");
        assert!(issued.token.expose_secret().starts_with("kwd_"));
        assert_eq!(issued.scopes.to_string(), "coda:read");
        let listed = site.issuer.list_bearers().await.expect("listed");
        assert_eq!((listed[0].name.as_str(), &listed[0].resources), ("ci", &vec![CODA.to_owned()]));
        assert!(listed[0].hash.equals_in_constant_time(&issued.token.hash()));
        assert!(site.issuer.revoke_bearer(issued.id).await.expect("db"));
        assert!(!site.issuer.revoke_bearer(issued.id).await.expect("db"));
    }
}

#[tokio::test]
async fn what_cannot_be_issued_says_why() {
    for site in sites(two_servers()).await {
        let refused = async |request| site.issuer.issue_bearer(request).await.expect_err("refused");
        assert!(matches!(refused(asked("a", &[], "")).await, BearerError::NoServer));
        let unknown = refused(asked("a", &["github"], "")).await.to_string();
        assert_eq!(unknown, "there is no server github; there is: coda, slack");
        let elsewhere = refused(asked("a", &["slack"], "coda:read")).await;
        assert!(matches!(elsewhere, BearerError::UnknownScopes { .. }));
    }
}
