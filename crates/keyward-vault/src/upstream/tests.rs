//! Connecting, refreshing and ending against a provider that answers by script, on both databases.

mod discovery;
mod login;
mod stand_in;

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::AUTHORIZATION;
use keyward_core::clock::Timestamp;
use keyward_core::id::{ConnectionId, SessionId, UserId};
use keyward_core::random::Random;
use keyward_core::scope::ScopeSet;
use keyward_core::secret::Secret;
use keyward_outbound::TlsConnector;
use keyward_storage::upstream_grants::{self, UpstreamGrant};
use keyward_storage::users::{self, User};
use keyward_storage::{Database, params};
use url::Url;
use uuid::Uuid;

use super::config::{ConnectionConfig, ConnectionsConfig, ProviderConfig};
use super::*;
use crate::testing::{Ground, grounds};
use stand_in::{Reply, StandIn};

const ADA: UserId = UserId(Uuid::from_u128(1));
const EVE: UserId = UserId(Uuid::from_u128(2));
const SESSION: SessionId = SessionId(Uuid::from_u128(7));

struct Site {
    ground: Ground,
    provider: StandIn,
    connections: Connections,
}

async fn sites() -> Vec<Site> {
    let mut sites = Vec::new();
    for ground in grounds().await {
        let provider = StandIn::start().await;
        add_people(&ground.db).await;
        let connections = connections(&ground, config(&provider), ground.db.clone()).await;
        sites.push(Site { ground, provider, connections });
    }
    sites
}

fn config(provider: &StandIn) -> ConnectionConfig {
    ConnectionConfig {
        id: id(),
        name: "The Provider".to_owned(),
        used_by: vec!["Server".to_owned()],
        provider: ProviderConfig::Issuer(provider.url.clone()),
        client: Some(ConfiguredClient {
            client_id: "keyward".to_owned(),
            secret: Some(Arc::new(Secret::from_text("the secret".to_owned()))),
            auth_method: None,
        }),
        scopes: "repo".parse().expect("scopes"),
        parameters: vec![("access_type".to_owned(), "offline".to_owned())],
        allow_private_addresses: true,
    }
}

async fn connections(ground: &Ground, config: ConnectionConfig, db: Database) -> Connections {
    let all = ConnectionsConfig { public_url: "https://kw.example".to_owned(), connections: vec![config] };
    let vault = ground.vault().await;
    Connections::open(all, db, vault, ground.audit.clone(), ground.clock(), Random::system(), &TlsConnector::system())
}

async fn add_people(db: &Database) {
    let mut tx = db.begin("test").await.expect("begun");
    for (id, email) in [(ADA, "ada@example.com"), (EVE, "eve@example.com")] {
        let created_at = Timestamp::from_seconds(0);
        let user = User { id, email: email.into(), name: None, is_admin: false, created_at, disabled_at: None };
        assert!(users::insert(&mut tx, &user).await.expect("inserted"));
    }
    tx.commit().await.expect("committed");
}

fn id() -> ConnectionId {
    "github".parse().expect("an id")
}

fn ada() -> Traveller {
    Traveller { user_id: ADA, email: "ada@example.com".to_owned(), session_id: SESSION }
}

fn eve() -> Traveller {
    Traveller { user_id: EVE, email: "eve@example.com".to_owned(), session_id: SessionId(Uuid::from_u128(8)) }
}

