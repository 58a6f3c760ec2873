//! Grants at other authorization servers, and the way there, on both databases.

use std::time::Duration;

use keyward_core::clock::{Clock, Timestamp};
use keyward_core::id::{SessionId, UserId};
use keyward_core::secret::TokenHash;
use keyward_storage::upstream_authorizations::{self, UpstreamAuthorization};
use keyward_storage::upstream_clients::{self, UpstreamClient};
use keyward_storage::upstream_grants::{self, UpstreamGrant, UpstreamGrantState};
use keyward_storage::users::{self, User};
use keyward_storage::{Database, SealedColumns, testing};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const ADA: UserId = UserId(Uuid::from_u128(1));
const EVE: UserId = UserId(Uuid::from_u128(2));

fn sealed(byte: u8) -> SealedColumns {
    SealedColumns {
        ciphertext: vec![byte; 9],
        iv: vec![byte; 12],
        tag: vec![byte; 16],
        key_id: "dk_000000000000".into(),
    }
}

fn grant(owner: UserId, version: i64) -> UpstreamGrant {
    UpstreamGrant {
        id: Uuid::from_u128(owner.0.as_u128() + 10),
        connection: "github".to_owned(),
        owner,
        owner_email: String::new(),
        sealed: sealed(7),
        version,
        state: UpstreamGrantState::Active,
        reason: None,
        scope: "repo".to_owned(),
        issuer: "https://as.example".to_owned(),
        client_id: "client".to_owned(),
        resource: None,
        created_at: NOW,
        updated_at: NOW,
        expires_at: Some(NOW.plus(Duration::from_secs(100))),
        refresh_after: Some(NOW.plus(Duration::from_secs(80))),
        refresh_began_at: None,
        failures: 0,
    }
}

async fn add_people(db: &Database) {
    let mut tx = db.begin("test").await.expect("begun");
    for (id, email) in [(ADA, "ada@example.com"), (EVE, "eve@example.com")] {
        let user = User { id, email: email.into(), name: None, is_admin: false, created_at: NOW, disabled_at: None };
        assert!(users::insert(&mut tx, &user).await.expect("inserted"));
    }
    tx.commit().await.expect("committed");
}

async fn insert(db: &Database, grant: &UpstreamGrant) -> bool {
    let mut tx = db.begin("test").await.expect("begun");
    let stored = upstream_grants::insert(&mut tx, grant).await.expect("inserted");
    tx.commit().await.expect("committed");
    stored
}

async fn replace(db: &Database, grant: &UpstreamGrant, expected: i64) -> bool {
    let mut tx = db.begin("test").await.expect("begun");
    let stored = upstream_grants::replace(&mut tx, grant, expected).await.expect("replaced");
    tx.commit().await.expect("committed");
    stored
}

async fn find(db: &Database, owner: UserId) -> Option<UpstreamGrant> {
    upstream_grants::find(db, "github", owner).await.expect("found")
}

#[tokio::test]
async fn one_grant_for_each_person_and_connection_changed_by_compare_and_set() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        add_people(db).await;
        assert!(insert(db, &grant(ADA, 1)).await);
        let second = UpstreamGrant { id: Uuid::from_u128(99), ..grant(ADA, 1) };
        assert!(!insert(db, &second).await, "there is one already");
        assert!(insert(db, &grant(EVE, 1)).await);

        let found = find(db, ADA).await.expect("a grant");
        assert_eq!((found.owner_email.as_str(), found.version, &found.sealed), ("ada@example.com", 1, &sealed(7)));
        assert_eq!((found.expires_at, found.refresh_after), (grant(ADA, 1).expires_at, grant(ADA, 1).refresh_after));

        assert!(upstream_grants::begin_refresh(db, found.id, 1, NOW).await.expect("noted"));
        assert!(upstream_grants::fail_refresh(db, found.id, 1, NOW, false).await.expect("noted"));
        let failed = find(db, ADA).await.expect("a grant");
        assert_eq!((failed.failures, failed.refresh_began_at, failed.refresh_after), (1, Some(NOW), Some(NOW)));
        assert!(upstream_grants::fail_refresh(db, found.id, 1, NOW, true).await.expect("noted"));
        assert_eq!(find(db, ADA).await.expect("a grant").refresh_began_at, None);

        let renewed = UpstreamGrant { sealed: sealed(8), ..grant(ADA, 2) };
        assert!(replace(db, &renewed, 1).await);
        assert!(!replace(db, &renewed, 1).await, "somebody was quicker");
        let found = find(db, ADA).await.expect("a grant");
        assert_eq!((found.version, found.failures, &found.sealed), (2, 0, &sealed(8)));
        assert!(!upstream_grants::begin_refresh(db, found.id, 1, NOW).await.expect("noted"), "not the version there");
        assert_eq!(find(db, EVE).await.expect("a grant").version, 1, "Eve's is as it was");
    }
}

