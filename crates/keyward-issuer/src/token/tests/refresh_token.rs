use std::time::Duration;

use http::StatusCode;
use keyward_core::id::GrantId;
use keyward_storage::users;

use crate::config::IssuerConfig;
use crate::oauth_testing::{Answer, CALLBACK, CODA, SLACK, Site, refresh_at, sites, two_servers};

const GRACE: u64 = 120;
const DAY: u64 = 24 * 60 * 60;

fn is_refused(answer: &Answer) -> bool {
    answer.status == StatusCode::BAD_REQUEST && answer.text("error") == "invalid_grant"
}

async fn refreshed(site: &Site, client_id: &str, refresh_token: &str) -> String {
    let answer = site.refresh(client_id, refresh_token).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.text("refresh_token")
}

fn grant_of(answer: &Answer) -> GrantId {
    answer.claims()["grant_id"].as_str().expect("grant_id").parse().expect("id")
}

#[tokio::test]
async fn each_refresh_gives_the_next_token_of_the_same_grant() {
    for site in sites(two_servers()).await {
        let (client_id, first) = site.connected().await;
        let second = site.refresh(&client_id, &first.text("refresh_token")).await;
        assert_eq!(second.status, StatusCode::OK, "{}", second.body);
        assert_ne!(second.text("refresh_token"), first.text("refresh_token"));
        assert_eq!(second.claims()["grant_id"], first.claims()["grant_id"]);
        assert_ne!(second.claims()["jti"], first.claims()["jti"]);
        assert_eq!((&second.claims()["aud"], &second.json()["scope"]), (&CODA.into(), &"coda:read".into()));
        refreshed(&site, &client_id, &second.text("refresh_token")).await;
    }
}

#[tokio::test]
async fn within_the_grace_a_repeat_gets_the_same_successor() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        let first = tokens.text("refresh_token");
        let second = refreshed(&site, &client_id, &first).await;
        site.advance(GRACE / 2);
        assert_eq!(refreshed(&site, &client_id, &first).await, second);
        let third = refreshed(&site, &client_id, &second).await;
        site.advance(GRACE / 2);
        // Repeating the first must not kill what the winner has by now.
        assert_eq!(refreshed(&site, &client_id, &first).await, second);
        assert_eq!(refreshed(&site, &client_id, &second).await, third);
        refreshed(&site, &client_id, &third).await;
    }
}

#[tokio::test]
async fn after_the_grace_a_repeat_ends_the_family() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        let other_grant = site.connected().await;
        let first = tokens.text("refresh_token");
        let second = refreshed(&site, &client_id, &first).await;
        site.clock.advance(Duration::from_secs(GRACE) + Duration::from_micros(1));
        assert!(is_refused(&site.refresh(&client_id, &first).await));
        assert!(is_refused(&site.refresh(&client_id, &second).await));
        assert_eq!(site.issuer.ended_grants().await.expect("db"), [grant_of(&tokens)]);
        // The client is the same, for it registered with the same words; the other authorization is not touched.
        assert_eq!(other_grant.0, client_id);
        refreshed(&site, &client_id, &other_grant.1.text("refresh_token")).await;
    }
}

#[tokio::test]
async fn many_at_once_in_two_processes_get_one_successor() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        let first = tokens.text("refresh_token");
        let second_process = site.second_process().await;
        let refreshes = (0..8).map(async |number| {
            if number % 2 == 0 {
                site.refresh(&client_id, &first).await
            } else {
                refresh_at(second_process.clone(), &client_id, &first).await
            }
        });
        let answers = futures_util::future::join_all(refreshes).await;
        for answer in &answers {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
            assert_eq!(answer.text("refresh_token"), answers[0].text("refresh_token"));
        }
        refreshed(&site, &client_id, &answers[0].text("refresh_token")).await;
    }
}

#[tokio::test]
async fn a_token_is_its_clients_alone() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        let other = site.public_client(&[CALLBACK, "https://other.example/cb"]).await;
        let first = tokens.text("refresh_token");
        assert!(is_refused(&site.refresh(&other, &first).await));
        assert!(is_refused(&site.refresh(&client_id, "kwr_unknown").await));
        let second = refreshed(&site, &client_id, &first).await;
        // Nor does the grace give a stranger anything, nor take anything away.
        assert!(is_refused(&site.refresh(&other, &first).await));
        refreshed(&site, &client_id, &second).await;
    }
}

