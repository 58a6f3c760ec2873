//! What a provider is asked for when somebody logs in there.

use keyward_core::secret::{PlainToken, TokenKind};

use super::*;
use crate::upstream::config::OfflineAccess;

/// The connection that people log in by, at a provider that gives refresh tokens like this.
fn login(provider: &StandIn, offline_access: OfflineAccess) -> ConnectionConfig {
    ConnectionConfig {
        id: LOGIN.parse().expect("an id"),
        provider: ProviderConfig::OpenId { issuer: provider.url.clone(), metadata_url: None, offline_access },
        scopes: ScopeSet::empty(),
        parameters: Vec::new(),
        ..config(provider)
    }
}

/// `scope` and `prompt` of a login.
async fn asked(ground: &Ground, config: ConnectionConfig, again: bool) -> (String, Option<String>) {
    let connections = connections(ground, config, ground.db.clone()).await;
    let state = PlainToken::generate(TokenKind::State, &Random::system()).expect("random");
    let departure = Departure { state: &state, nonce: Some("n"), code_verifier: "a verifier", again, resource: None };
    let (url, question) = connections.start_login(&departure).await.expect("started");
    let mut query = query(&url);
    let scope = query.remove("scope").expect("a scope");
    assert_eq!(scope, question.scope);
    (scope, query.remove("prompt"))
}

#[tokio::test]
async fn a_login_asks_for_offline_access_where_the_provider_has_it() {
    use OfflineAccess::{Consented, Otherwise, Scope};
    let ground = grounds().await.remove(0);
    let provider = StandIn::start().await;
    provider.offers(&["openid", "profile", "email"]);
    let usual = async |kind| asked(&ground, login(&provider, kind), false).await;
    assert_eq!(usual(Consented).await, ("openid profile email".to_owned(), None));
    provider.offers(&["openid", "email", "offline_access"]);
    let all = "openid profile email offline_access".to_owned();
    assert_eq!(usual(Consented).await, (all.clone(), Some("consent".to_owned())));
    assert_eq!(usual(Scope).await, (all.clone(), None), "no page more where it needs none");
    assert_eq!(usual(Otherwise).await, ("openid profile email".to_owned(), None));
    let again = asked(&ground, login(&provider, Consented), true).await;
    assert_eq!(again, (all.clone(), Some("consent login".to_owned())));

    // The configuration has the last word.
    let named =
        |scopes: &str| ConnectionConfig { scopes: scopes.parse().expect("scopes"), ..login(&provider, Consented) };
    assert_eq!(asked(&ground, named("openid email"), false).await, ("email openid".to_owned(), None));
    let offline = asked(&ground, named("openid offline_access"), false).await;
    assert_eq!(offline, ("offline_access openid".to_owned(), Some("consent".to_owned())));
    let parameters = vec![("prompt".to_owned(), "select_account".to_owned())];
    let config = ConnectionConfig { parameters, ..login(&provider, Consented) };
    assert_eq!(asked(&ground, config, false).await, (all, Some("select_account".to_owned())));
}

#[tokio::test]
async fn claims_are_where_the_openid_document_says() {
    let ground = grounds().await.remove(0);
    let provider = StandIn::start().await;
    let known = async || {
        let connections = connections(&ground, login(&provider, OfflineAccess::Scope), ground.db.clone()).await;
        connections.userinfo_endpoint().await.expect("found").map(String::from)
    };
    // It always has a document of RFC 8414, which need not say.
    assert_eq!(known().await, None);
    provider.offers(&["openid"]);
    assert_eq!(known().await, Some(format!("{}/userinfo", provider.url)));
}
