//! Whose account it is.

use std::time::Duration;

use http::StatusCode;
use keyward_core::id::UserId;
use keyward_storage::users::{self, User};

use super::ground::{Ground, on_each_database};
use crate::account::email::EmailAddress;
use crate::login::provider::AccountRules;

async fn status(ground: &Ground, subject: &str, email: &str) -> StatusCode {
    ground.log_in(&mut ground.browser(), subject, email).await.status
}

/// An account from before there was a provider.
async fn add_account(ground: &Ground, email: &str) {
    let now = ground.issuer.clock.now();
    let id = UserId::new(now.minus(Duration::from_secs(1)), &ground.issuer.random).expect("random");
    let created_at = now.minus(Duration::from_secs(1));
    let user = User { id, email: email.to_owned(), name: None, is_admin: false, created_at, disabled_at: None };
    let mut tx = ground.issuer.db.begin("test").await.expect("begun");
    assert!(users::insert(&mut tx, &user).await.expect("inserted"));
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn only_invited_people_have_accounts_unless_the_rules_say_more() {
    let rules = AccountRules {
        allowed_domains: vec!["corp.example".to_owned()],
        allowed_emails: vec![EmailAddress::parse("guest@example.com").expect("an address")],
        ..AccountRules::default()
    };
    on_each_database(rules, async |ground| {
        for email in ["eve@example.com", "eve@sub.corp.example", "eve@evilcorp.example", "corp.example@example.com"] {
            assert_eq!(status(&ground, "s-eve", email).await, StatusCode::FORBIDDEN, "{email}");
        }
        assert_eq!(status(&ground, "s-1", "Ann@CORP.example").await, StatusCode::SEE_OTHER);
        assert_eq!(status(&ground, "s-2", "guest@example.com").await, StatusCode::SEE_OTHER);
        ground.invite("boss@example.com", true).await;
        assert_eq!(status(&ground, "s-3", "boss@example.com").await, StatusCode::SEE_OTHER);
        let boss = users::by_email(&ground.issuer.db, "boss@example.com").await.expect("asked").expect("an account");
        assert!(boss.is_admin, "as the invitation said");
        assert_eq!(status(&ground, "s-4", "boss@example.com").await, StatusCode::FORBIDDEN, "the invitation was used");
    })
    .await;
}

#[tokio::test]
async fn lists_are_for_everybody_who_was_not_invited_and_at_each_login() {
    let rules = AccountRules { allowed_domains: vec!["corp.example".to_owned()], ..super::ground::open() };
    on_each_database(rules, async |ground| {
        assert_eq!(
            status(&ground, "s-eve", "eve@example.com").await,
            StatusCode::FORBIDDEN,
            "sign-up is open to the list"
        );
        assert_eq!(status(&ground, "s-1", "ann@corp.example").await, StatusCode::SEE_OTHER);
        assert_eq!(status(&ground, "s-1", "ann@elsewhere.example").await, StatusCode::FORBIDDEN, "she has left");
        assert_eq!(status(&ground, "s-1", "ann@corp.example").await, StatusCode::SEE_OTHER);
        ground.invite("guest@example.com", false).await;
        assert_eq!(status(&ground, "s-2", "guest@example.com").await, StatusCode::SEE_OTHER);
        assert_eq!(status(&ground, "s-2", "guest@example.com").await, StatusCode::SEE_OTHER, "invited once is enough");
    })
    .await;
    let rules = AccountRules {
        allowed_domains: vec!["corp.example".to_owned()],
        link_by_email: true,
        ..AccountRules::default()
    };
    on_each_database(rules, async |ground| {
        for (email, expected) in
            [("old@example.com", StatusCode::FORBIDDEN), ("old@corp.example", StatusCode::SEE_OTHER)]
        {
            add_account(&ground, email).await;
            assert_eq!(status(&ground, email, email).await, expected, "{email}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_identity_keeps_its_account_whatever_its_address_is() {
    on_each_database(super::ground::open(), async |ground| {
        assert_eq!(status(&ground, "s-1", "ada@example.com").await, StatusCode::SEE_OTHER);
        let mut browser = ground.browser();
        ground.log_in(&mut browser, "s-1", "ada.lovelace@example.com").await;
        let person = crate::session::current(&ground.issuer, &browser.cookie_header()).await.expect("database");
        assert_eq!(person.expect("logged in").email, "ada@example.com");
        // Who gets the address that she had is somebody else.
        assert_eq!(status(&ground, "s-2", "ada@example.com").await, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test]
async fn an_account_with_the_same_address_is_linked_only_where_that_is_wanted() {
    for (link_by_email, expected) in [(false, StatusCode::FORBIDDEN), (true, StatusCode::SEE_OTHER)] {
        let rules = AccountRules { link_by_email, ..super::ground::open() };
        on_each_database(rules, async |ground| {
            add_account(&ground, "ada@example.com").await;
            assert_eq!(status(&ground, "s-1", "ada@example.com").await, expected);
            let second = status(&ground, "s-2", "ada@example.com").await;
            assert_eq!(second, StatusCode::FORBIDDEN, "it has an identity there, or may not be linked");
            ground.invite("ada@example.com", false).await;
            assert_eq!(status(&ground, "s-3", "ada@example.com").await, StatusCode::SEE_OTHER, "invited by name");
        })
        .await;
    }
}

#[tokio::test]
async fn an_address_that_is_not_verified_is_nobodys() {
    on_each_database(super::ground::open(), async |ground| {
        ground.invite("ada@example.com", true).await;
        let mut browser = ground.browser();
        let asked = ground.leave(&mut browser, "%2Faccount").await;
        let mut claims = ground.claims(&asked, "s-1", "ada@example.com");
        claims["email_verified"] = false.into();
        *ground.provider.claims.lock().expect("claims") = claims;
        let back = browser.get(&ground.answer(&asked)).await;
        assert_eq!(back.status, StatusCode::FORBIDDEN);
        assert!(users::by_email(&ground.issuer.db, "ada@example.com").await.expect("asked").is_none());
    })
    .await;
}

#[tokio::test]
async fn a_closed_account_stays_closed() {
    on_each_database(super::ground::open(), async |ground| {
        let mut browser = ground.browser();
        ground.log_in(&mut browser, "s-1", "ada@example.com").await;
        let email = EmailAddress::parse("ada@example.com").expect("an address");
        ground.issuer.disable_user(&email, None).await.expect("closed");
        assert!(!ground.is_logged_in(&browser).await);
        assert_eq!(status(&ground, "s-1", "ada@example.com").await, StatusCode::FORBIDDEN);
        assert_eq!(status(&ground, "s-2", "ada@example.com").await, StatusCode::FORBIDDEN);
    })
    .await;
}