#[tokio::test]
async fn what_has_ended_stays_ended() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        let second = refreshed(&site, &client_id, &tokens.text("refresh_token")).await;
        let fields = [("client_id", client_id.as_str()), ("token", second.as_str())];
        assert_eq!(site.post("/revoke", &fields, None).await.status, StatusCode::OK);
        // Within the grace too: revocation is stronger than it.
        assert!(is_refused(&site.refresh(&client_id, &tokens.text("refresh_token")).await));
        assert!(is_refused(&site.refresh(&client_id, &second).await));

        let (client_id, tokens) = site.connected().await;
        let mut tx = site.issuer.db.begin("test").await.expect("transaction");
        assert!(users::disable(&mut tx, site.ada, site.clock.now()).await.expect("disable"));
        tx.commit().await.expect("commit");
        assert!(is_refused(&site.refresh(&client_id, &tokens.text("refresh_token")).await));
    }
}

#[tokio::test]
async fn tokens_end_when_idle_and_grants_when_old() {
    let mut config: IssuerConfig = two_servers();
    config.lifetimes.refresh_token = Duration::from_secs(30 * DAY);
    config.lifetimes.grant = Some(Duration::from_secs(50 * DAY));
    for site in sites(config).await {
        let (client_id, idle) = site.connected().await;
        let (_, used) = site.connected().await;
        site.advance(30 * DAY - 1);
        let second = refreshed(&site, &client_id, &used.text("refresh_token")).await;
        site.advance(1);
        assert!(is_refused(&site.refresh(&client_id, &idle.text("refresh_token")).await));
        site.advance(20 * DAY - 1);
        let third = refreshed(&site, &client_id, &second).await;
        site.advance(1);
        assert!(is_refused(&site.refresh(&client_id, &third).await));
    }
}

#[tokio::test]
async fn resource_and_scope_of_the_grant_hold() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let code = site.code(&client_id, &[("scope", "coda:read coda:write")]).await;
        let token = site.exchange(&client_id, &code).await.text("refresh_token");
        let with = async |name: &str, value: &str| {
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", client_id.as_str()),
                ("refresh_token", token.as_str()),
                (name, value),
            ];
            site.post("/token", &fields, None).await
        };
        assert_eq!(with("resource", SLACK).await.error(), (400, "invalid_target".to_owned()));
        assert_eq!(with("scope", "slack:post").await.error(), (400, "invalid_scope".to_owned()));
        let narrowed = with("scope", "coda:read slack:post").await;
        assert_eq!(narrowed.claims()["scope"], "coda:read");
        // Only that access token was narrowed.
        let whole = with("resource", &format!("{CODA}/")).await;
        assert_eq!(whole.claims()["scope"], "coda:read coda:write");
        assert_eq!(whole.claims()["aud"], CODA);
    }
}

#[tokio::test]
async fn revocation_wins_the_race_with_a_refresh() {
    for site in sites(two_servers()).await {
        let (client_id, tokens) = site.connected().await;
        let token = tokens.text("refresh_token");
        let fields = [("client_id", client_id.as_str()), ("token", token.as_str())];
        let second_process = site.second_process().await;
        let revoke = site.post("/revoke", &fields, None);
        let (revoked, refreshed) = tokio::join!(revoke, refresh_at(second_process, &client_id, &token));
        assert_eq!(revoked.status, StatusCode::OK);
        assert!(refreshed.status == StatusCode::OK || is_refused(&refreshed));
        // Whoever came first: what the refresh gave is worth nothing now.
        assert_eq!(site.issuer.ended_grants().await.expect("db"), [grant_of(&tokens)]);
        if refreshed.status == StatusCode::OK {
            assert!(is_refused(&site.refresh(&client_id, &refreshed.text("refresh_token")).await));
        }
        assert!(is_refused(&site.refresh(&client_id, &token).await));
    }
}
