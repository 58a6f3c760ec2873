use super::Swept;
use crate::oauth_testing::{CALLBACK, sites, two_servers};

const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn what_has_ended_goes_and_clients_that_were_ever_used_stay() {
    for site in sites(two_servers()).await {
        let (used, _) = site.connected().await;
        site.public_client(&["https://never.example/cb"]).await;
        assert_eq!(site.issuer.sweep().await.expect("swept"), Swept::default());
        site.advance(38 * DAY);
        let swept = site.issuer.sweep().await.expect("swept");
        assert_eq!(swept, Swept { codes: 1, refresh_tokens: 1, clients: 1, logins: 0 });
        let left = site.issuer.list_clients().await.expect("clients");
        assert_eq!(left.iter().map(|client| client.client_id.as_str()).collect::<Vec<_>>(), [used.as_str()]);
        // It is still the same client when it registers again.
        assert_eq!(site.public_client(&[CALLBACK]).await, used);
    }
}