fn query(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

impl Site {
    async fn leave(&self, who: &Traveller) -> BTreeMap<String, String> {
        query(&self.connections.start(&id(), who).await.expect("started"))
    }

    fn answer(&self, asked: &BTreeMap<String, String>) -> Answer {
        Answer {
            code: Some("the-code".to_owned()),
            state: asked.get("state").cloned(),
            iss: Some(self.provider.url.clone()),
            ..Answer::default()
        }
    }

    async fn connect(&self, who: &Traveller) {
        let asked = self.leave(who).await;
        self.connections.finish(&id(), who, self.answer(&asked)).await.expect("connected");
    }

    fn credential(&self) -> GrantCredential {
        credential_of(&self.connections)
    }

    async fn carried(&self, person: UserId) -> Result<String, GrantError> {
        self.credential().credential(Some(person)).await.map(|credential| text(&credential))
    }

    async fn row(&self) -> UpstreamGrant {
        upstream_grants::find(&self.ground.db, "github", ADA).await.expect("found").expect("a grant")
    }

    async fn actions(&self) -> Vec<String> {
        let records = self.ground.audited().await.into_iter().filter(|record| record.action.starts_with("connection."));
        records.map(|record| format!("{} {}", record.action, record.result)).collect()
    }

    /// A call that is answered with the old token lets it be refreshed beside; this waits for the end of that.
    async fn settled(&self) {
        self.connections.settle(Duration::from_secs(60)).await;
    }
}

fn credential_of(connections: &Connections) -> GrantCredential {
    let rule = GrantRule::new(id(), AUTHORIZATION, "Bearer {token}").expect("a rule");
    GrantCredential::new(connections.clone(), rule).expect("the connection is configured")
}

fn text(credential: &crate::Credential) -> String {
    let mut request = http::Request::new(());
    credential.apply(&mut request).expect("it fits");
    request.headers()[AUTHORIZATION].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_person_connects_and_calls_carry_their_own_token() {
    for site in sites().await {
        let refused = site.carried(ADA).await.expect_err("not connected yet");
        assert!(matches!(&refused, GrantError::NotConnected(at) if at.url == "https://kw.example/connect/github"));
        let asked = site.leave(&ada()).await;
        let value = |name: &str| asked.get(name).map(String::as_str);
        assert_eq!(value("redirect_uri"), Some("https://kw.example/connect/github/callback"));
        assert_eq!(
            (value("response_type"), value("scope"), value("access_type")),
            (Some("code"), Some("repo"), Some("offline"))
        );
        assert_eq!((value("code_challenge_method"), value("code_challenge").map(str::len)), (Some("S256"), Some(43)));
        site.connections.finish(&id(), &ada(), site.answer(&asked)).await.expect("connected");
        site.connect(&eve()).await;

        assert_eq!(site.carried(ADA).await.expect("a credential"), "Bearer access-1");
        assert_eq!(site.carried(EVE).await.expect("a credential"), "Bearer access-2");
        assert!(matches!(site.credential().credential(None).await, Err(GrantError::NoPerson(_))));

        let exchanges = site.provider.seen("/token");
        let first = exchanges.first().expect("a request");
        assert_eq!(first.authorization.as_deref(), Some("Basic a2V5d2FyZDp0aGUrc2VjcmV0"), "form-encoded, then base64");
        assert_eq!(first.parameter("code").as_deref(), Some("the-code"));
        assert_eq!(first.parameter("client_secret"), None);
        let verifier = first.parameter("code_verifier").expect("a verifier");
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
        use base64::Engine;
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash);
        assert_eq!(value("code_challenge"), Some(challenge.as_str()));
        assert_eq!(
            site.actions().await,
            ["connection.start ok", "connection.create ok", "connection.start ok", "connection.create ok"]
        );
        for record in site.ground.audited().await {
            assert!(!format!("{record:?}").contains("access-"), "{record:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_is_taken_once_in_its_own_session_in_time_and_from_its_issuer() {
    for site in sites().await {
        let finish = async |who: &Traveller, answer| site.connections.finish(&id(), who, answer).await;
        // Another person's browser, or another session of the same person.
        let asked = site.leave(&ada()).await;
        assert!(matches!(finish(&eve(), site.answer(&asked)).await, Err(ConnectError::OtherSession)));
        assert!(matches!(finish(&ada(), site.answer(&asked)).await, Err(ConnectError::NoQuestion)), "used up by that");
        let asked = site.leave(&ada()).await;
        let elsewhere = Traveller { session_id: SessionId(Uuid::from_u128(9)), ..ada() };
        assert!(matches!(finish(&elsewhere, site.answer(&asked)).await, Err(ConnectError::OtherSession)));
        // Another issuer, or none where one is promised; compared to the letter.
        for iss in [None, Some("https://evil.example".to_owned()), Some(format!("{}/", site.provider.url))] {
            let asked = site.leave(&ada()).await;
            let answer = Answer { iss, ..site.answer(&asked) };
            assert!(matches!(finish(&ada(), answer).await, Err(ConnectError::OtherIssuer)));
        }
        // No state, junk, a state of nobody's.
        for state in [None, Some("x".to_owned()), Some(format!("kwo_{}", "A".repeat(43)))] {
            let answer = Answer { state, ..site.answer(&asked) };
            assert!(matches!(finish(&ada(), answer).await, Err(ConnectError::NoQuestion)));
        }
        // Too late.
        let asked = site.leave(&ada()).await;
        site.ground.clock.advance(Duration::from_secs(10 * 60));
        assert!(matches!(finish(&ada(), site.answer(&asked)).await, Err(ConnectError::NoQuestion)));
        // A no, an error with words, an answer with nothing.
        let asked = site.leave(&ada()).await;
        let denied = Answer { code: None, error: Some("access_denied".to_owned()), ..site.answer(&asked) };
        assert!(matches!(finish(&ada(), denied).await, Err(ConnectError::Denied)));
        let asked = site.leave(&ada()).await;
        let error_description = Some("\u{202e}<b>\r\n".to_owned());
        let failed = Answer { error: Some("server_error<".to_owned()), error_description, ..site.answer(&asked) };
        let error = finish(&ada(), failed).await.expect_err("an error");
        assert_eq!(error.to_string(), "the provider answered server_error: <b>");
        let asked = site.leave(&ada()).await;
        let empty = Answer { code: None, ..site.answer(&asked) };
        assert!(matches!(finish(&ada(), empty).await, Err(ConnectError::NoCode)));

        assert!(site.provider.seen("/token").is_empty(), "no code was ever redeemed");
        assert!(matches!(site.carried(ADA).await, Err(GrantError::NotConnected(_))));
        assert!(site.actions().await.iter().any(|action| action == "connection.create denied"));
    }
}

#[tokio::test]
async fn a_token_is_refreshed_ahead_and_the_new_one_is_stored_before_it_is_used() {
    for site in sites().await {
        site.connect(&ada()).await;
        site.ground.clock.advance(Duration::from_secs(60));
        assert_eq!(site.carried(ADA).await.expect("the old one serves"), "Bearer access-1");
        site.settled().await;
        let row = site.row().await;
        assert_eq!((row.version, row.failures, row.refresh_began_at), (2, 0, None));
        let request = site.provider.seen("/token").pop().expect("a request");
        assert_eq!(request.parameter("grant_type").as_deref(), Some("refresh_token"));
        assert_eq!(request.parameter("refresh_token").as_deref(), Some("refresh-1"));
        site.ground.clock.advance(Duration::from_secs(1));
        assert_eq!(site.carried(ADA).await.expect("the new one"), "Bearer access-2");
        // An answer without a refresh token leaves the one that there is (RFC 6749 §6).
        site.provider.will(Reply::Json(200, r#"{"access_token":"a","expires_in":100}"#.to_owned()));
        site.ground.clock.advance(Duration::from_secs(200));
        assert_eq!(site.carried(ADA).await.expect("waited for"), "Bearer a");
        site.ground.clock.advance(Duration::from_secs(200));
        assert_eq!(site.carried(ADA).await.expect("waited for"), "Bearer access-4");
        let used = site.provider.seen("/token").pop().expect("a request").parameter("refresh_token");
        assert_eq!(used.as_deref(), Some("refresh-2"));
        assert_eq!(site.actions().await.iter().filter(|action| *action == "connection.refresh ok").count(), 3);
    }
}

#[tokio::test]
async fn two_processes_refresh_once() {
    for site in sites().await {
        site.connect(&ada()).await;
        let other_db = site.ground.db_of_another_process().await;
        let other = connections(&site.ground, config(&site.provider), other_db).await;
        for round in 1..4_usize {
            site.ground.clock.advance(Duration::from_secs(150));
            let here = (0..8).map(|_| credential_of(&site.connections));
            let there = (0..8).map(|_| credential_of(&other));
            let calls = here.chain(there).map(|credential| {
                tokio::spawn(async move { credential.credential(Some(ADA)).await.map(|credential| text(&credential)) })
            });
            for call in calls.collect::<Vec<_>>() {
                let carried = call.await.expect("joined").expect("a credential");
                assert_eq!(carried, format!("Bearer access-{}", round + 1));
            }
            assert_eq!(site.provider.seen("/token").len(), round + 1, "one exchange, and one refresh a round");
        }
    }
}

#[tokio::test]
async fn a_refused_refresh_breaks_the_grant_and_connecting_anew_mends_it() {
    for site in sites().await {
        site.connect(&ada()).await;
        let other_db = site.ground.db_of_another_process().await;
        let other = credential_of(&connections(&site.ground, config(&site.provider), other_db).await);
        site.provider.will(Reply::Json(400, r#"{"error":"invalid_grant"}"#.to_owned()));
        site.ground.clock.advance(Duration::from_secs(200));
        let broken = site.carried(ADA).await.expect_err("broken");
        assert!(matches!(broken, GrantError::Broken { reason: BreakReason::Refused, .. }), "{broken:?}");
        assert!(matches!(other.credential(Some(ADA)).await, Err(GrantError::Broken { .. })), "everywhere");
        assert_eq!(site.provider.seen("/token").len(), 2, "nobody asks again");
        let listed = site.connections.of_user(ADA).await.expect("listed");
        assert_eq!(listed[0].broken, Some(BreakReason::Refused));
        site.connect(&ada()).await;
        assert_eq!(site.carried(ADA).await.expect("mended"), "Bearer access-3");
        assert_eq!(site.row().await.version, 2);
        assert!(site.actions().await.contains(&"connection.break ok".to_owned()));
    }
}

#[tokio::test]
async fn a_lost_answer_is_why_a_used_token_is_refused() {
    for site in sites().await {
        site.connect(&ada()).await;
        site.provider.will(Reply::HangUp);
        site.ground.clock.advance(Duration::from_secs(200));
        assert!(matches!(site.carried(ADA).await, Err(GrantError::NotRefreshed { .. })));
        assert!(site.row().await.refresh_began_at.is_some(), "nobody knows what became of it");
        site.provider.will(Reply::Json(400, r#"{"error":"invalid_grant"}"#.to_owned()));
        site.ground.clock.advance(Duration::from_secs(2));
        let broken = site.carried(ADA).await.expect_err("broken");
        assert!(matches!(broken, GrantError::Broken { reason: BreakReason::Interrupted, .. }), "{broken:?}");
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_asked_again_later_while_the_old_token_serves() {
    for site in sites().await {
        site.connect(&ada()).await;
        site.provider.will(Reply::Json(503, "busy".to_owned()));
        site.ground.clock.advance(Duration::from_secs(60));
        assert_eq!(site.carried(ADA).await.expect("the old one"), "Bearer access-1");
        site.connections.0.running.close();
        site.connections.0.running.wait().await;
        assert_eq!(site.row().await.failures, 1);
        // Ended, and failing: a clear refusal, and no more requests than the pauses allow.
        site.provider.will(Reply::Json(429, "{}".to_owned()));
        site.ground.clock.advance(Duration::from_secs(60));
        for _ in 0..5 {
            assert!(matches!(site.carried(ADA).await, Err(GrantError::NotRefreshed { .. })));
        }
        assert_eq!(site.provider.seen("/token").len(), 3);
        // A secret that the operator got wrong breaks nothing.
        site.provider.will(Reply::Json(401, r#"{"error":"invalid_client"}"#.to_owned()));
        site.ground.clock.advance(Duration::from_secs(60));
        assert!(matches!(site.carried(ADA).await, Err(GrantError::NotRefreshed { .. })));
        site.ground.clock.advance(Duration::from_secs(60));
        assert_eq!(site.carried(ADA).await.expect("back again"), "Bearer access-5");
        assert_eq!(site.row().await.failures, 0);
    }
}

#[tokio::test]
async fn a_refusal_by_the_server_has_the_token_refreshed_once() {
    for site in sites().await {
        site.connect(&ada()).await;
        let credential = site.credential();
        assert!(credential.after_refusal(Some(ADA), 1).await.expect("asked").is_none(), "it was minted just now");
        site.ground.clock.advance(Duration::from_secs(20));
        let renewed = credential.after_refusal(Some(ADA), 1).await.expect("asked").expect("a new one");
        assert_eq!((text(&renewed).as_str(), renewed.version()), ("Bearer access-2", 2));
        let known = credential.after_refusal(Some(ADA), 1).await.expect("asked").expect("the same new one");
        assert_eq!(known.version(), 2);
        assert_eq!(site.provider.seen("/token").len(), 2);
        assert!(credential.after_refusal(Some(EVE), 1).await.expect("asked").is_none());
    }
}

#[tokio::test]
async fn a_grant_without_a_refresh_token_ends_with_its_access_token() {
    for site in sites().await {
        site.provider.will(Reply::Json(200, r#"{"access_token":"for ever","token_type":"bearer"}"#.replace(' ', "-")));
        site.connect(&ada()).await;
        site.ground.clock.advance(Duration::from_secs(86_400 * 365));
        assert_eq!(site.carried(ADA).await.expect("it does not end"), "Bearer for-ever");
        site.provider.will(Reply::Json(200, r#"{"access_token":"a","expires_in":100}"#.to_owned()));
        site.connect(&eve()).await;
        site.ground.clock.advance(Duration::from_secs(100));
        let broken = site.carried(EVE).await.expect_err("it has ended");
        assert!(matches!(broken, GrantError::Broken { reason: BreakReason::Expired, .. }), "{broken:?}");
    }
}

#[tokio::test]
async fn ending_gives_the_grant_back_and_forgets_it() {
    for site in sites().await {
        site.connect(&ada()).await;
        site.connect(&eve()).await;
        assert_eq!(site.carried(ADA).await.expect("a credential"), "Bearer access-1");
        let ended = site.connections.end(&id(), ADA, Some("root@example.com")).await.expect("ended");
        assert_eq!(ended, Some(Ended { revoked: true }));
        let revoked = site.provider.seen("/revoke").pop().expect("a request");
        assert_eq!(revoked.parameter("token").as_deref(), Some("refresh-1"));
        assert!(matches!(site.carried(ADA).await, Err(GrantError::NotConnected(_))), "also what was in memory");
        assert_eq!(site.connections.end(&id(), ADA, None).await.expect("ended"), None);
        site.provider.will(Reply::HangUp);
        let ended = site.connections.end(&id(), EVE, None).await.expect("ended");
        assert_eq!(ended, Some(Ended { revoked: false }), "whatever the provider says");
        assert!(site.connections.list().await.expect("listed").is_empty());
        let actions = site.actions().await;
        let ends = ["connection.end ok", "connection.revoke ok", "connection.end ok", "connection.revoke failed"];
        assert_eq!(actions[actions.len() - 4..], ends, "ended here first, then there");
    }
}

#[tokio::test]
async fn grants_that_went_with_an_account_are_given_back() {
    for site in sites().await {
        site.connect(&ada()).await;
        let mut tx = site.ground.db.begin("test").await.expect("begun");
        let taken = upstream_grants::take_of_user(&mut tx, ADA).await.expect("taken");
        tx.commit().await.expect("committed");
        assert_eq!(site.connections.give_back_all(taken.clone()).await, 1);
        let revoked = site.provider.seen("/revoke").pop().expect("a request");
        assert_eq!(revoked.parameter("token").as_deref(), Some("refresh-1"));
        site.provider.will(Reply::Json(503, "{}".to_owned()));
        assert_eq!(site.connections.give_back_all(taken).await, 0);
        let records = site.ground.audited().await;
        let told = records.iter().filter(|record| record.action == "connection.revoke").collect::<Vec<_>>();
        assert_eq!(told.len(), 2);
        assert!(told.iter().all(|record| record.user_email.as_deref() == Some("ada@example.com")), "{told:?}");
        assert!(told[1].detail.as_deref().is_some_and(|it| it.contains("did not take it back")), "{told:?}");
        // An account that was closed on the way keeps nothing there.
        let asked = site.leave(&ada()).await;
        let mut tx = site.ground.db.begin("test").await.expect("begun");
        assert!(users::disable(&mut tx, ADA, site.ground.clock.now()).await.expect("disabled"));
        tx.commit().await.expect("committed");
        let refused = site.connections.finish(&id(), &ada(), site.answer(&asked)).await.expect_err("closed");
        assert!(matches!(refused, ConnectError::AccountClosed), "{refused}");
        let revoked = site.provider.seen("/revoke").pop().expect("a request");
        assert_eq!(revoked.parameter("token").as_deref(), Some("refresh-2"));
    }
}

#[tokio::test]
async fn no_grant_comes_or_goes_without_its_record_where_records_are_required() {
    for mut site in sites().await {
        site.ground.audit = site.ground.audit.required(true);
        site.connections = connections(&site.ground, config(&site.provider), site.ground.db.clone()).await;
        let gone = "ALTER TABLE audit_log RENAME TO audit_log_gone";
        let back = "ALTER TABLE audit_log_gone RENAME TO audit_log";
        let asked = site.leave(&ada()).await;
        site.ground.audit.flush().await;
        site.ground.db.execute(gone, params![]).await.expect("taken away");
        let refused = site.connections.finish(&id(), &ada(), site.answer(&asked)).await.expect_err("unrecorded");
        assert!(matches!(refused, ConnectError::Vault(_)), "{refused}");
        assert!(site.connections.list().await.expect("listed").is_empty());
        site.ground.db.execute(back, params![]).await.expect("brought back");
        site.connect(&ada()).await;
        site.ground.audit.flush().await;
        site.ground.db.execute(gone, params![]).await.expect("taken away");
        assert!(site.connections.end(&id(), ADA, None).await.is_err());
        assert!(site.provider.seen("/revoke").is_empty(), "what stays here stays there");
        assert_eq!(site.connections.list().await.expect("listed").len(), 1);
        site.ground.db.execute(back, params![]).await.expect("brought back");
        assert!(site.connections.end(&id(), ADA, None).await.expect("ended").is_some());
    }
}

#[tokio::test]
async fn a_disconnection_during_a_refresh_wins() {
    for site in sites().await {
        site.connect(&ada()).await;
        let row = site.row().await;
        site.ground.clock.advance(Duration::from_secs(200));
        let call = tokio::spawn({
            let credential = site.credential();
            async move { credential.credential(Some(ADA)).await.map(|_| ()) }
        });
        let mut tx = site.ground.db.begin("test").await.expect("begun");
        assert!(upstream_grants::take(&mut tx, row.id).await.expect("taken").is_some());
        tx.commit().await.expect("committed");
        // Whichever was first, no grant comes back from the dead.
        let _ = call.await.expect("joined");
        assert!(matches!(site.carried(ADA).await, Err(GrantError::NotConnected(_))));
    }
}

#[tokio::test]
async fn registers_itself_once_and_anew_when_forgotten() {
    for ground in grounds().await {
        let provider = StandIn::start().await;
        add_people(&ground.db).await;
        let config = ConnectionConfig { client: None, ..config(&provider) };
        let connections = connections(&ground, config, ground.db.clone()).await;
        let site = Site { ground, provider, connections };
        let asked = site.leave(&ada()).await;
        assert_eq!(asked.get("client_id").map(String::as_str), Some("registered"));
        site.connections.finish(&id(), &ada(), site.answer(&asked)).await.expect("connected");
        site.leave(&eve()).await;
        assert_eq!(site.provider.seen("/register").len(), 1);
        let stored = site.ground.db.query("SELECT sealed FROM upstream_clients", params![]).await.expect("rows");
        let stored: Vec<u8> = stored[0].get(0).expect("bytes");
        assert!(!stored.windows(6).any(|six| six == b"secret"));
        site.provider.will(Reply::Json(401, r#"{"error":"invalid_client"}"#.to_owned()));
        site.ground.clock.advance(Duration::from_secs(200));
        let broken = site.carried(ADA).await.expect_err("broken");
        assert!(matches!(broken, GrantError::Broken { reason: BreakReason::ClientGone, .. }), "{broken:?}");
        site.leave(&ada()).await;
        assert_eq!(site.provider.seen("/register").len(), 2);
    }
}

/// Whoever may write to the database must not lead the secret that one provider gave to another.
#[tokio::test]
async fn a_registration_that_was_moved_to_another_issuer_does_not_open() {
    for ground in grounds().await {
        let (provider, other) = (StandIn::start().await, StandIn::start().await);
        add_people(&ground.db).await;
        let registering = |provider: &StandIn| ConnectionConfig { client: None, ..config(provider) };
        let connections_here = connections(&ground, registering(&provider), ground.db.clone()).await;
        connections_here.start(&id(), &ada()).await.expect("registered");
        let issuer = Box::leak(format!("UPDATE upstream_clients SET issuer = '{}'", other.url).into_boxed_str());
        ground.tamper(issuer).await;
        let connections_there = connections(&ground, registering(&other), ground.db.clone()).await;
        connections_there.start(&id(), &ada()).await.expect("registered");
        assert_eq!(other.seen("/register").len(), 1, "the moved one was not taken");
        let refused = ground.audited().await.into_iter().filter(|record| record.action == "token.open");
        let details: Vec<String> = refused.filter_map(|record| record.detail).collect();
        assert!(matches!(&details[..], [one] if one.contains("upstream_clients.client_secret")), "{details:?}");
        // And its own is found by a rotation of the data key, under the same place.
        let rotated = ground.vault().await.rotate_data_key(|_| ()).await.expect("rotated");
        assert_eq!(rotated.unopened, Vec::<String>::new());
        connections_there.start(&id(), &ada()).await.expect("started");
        assert_eq!(other.seen("/register").len(), 1);
    }
}

#[tokio::test]
async fn private_addresses_are_not_asked_unless_the_operator_says_so() {
    for ground in grounds().await {
        let provider = StandIn::start().await;
        add_people(&ground.db).await;
        let closed = ConnectionConfig { allow_private_addresses: false, ..config(&provider) };
        let connections = connections(&ground, closed, ground.db.clone()).await;
        let refused = connections.start(&id(), &ada()).await.expect_err("refused");
        assert!(matches!(refused, ConnectError::Discovery(_)), "{refused}");
        assert!(provider.seen("/token").is_empty());
    }
}

#[tokio::test]
async fn a_row_that_was_moved_or_changed_does_not_open() {
    for site in sites().await {
        site.connect(&ada()).await;
        site.connect(&eve()).await;
        let swap = "UPDATE upstream_grants SET sealed = o.sealed, iv = o.iv, auth_tag = o.auth_tag \
                    FROM (SELECT user_id, sealed, iv, auth_tag FROM upstream_grants) o \
                    WHERE o.user_id <> upstream_grants.user_id";
        site.ground.tamper(swap).await;
        for person in [ADA, EVE] {
            let refused = site.carried(person).await.expect_err("sealed for another");
            assert!(refused.to_string().contains("cannot open upstream_grants.tokens"), "{refused}");
        }
        site.ground.tamper(swap).await;
        assert!(site.carried(ADA).await.is_ok(), "swapped back");
        site.ground.tamper("UPDATE upstream_grants SET version = version + 1").await;
        assert!(site.carried(EVE).await.is_err(), "sealed for another version");
    }
}

/// Whoever may write to the database must not lead a person's token to the servers of another connection.
#[tokio::test]
async fn a_grant_does_not_open_for_another_connection() {
    for site in sites().await {
        site.connect(&ada()).await;
        let elsewhere: ConnectionId = "elsewhere".parse().expect("an id");
        let both = ConnectionConfig { id: elsewhere.clone(), ..config(&site.provider) };
        let others = connections(&site.ground, both, site.ground.db.clone()).await;
        let rule = GrantRule::new(elsewhere, AUTHORIZATION, "Bearer {token}").expect("a rule");
        let credential = GrantCredential::new(others, rule).expect("the connection is configured");
        let nothing = credential.credential(Some(ADA)).await.expect_err("nobody has connected there");
        assert!(matches!(nothing, GrantError::NotConnected(_)), "{nothing}");
        site.ground.tamper("UPDATE upstream_grants SET connection = 'elsewhere'").await;
        let refused = credential.credential(Some(ADA)).await.expect_err("sealed for another connection");
        assert!(refused.to_string().contains("cannot open upstream_grants.tokens"), "{refused}");
        site.ground.tamper("UPDATE upstream_grants SET connection = 'github'").await;
        assert!(site.carried(ADA).await.is_ok(), "moved back");
    }
}

#[tokio::test]
async fn rows_of_another_provider_are_not_sent_to_this_one() {
    for site in sites().await {
        site.connect(&ada()).await;
        site.ground.tamper("UPDATE upstream_grants SET issuer = 'https://before.example'").await;
        site.ground.clock.advance(Duration::from_secs(200));
        let broken = site.carried(ADA).await.expect_err("broken");
        assert!(matches!(broken, GrantError::Broken { reason: BreakReason::ProviderChanged, .. }), "{broken:?}");
        assert_eq!(site.provider.seen("/token").len(), 1, "only the exchange");
    }
}