#[tokio::test]
async fn a_broken_grant_is_mended_by_connecting_anew() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        add_people(db).await;
        assert!(insert(db, &grant(ADA, 1)).await);
        let id = grant(ADA, 1).id;
        let mut tx = db.begin("test").await.expect("begun");
        assert!(!upstream_grants::mark_broken(&mut tx, id, 7, "refused").await.expect("marked"));
        assert!(upstream_grants::mark_broken(&mut tx, id, 1, "refused").await.expect("marked"));
        assert!(
            !upstream_grants::mark_broken(&mut tx, id, 1, "expired").await.expect("marked"),
            "the first reason stays"
        );
        tx.commit().await.expect("committed");
        let broken = find(db, ADA).await.expect("a grant");
        assert_eq!((broken.state, broken.reason.as_deref()), (UpstreamGrantState::Broken, Some("refused")));
        assert!(!upstream_grants::begin_refresh(db, id, 1, NOW).await.expect("noted"));
        assert!(replace(db, &grant(ADA, 2), 1).await);
        let mended = find(db, ADA).await.expect("a grant");
        assert_eq!((mended.state, mended.reason), (UpstreamGrantState::Active, None));
    }
}

#[tokio::test]
async fn a_closed_account_has_no_grants() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        add_people(db).await;
        assert!(insert(db, &grant(ADA, 1)).await);
        let mut tx = db.begin("test").await.expect("begun");
        assert!(users::disable(&mut tx, ADA, NOW).await.expect("disabled"));
        let taken = upstream_grants::take_of_user(&mut tx, ADA).await.expect("taken");
        let told = taken.iter().map(|grant| (grant.id, grant.owner_email.as_str(), grant.sealed.ciphertext.as_slice()));
        let before = grant(ADA, 1);
        assert_eq!(told.collect::<Vec<_>>(), [(before.id, "ada@example.com", before.sealed.ciphertext.as_slice())]);
        assert!(upstream_grants::take(&mut tx, before.id).await.expect("asked").is_none());
        tx.commit().await.expect("committed");
        assert!(!insert(db, &grant(ADA, 1)).await, "nor does it get new ones");
        assert!(insert(db, &grant(EVE, 1)).await);
        assert_eq!(upstream_grants::list(db).await.expect("listed").len(), 1);
        assert_eq!(upstream_grants::of_user(db, ADA).await.expect("listed").len(), 0);
    }
}

#[tokio::test]
async fn a_state_is_taken_once_and_a_person_has_few() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        add_people(db).await;
        for number in 0..10_u8 {
            let authorization = UpstreamAuthorization {
                id: Uuid::from_u128(number.into()),
                connection: "github".to_owned(),
                user_id: ADA,
                session_id: SessionId(Uuid::nil()),
                issuer: "https://as.example".to_owned(),
                iss_required: number == 9,
                client_id: "client".to_owned(),
                resource: Some("https://rs.example/mcp".to_owned()),
                scope: "repo".to_owned(),
                sealed: sealed(number),
                created_at: NOW.plus(Duration::from_secs(number.into())),
                expires_at: NOW.plus(Duration::from_secs(600)),
            };
            let mut tx = db.begin("test").await.expect("begun");
            upstream_authorizations::insert(&mut tx, &TokenHash::of(&[number]), &authorization)
                .await
                .expect("inserted");
            tx.commit().await.expect("committed");
        }
        let take =
            async |number: u8| upstream_authorizations::take(db, &TokenHash::of(&[number])).await.expect("taken");
        assert!(take(1).await.is_none(), "the oldest are forgotten");
        assert!(take(2).await.is_some());
        let last = take(9).await.expect("it is there");
        assert_eq!((last.iss_required, last.user_id, &last.sealed), (true, ADA, &sealed(9)));
        assert!(take(9).await.is_none(), "only once");
        let late = NOW.plus(Duration::from_secs(601));
        assert_eq!(upstream_authorizations::delete_expired(db, late).await.expect("deleted"), 6);
    }
}

#[tokio::test]
async fn one_registration_for_each_issuer_and_redirect() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        let client = UpstreamClient {
            id: Uuid::from_u128(5),
            issuer: "https://as.example".to_owned(),
            redirect_uri: "https://kw.example/connect/x/callback".to_owned(),
            client_id: "client".to_owned(),
            token_endpoint_auth_method: "none".to_owned(),
            sealed: sealed(1),
            created_at: NOW,
            secret_expires_at: None,
        };
        assert!(upstream_clients::insert(db, &client).await.expect("inserted"));
        let second = UpstreamClient { id: Uuid::from_u128(6), client_id: "other".to_owned(), ..client.clone() };
        assert!(!upstream_clients::insert(db, &second).await.expect("inserted"));
        let found = upstream_clients::find(db, &client.issuer, &client.redirect_uri).await.expect("found");
        assert_eq!(found.map(|found| found.client_id).as_deref(), Some("client"));
        let found = upstream_clients::by_client_id(db, "https://other.example", "client").await.expect("found");
        assert!(found.is_none(), "a registration is its issuer's alone");
        assert!(upstream_clients::delete(db, client.id).await.expect("deleted"));
    }
}
