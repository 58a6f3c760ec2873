//! One-time links.

use std::time::Duration;

use http::StatusCode;

use crate::account::email::EmailAddress;
use crate::testing::{PASSWORD, Site, on_each_database};

#[tokio::test]
async fn a_link_makes_an_account_once() {
    on_each_database(async |site: Site| {
        let link = site.invite(None).await;
        let mut browser = site.browser();
        let page = browser.get(&link).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("as an administrator"), "the first account administers: {}", page.body);
        let fields = [("email", "Ada@Example.com"), ("password", PASSWORD), ("password_again", PASSWORD)];
        let made = browser.submit(&link, &fields).await;
        assert_eq!((made.status, made.header("location")), (StatusCode::SEE_OTHER, "/account"), "{}", made.body);
        assert!(browser.cookies.contains_key("keyward_session_8080"));

        let users = site.issuer.list_users().await.expect("users");
        assert_eq!(users.len(), 1);
        assert_eq!((users[0].email.as_str(), users[0].is_admin), ("ada@example.com", true));

        let mut thief = site.browser();
        let used = thief.get(&link).await;
        assert_eq!(used.status, StatusCode::GONE);
        assert!(used.body.contains("has been used"));
        let second = site.invite(None).await;
        assert!(!thief.get(&second).await.body.contains("administrator"), "only the first does");
    })
    .await;
}

#[tokio::test]
async fn of_two_at_once_one_wins() {
    on_each_database(async |site: Site| {
        let link = site.invite(None).await;
        let (mut one, mut two) = (site.browser(), site.browser());
        one.get(&link).await;
        two.get(&link).await;
        let first = [("email", "one@example.com"), ("password", PASSWORD), ("password_again", PASSWORD)];
        let second = [("email", "two@example.com"), ("password", PASSWORD), ("password_again", PASSWORD)];
        let (first, second) = tokio::join!(one.submit(&link, &first), two.submit(&link, &second));
        let mut statuses = [first.status, second.status];
        statuses.sort();
        assert_eq!(statuses, [StatusCode::SEE_OTHER, StatusCode::GONE]);
        assert_eq!(site.issuer.list_users().await.expect("users").len(), 1, "the loser's account is not left behind");
    })
    .await;
}

#[tokio::test]
async fn dead_links_say_what_to_do() {
    on_each_database(async |site: Site| {
        let link = site.invite(None).await;
        site.clock.advance(Duration::from_secs(30 * 24 * 60 * 60));
        let mut browser = site.browser();
        let expired = browser.get(&link).await;
        assert_eq!(expired.status, StatusCode::GONE);
        assert!(expired.body.contains("keyward user invite"));
        for junk in ["/invite/junk", "/invite/kwi_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(browser.get(junk).await.status, StatusCode::NOT_FOUND, "{junk}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refused_password_leaves_the_link_good() {
    on_each_database(async |site: Site| {
        let link = site.invite(Some("ada@example.com")).await;
        let mut browser = site.browser();
        assert!(browser.get(&link).await.body.contains("readonly"));
        for (first, again) in [("short", "short"), (PASSWORD, "something else"), ("ada@example.com", "ada@example.com")]
        {
            let fields = [("email", "ada@example.com"), ("password", first), ("password_again", again)];
            let refused = browser.submit(&link, &fields).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(!refused.alert().is_empty() && !refused.body.contains(PASSWORD), "{first}");
        }
        // The link is for Ada, whatever the form says.
        let fields = [("email", "eve@example.com"), ("password", PASSWORD), ("password_again", PASSWORD)];
        assert_eq!(browser.submit(&link, &fields).await.status, StatusCode::SEE_OTHER);
        assert_eq!(site.issuer.list_users().await.expect("users")[0].email, "ada@example.com");
    })
    .await;
}

#[tokio::test]
async fn a_link_for_an_account_sets_a_new_password() {
    on_each_database(async |site: Site| {
        let mut old = site.member("ada@example.com").await;
        let stale = site.invite(Some("ada@example.com")).await;
        let link = site.invite(Some("ada@example.com")).await;
        let mut browser = site.browser();
        assert!(browser.get(&link).await.body.contains("Choose a new password"));
        let new = "another good password";
        let fields = [("password", new), ("password_again", new)];
        assert_eq!(browser.submit(&link, &fields).await.status, StatusCode::SEE_OTHER);
        assert_eq!(site.log_in("ada@example.com", PASSWORD).await.status, StatusCode::FORBIDDEN);
        assert_eq!(site.log_in("ada@example.com", new).await.status, StatusCode::SEE_OTHER);
        assert!(!site.is_logged_in(&mut old).await, "sessions under the old password end");
        assert_eq!(site.browser().get(&stale).await.status, StatusCode::GONE, "other links for the address end");
    })
    .await;
}

#[tokio::test]
async fn an_open_link_is_no_way_into_an_account() {
    on_each_database(async |site: Site| {
        site.member("ada@example.com").await;
        let link = site.invite(None).await;
        let mut eve = site.browser();
        eve.get(&link).await;
        let fields = [
            ("email", "ada@example.com"),
            ("password", "eve knows this one"),
            ("password_again", "eve knows this one"),
        ];
        let refused = eve.submit(&link, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.alert().contains("an account with this e-mail address already"));
        assert_eq!(site.log_in("ada@example.com", PASSWORD).await.status, StatusCode::SEE_OTHER);
    })
    .await;
}

#[tokio::test]
async fn links_of_a_closed_account_open_nothing() {
    on_each_database(async |site: Site| {
        site.member("ada@example.com").await;
        let ada = EmailAddress::parse("ada@example.com").expect("address");
        assert!(site.issuer.disable_user(&ada, None).await.expect("disable").is_some());
        let link = site.invite(Some("ada@example.com")).await;
        let mut browser = site.browser();
        browser.get(&link).await;
        let refused = browser.submit(&link, &[("password", PASSWORD), ("password_again", PASSWORD)]).await;
        assert!(refused.alert().contains("closed"), "{}", refused.body);
    })
    .await;
}
