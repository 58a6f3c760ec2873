//! Identities at a provider, the way there, and logout tokens, on both databases.

use std::time::Duration;

use keyward_core::clock::{Clock, Timestamp};
use keyward_core::id::{SessionId, UserId};
use keyward_core::secret::TokenHash;
use keyward_storage::invites::{self, Invite};
use keyward_storage::login_attempts::{self, LoginAttempt};
use keyward_storage::sessions::{self, Session};
use keyward_storage::users::{self, User};
use keyward_storage::{Database, identities, logout_tokens, session_identities, testing};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const ADA: UserId = UserId(Uuid::from_u128(1));
const EVE: UserId = UserId(Uuid::from_u128(2));
const ISSUER: &str = "https://idp.example";

async fn add_people(db: &Database) {
    let mut tx = db.begin("test").await.expect("begun");
    for (id, email) in [(ADA, "ada@example.com"), (EVE, "eve@example.com")] {
        let user = User { id, email: email.into(), name: None, is_admin: false, created_at: NOW, disabled_at: None };
        assert!(users::insert(&mut tx, &user).await.expect("inserted"));
    }
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn an_identity_is_one_persons() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        add_people(db).await;
        let mut tx = db.begin("test").await.expect("begun");
        assert!(identities::insert(&mut tx, ISSUER, "s-1", ADA, NOW).await.expect("inserted"));
        assert!(!identities::insert(&mut tx, ISSUER, "s-1", EVE, NOW).await.expect("asked"), "it is Ada's");
        identities::touch(&mut tx, ISSUER, "s-1", NOW.plus(Duration::from_secs(5))).await.expect("touched");
        tx.commit().await.expect("committed");
        let found = identities::user_of(db, ISSUER, "s-1").await.expect("asked").expect("a person");
        assert_eq!(found.id, ADA);
        assert!(identities::user_of(db, "https://other.example", "s-1").await.expect("asked").is_none());
        assert!(identities::has_one(db, ADA, ISSUER).await.expect("asked"));
        assert!(!identities::has_one(db, EVE, ISSUER).await.expect("asked"));
    }
}

#[tokio::test]
async fn a_state_is_taken_once_and_a_browser_has_few() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        let attempt = |n: u64| LoginAttempt {
            browser: TokenHash::of(b"browser"),
            issuer: ISSUER.to_owned(),
            iss_required: true,
            client_id: "keyward".to_owned(),
            resource: None,
            scope: "openid email".to_owned(),
            fresh: n == 9,
            next: Some("/account".to_owned()),
            allowed_request: None,
            created_at: NOW.plus(Duration::from_secs(n)),
            expires_at: NOW.plus(Duration::from_secs(600 + n)),
        };
        for n in 0..10_u64 {
            let mut tx = db.begin("test").await.expect("begun");
            let state = TokenHash::of(&n.to_be_bytes());
            login_attempts::insert(&mut tx, &state, &attempt(n)).await.expect("inserted");
            tx.commit().await.expect("committed");
        }
        let take = async |n: u64| login_attempts::take(db, &TokenHash::of(&n.to_be_bytes())).await.expect("asked");
        assert!(take(0).await.is_none() && take(1).await.is_none(), "the oldest were forgotten");
        let taken = take(9).await.expect("the newest");
        assert!(taken.browser.equals_in_constant_time(&TokenHash::of(b"browser")));
        assert_eq!((taken.next.as_deref(), taken.iss_required, taken.fresh), (Some("/account"), true, true));
        assert!(take(9).await.is_none(), "a second time");
        let late = NOW.plus(Duration::from_secs(605));
        assert_eq!(login_attempts::delete_expired(db, late).await.expect("swept"), 3, "2, 3 and 4");
    }
}

#[tokio::test]
async fn a_session_there_leads_to_its_people_here() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        add_people(db).await;
        let session = Session {
            id: SessionId(Uuid::from_u128(9)),
            user_id: ADA,
            user_email: "ada@example.com".to_owned(),
            created_at: NOW,
            last_activity: NOW,
            expires_at: NOW.plus(Duration::from_secs(60)),
            auth_methods: "provider".to_owned(),
            user_agent: None,
        };
        let mut tx = db.begin("test").await.expect("begun");
        sessions::insert(&mut tx, &TokenHash::of(b"session"), &session).await.expect("a session");
        session_identities::insert(&mut tx, session.id, ISSUER, "s-1", Some("there")).await.expect("noted");
        tx.commit().await.expect("committed");
        assert_eq!(session_identities::users_of_sid(db, ISSUER, "there").await.expect("asked"), [ADA]);
        assert!(session_identities::users_of_sid(db, "https://x.example", "there").await.expect("asked").is_empty());
        assert!(session_identities::is_there(db, session.id).await.expect("asked"));
        assert!(!session_identities::is_there(db, SessionId(Uuid::from_u128(8))).await.expect("asked"));
    }
}

#[tokio::test]
async fn a_logout_token_is_used_once() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        let end = NOW.plus(Duration::from_secs(60));
        for expected in [true, false] {
            let mut tx = db.begin("test").await.expect("begun");
            let hash = TokenHash::of(b"issuer and jti");
            assert_eq!(logout_tokens::use_up(&mut tx, &hash, end).await.expect("asked"), expected);
            tx.commit().await.expect("committed");
        }
        assert_eq!(logout_tokens::delete_expired(db, NOW).await.expect("swept"), 0);
        assert_eq!(logout_tokens::delete_expired(db, end.plus(Duration::from_secs(1))).await.expect("swept"), 1);
    }
}

#[tokio::test]
async fn the_newest_open_link_of_an_address_is_found() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        add_people(db).await;
        let invite = |admin: bool, n: u64| Invite {
            email: Some("new@example.com".to_owned()),
            is_admin: admin,
            created_at: NOW.plus(Duration::from_secs(n)),
            expires_at: NOW.plus(Duration::from_secs(100)),
            used_at: None,
        };
        let mut tx = db.begin("test").await.expect("begun");
        invites::insert(&mut tx, &TokenHash::of(b"1"), &invite(false, 1)).await.expect("inserted");
        invites::insert(&mut tx, &TokenHash::of(b"2"), &invite(true, 2)).await.expect("inserted");
        tx.commit().await.expect("committed");
        let open = async |email: &str, at| invites::open_for(db, email, at).await.expect("asked");
        let (hash, found) = open("new@example.com", NOW).await.expect("a link");
        assert!(found.is_admin && hash.equals_in_constant_time(&TokenHash::of(b"2")));
        assert!(open("other@example.com", NOW).await.is_none());
        assert!(open("new@example.com", NOW.plus(Duration::from_secs(100))).await.is_none(), "expired");
        let mut tx = db.begin("test").await.expect("begun");
        assert!(invites::consume(&mut tx, &hash, ADA, NOW).await.expect("asked"));
        tx.commit().await.expect("committed");
        assert!(!open("new@example.com", NOW).await.expect("the other").1.is_admin);
    }
}
