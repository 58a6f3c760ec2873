//! What people do is in the audit log, and what they typed by mistake is not.

use keyward_core::audit::AuditResult;
use keyward_storage::audit::{AuditFilter, list};

use crate::account::email::EmailAddress;
use crate::testing::{PASSWORD, Site, on_each_database};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn acts_of_people_are_recorded() {
    on_each_database(async |site: Site| {
        let mut browser = site.member(ADA).await;
        site.log_in(ADA, "a wrong password").await;
        site.log_in("a-password-typed@the.wrong.place", "x").await;
        let csrf = site.csrf(&browser).await;
        browser.post("/logout", &[("csrf", &csrf)]).await;
        let ada = EmailAddress::parse(ADA).expect("address");
        site.issuer.disable_user(&ada, Some("root@example.com")).await.expect("disable");
        site.issuer.audit.flush().await;

        let records =
            list(&site.issuer.db, &AuditFilter { limit: 100, ..AuditFilter::default() }).await.expect("records");
        let mut acts: Vec<_> = records
            .iter()
            .map(|record| (record.action.as_str(), record.result.as_str(), record.user_email.as_deref()))
            .collect();
        acts.sort_unstable();
        let denied = AuditResult::Denied.as_str();
        let mut expected = [
            ("key.create", "ok", None), // the vault of the fresh database
            ("signing_key.create", "ok", None),
            ("user.invite", "ok", None),
            ("user.create", "ok", Some(ADA)),
            ("login", "ok", Some(ADA)),
            ("login", denied, Some(ADA)),
            ("login", denied, None),
            ("logout", "ok", Some(ADA)),
            ("user.disable", "ok", Some("root@example.com")),
        ];
        expected.sort_unstable();
        assert_eq!(acts, expected);
        let text = format!("{records:?}");
        assert!(!text.contains("typed") && !text.contains(PASSWORD) && !text.contains("kw"), "{text}");
    })
    .await;
}
