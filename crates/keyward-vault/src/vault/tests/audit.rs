//! What the log says of each act on a token.

use crate::testing::{grounds, name, news_is_heard, token};
use crate::{CredentialSpec, Expected, TokenName};

#[tokio::test]
async fn every_act_has_its_record() {
    for ground in grounds().await {
        let (vault, coda) = (ground.vault().await, name("coda/key"));
        let user = keyward_core::id::UserId(uuid::Uuid::from_u128(1));
        vault.put(&coda, &token("hidden-value-1"), Expected::Absent).await.expect("put");
        vault.put(&coda, &token("hidden-value-2"), Expected::Absent).await.expect_err("conflict");
        vault.get(&coda).await.expect("get");
        vault.reveal(&coda).await.expect("reveal");
        vault.get(&name("coda/absent")).await.expect("get");
        vault.list().await.expect("list");
        vault.put(&coda.clone().owned_by(user), &token("hidden-value-3"), Expected::Absent).await.expect("put");
        ground.tamper("UPDATE tokens SET version = 9 WHERE owner = ''").await;
        vault.get(&coda).await.expect_err("tampered");
        vault.reveal(&coda).await.expect_err("tampered");
        vault.delete(&coda).await.expect("delete");
        vault.delete(&coda).await.expect("nothing to delete");
        let records = ground.audited().await;
        let told: Vec<_> = records
            .iter()
            .map(|record| {
                assert!(!format!("{record:?}").contains("hidden-value"), "{record:?}");
                let (service, key) = (record.service_id.as_deref(), record.token_key.as_deref());
                let name = format!("{}/{}", service.unwrap_or("-"), key.unwrap_or("-"));
                format!("{} {} {name} {}", record.action, record.result, record.detail.as_deref().unwrap_or("-"))
            })
            .collect();
        let key_id = keyward_storage::data_keys::all(&ground.db).await.expect("rows").remove(0).key_id;
        let told = told.join("\n").replace(&key_id, "dk_ID").replace(vault.root_key_id(), "ROOT");
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @r#"
            key.create ok -/- {"key_id":"dk_ID","wrapped_by":"ROOT"}
            token.put ok coda/key {"version":1}
            token.put denied coda/key {"reason":"token coda/key was changed by somebody else: expected none, found version 1"}
            token.open ok coda/key {"version":1}
            token.reveal ok coda/key {"version":1}
            token.put ok coda/key {"owner":"00000000-0000-0000-0000-000000000001","version":1}
            token.open denied coda/key {"reason":"cannot open token coda/key: sealed with key dk_ID"}
            token.reveal denied coda/key {"reason":"cannot open token coda/key: sealed with key dk_ID"}
            token.delete ok coda/key -
            "#);
        }
    }
}

#[tokio::test]
async fn a_warm_credential_leaves_no_further_record() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        vault.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        news_is_heard().await;
        let spec = CredentialSpec::new(name("coda/key"), http::header::AUTHORIZATION, "Bearer {token}").expect("spec");
        for _ in 0..100 {
            vault.credential(&spec).await.expect("credential");
        }
        let opens = ground.audited().await.into_iter().filter(|record| record.action == "token.open").count();
        assert_eq!(opens, 1);
    }
}

#[tokio::test]
async fn without_its_record_no_value_is_given() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let own = TokenName::own("signing.k1").expect("name");
        vault.put(&own, &token("s1"), Expected::Absent).await.expect("put");
        ground.db.execute("ALTER TABLE audit_log RENAME TO audit_log_gone", &[]).await.expect("taken away");
        let error = vault.get(&own).await.map(drop).expect_err("withheld");
        assert_eq!(error.to_string(), "the audit log cannot be written, so no token is opened");
        let error = vault.put(&own, &token("s2"), Expected::Anything).await.expect_err("told");
        assert_eq!(error.to_string(), "the audit log cannot be written, so nothing was changed");
        let error = vault.delete(&own).await.expect_err("told");
        assert_eq!(error.to_string(), "the audit log cannot be written, so nothing was changed");
        ground.db.execute("ALTER TABLE audit_log_gone RENAME TO audit_log", &[]).await.expect("back");
        assert_eq!(vault.get(&own).await.expect("get").expect("token").version, 1);
    }
}
