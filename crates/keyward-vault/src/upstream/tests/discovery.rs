//! Finding a provider when that fails, and when somebody wants another to be found.

use super::*;
use crate::upstream::config::OfflineAccess;

/// A connection by the resource that `server` is, with a configured client.
fn by_resource(server: &StandIn, issuer: Option<&str>) -> ConnectionConfig {
    let resource = Url::parse(&format!("{}/mcp", server.url)).expect("a URL");
    ConnectionConfig {
        provider: ProviderConfig::Resource { resource, issuer: issuer.map(str::to_owned) },
        ..config(server)
    }
}

#[tokio::test]
async fn a_resource_cannot_lead_a_secret_to_another_than_the_pinned_issuer() {
    for ground in grounds().await {
        let (resource, evil) = (StandIn::start().await, StandIn::start().await);
        let provider = StandIn::start().await;
        add_people(&ground.db).await;
        resource.names(&[&evil.url]);
        let pinned = by_resource(&resource, Some(&provider.url));
        let connections = connections(&ground, pinned, ground.db.clone()).await;
        let refused = connections.start(&id(), &ada()).await.expect_err("another issuer").to_string();
        let clear = format!(
            "{}/.well-known/oauth-protected-resource/mcp is not used: it names {} as its authorization server, and the \
             configuration pins issuer = \"{}\"",
            resource.url, evil.url, provider.url
        );
        assert!(refused.contains(&clear), "{refused}");
        // Named among others it will do, wherever it stands.
        ground.clock.advance(Duration::from_secs(5));
        resource.names(&[&evil.url, &provider.url]);
        let site = Site { ground, provider, connections };
        site.connect(&ada()).await;
        assert_eq!(site.carried(ADA).await.expect("a credential"), "Bearer access-1");
        let asked = site.provider.seen("/token").pop().expect("a request");
        assert_eq!(asked.parameter("resource"), Some(format!("{}/mcp", resource.url)));
        assert!(asked.authorization.is_some(), "the secret goes to the pinned provider");
        // When the metadata drops it, nothing goes on by what was known.
        resource.names(&[&evil.url]);
        site.ground.clock.advance(Duration::from_secs(60 * 60));
        let refused = site.carried(ADA).await.expect_err("another issuer").to_string();
        assert!(refused.contains("pins issuer"), "{refused}");
        assert_eq!((evil.looked_for(), evil.seen("/token").len()), (0, 0), "it never heard of Keyward");
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_found_is_not_looked_for_by_each_who_waits() {
    for site in sites().await {
        site.provider.hides(true);
        let tries = (0..8).map(|_| {
            let connections = site.connections.clone();
            tokio::spawn(async move { connections.start(&id(), &ada()).await.map(|_| ()) })
        });
        for one in tries.collect::<Vec<_>>() {
            let refused = one.await.expect("joined").expect_err("hidden");
            assert!(matches!(refused, ConnectError::Discovery(_)), "{refused}");
        }
        assert_eq!(site.provider.looked_for(), 1);
        site.ground.clock.advance(Duration::from_secs(4));
        assert!(site.connections.start(&id(), &ada()).await.is_err());
        assert_eq!(site.provider.looked_for(), 1);
        site.provider.hides(false);
        site.ground.clock.advance(Duration::from_secs(1));
        site.connect(&ada()).await;
        assert_eq!(site.provider.looked_for(), 2);
    }
}

#[tokio::test]
async fn what_is_known_of_a_provider_serves_on_while_its_metadata_cannot_be_had() {
    for site in sites().await {
        site.connect(&ada()).await;
        site.provider.hides(true);
        site.ground.clock.advance(Duration::from_secs(60 * 60));
        assert_eq!(site.carried(ADA).await.expect("refreshed"), "Bearer access-2");
        site.ground.clock.advance(Duration::from_secs(59));
        site.connect(&eve()).await;
        assert_eq!(site.provider.looked_for(), 2, "not at each turn");
        site.ground.clock.advance(Duration::from_secs(41));
        assert_eq!(site.carried(ADA).await.expect("refreshed"), "Bearer access-4");
        assert_eq!(site.provider.looked_for(), 3);
        // Not for ever.
        site.ground.clock.advance(Duration::from_secs(24 * 60 * 60));
        assert!(matches!(site.carried(ADA).await, Err(GrantError::NotRefreshed { .. })));
        site.provider.hides(false);
        site.ground.clock.advance(Duration::from_secs(5));
        assert_eq!(site.carried(ADA).await.expect("refreshed"), "Bearer access-5");
    }
}

#[tokio::test]
async fn metadata_is_read_where_the_operator_says_and_is_of_whom_they_say() {
    for site in sites().await {
        let place = StandIn::start().await;
        let metadata_url = Url::parse(&format!("{}/.well-known/elsewhere", place.url)).expect("a URL");
        let issuer = site.provider.url.clone();
        let provider = ProviderConfig::OpenId {
            issuer: issuer.clone(),
            metadata_url: Some(metadata_url.clone()),
            offline_access: OfflineAccess::Consented,
        };
        let config = ConnectionConfig { provider, ..config(&site.provider) };
        let connections = connections(&site.ground, config, site.ground.db.clone()).await;
        place.says(&serde_json::json!({
            "issuer": place.url,
            "authorization_endpoint": format!("{issuer}/a"), "token_endpoint": format!("{issuer}/token"),
        }));
        let refused = connections.start(&id(), &ada()).await.expect_err("another issuer's").to_string();
        assert!(refused.contains(metadata_url.as_str()) && refused.contains("it is that of"), "{refused}");
        place.says(&serde_json::json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/a"), "token_endpoint": format!("{issuer}/token"),
        }));
        site.ground.clock.advance(Duration::from_secs(5));
        let url = connections.start(&id(), &ada()).await.expect("found");
        assert!(url.as_str().starts_with(&format!("{issuer}/a?")), "{url}");
        assert_eq!(site.provider.looked_for(), 0, "at the usual place nobody asks");
    }
}
