//! What a database administrator who edits rows gets: one error, whatever was changed.

use keyward_core::random::Random;

use crate::key::{DataKey, KeyWrapper};
use crate::testing::{Ground, grounds, name, token};
use crate::{Expected, TokenName, Vault};

/// A cabinet with two tokens of the same length and version.
async fn filled(ground: &Ground) -> Vault {
    let vault = ground.vault().await;
    for (of, value) in [("coda/a", "value of a"), ("coda/b", "value of b")] {
        vault.put(&name(of), &token("first"), Expected::Absent).await.expect("put");
        vault.put(&name(of), &token(value), Expected::Version(1)).await.expect("put");
    }
    vault
}

async fn refused(vault: &Vault, name: &TokenName, key_id: &str) {
    let error = vault.get(name).await.map(drop).expect_err("must not open");
    assert_eq!(error.to_string(), format!("cannot open token {name}: sealed with key {key_id}"));
}

#[tokio::test]
async fn no_column_of_a_row_can_be_exchanged() {
    const SWAPS: [&str; 6] = [
        "UPDATE tokens SET encrypted_value = (SELECT b.encrypted_value FROM tokens b WHERE b.token_key = 'b') WHERE token_key = 'a'",
        "UPDATE tokens SET iv = (SELECT b.iv FROM tokens b WHERE b.token_key = 'b') WHERE token_key = 'a'",
        "UPDATE tokens SET auth_tag = (SELECT b.auth_tag FROM tokens b WHERE b.token_key = 'b') WHERE token_key = 'a'",
        "UPDATE tokens SET version = 3 WHERE token_key = 'a'",
        "UPDATE tokens SET version = -2 WHERE token_key = 'a'",
        "UPDATE tokens SET
            encrypted_value = (SELECT b.encrypted_value FROM tokens b WHERE b.token_key = 'b'),
            iv = (SELECT b.iv FROM tokens b WHERE b.token_key = 'b'),
            auth_tag = (SELECT b.auth_tag FROM tokens b WHERE b.token_key = 'b')
        WHERE token_key = 'a'",
    ];
    for swap in SWAPS {
        for ground in grounds().await {
            let vault = filled(&ground).await;
            let key_id = vault.list().await.expect("list")[0].key_id.clone().expect("sealed");
            ground.tamper(swap).await;
            refused(&vault, &name("coda/a"), &key_id).await;
            assert!(vault.get(&name("coda/b")).await.is_ok(), "the other row is as it was");
        }
    }
}

#[tokio::test]
async fn iv_and_tag_keep_their_lengths() {
    const CUTS: [&str; 4] = [
        "UPDATE tokens SET iv = encrypted_value WHERE token_key = 'a'",
        "UPDATE tokens SET auth_tag = iv WHERE token_key = 'a'",
        "UPDATE tokens SET iv = auth_tag, auth_tag = iv WHERE token_key = 'a'",
        "UPDATE tokens SET encrypted_value = iv WHERE token_key = 'a'",
    ];
    for cut in CUTS {
        for ground in grounds().await {
            let vault = filled(&ground).await;
            let key_id = vault.list().await.expect("list")[0].key_id.clone().expect("sealed");
            ground.tamper(cut).await;
            refused(&vault, &name("coda/a"), &key_id).await;
        }
    }
}

#[tokio::test]
async fn a_row_does_not_open_at_another_place() {
    const MOVES: [(&str, &str); 2] = [
        ("UPDATE tokens SET token_key = 'c' WHERE token_key = 'a'", "coda/c"),
        ("UPDATE tokens SET service_id = 'dropbox' WHERE token_key = 'a'", "dropbox/a"),
    ];
    for (moved, to) in MOVES {
        for ground in grounds().await {
            let vault = filled(&ground).await;
            let key_id = vault.list().await.expect("list")[0].key_id.clone().expect("sealed");
            ground.tamper(moved).await;
            refused(&vault, &name(to), &key_id).await;
        }
    }
}

#[tokio::test]
async fn a_row_does_not_open_for_another_owner() {
    let user = |last: u8| keyward_core::id::UserId(uuid::Uuid::from_u128(last.into()));
    for ground in grounds().await {
        let vault = filled(&ground).await;
        let (ours, theirs) = (name("coda/mine").owned_by(user(1)), name("coda/mine").owned_by(user(2)));
        vault.put(&ours, &token("mine alone"), Expected::Absent).await.expect("put");
        assert!(vault.get(&theirs).await.expect("get").is_none());
        assert!(vault.get(&name("coda/mine")).await.expect("get").is_none());
        let key_id = vault.list().await.expect("list")[0].key_id.clone().expect("sealed");
        ground
            .tamper("UPDATE tokens SET owner = '00000000-0000-0000-0000-000000000002' WHERE token_key = 'mine'")
            .await;
        refused(&vault, &theirs, &key_id).await;
        ground.tamper("UPDATE tokens SET owner = '' WHERE token_key = 'mine'").await;
        refused(&vault, &name("coda/mine"), &key_id).await;
        ground
            .tamper("UPDATE tokens SET owner = '00000000-0000-0000-0000-000000000001' WHERE token_key = 'mine'")
            .await;
        assert!(vault.get(&ours).await.expect("back at its place").is_some());
    }
}

#[tokio::test]
async fn the_key_id_is_the_one_it_was_sealed_with() {
    for ground in grounds().await {
        let vault = filled(&ground).await;
        ground.tamper("UPDATE tokens SET key_id = 'dk_000000000000' WHERE token_key = 'a'").await;
        refused(&vault, &name("coda/a"), "dk_000000000000").await;
        ground.tamper("UPDATE tokens SET key_id = '' WHERE token_key = 'a'").await;
        refused(&vault, &name("coda/a"), "").await;
        ground.tamper("UPDATE tokens SET key_id = 'x\ny' WHERE token_key = 'a'").await;
        refused(&vault, &name("coda/a"), "x\\ny").await;
        // A second data key that is known and is not the one.
        let other = "dk_0123456789ab".parse().expect("key id");
        let (random, key) = (Random::system(), DataKey::from_slice(&[9; 32]).expect("a key"));
        let wrapped = ground.root().wrap(&key, &other, &random).await.expect("wrapped");
        let sql = "INSERT INTO data_keys (key_id, state, wrapped_key, wrapped_by, created_at, sealed_count)
            SELECT 'dk_0123456789ab', 'decrypt_only', $1, wrapped_by, created_at, 0 FROM data_keys";
        ground.db.execute(sql, &[wrapped.into()]).await.expect("second key");
        ground.tamper("UPDATE tokens SET key_id = 'dk_0123456789ab' WHERE token_key = 'a'").await;
        refused(&vault, &name("coda/a"), "dk_0123456789ab").await;
    }
}

#[tokio::test]
async fn a_row_that_does_not_open_can_be_replaced_and_deleted() {
    for ground in grounds().await {
        let vault = filled(&ground).await;
        ground.tamper("UPDATE tokens SET iv = auth_tag").await;
        assert_eq!(vault.put(&name("coda/a"), &token("new"), Expected::Anything).await.expect("put"), 3);
        assert_eq!(vault.get(&name("coda/a")).await.expect("get").expect("token").value.expose_text(), Some("new"));
        assert!(vault.delete(&name("coda/b")).await.expect("deleted"));
        assert!(vault.get(&name("coda/b")).await.expect("get").is_none());
    }
}

#[tokio::test]
async fn keywards_own_secrets_are_bound_as_the_tokens_of_services_are() {
    const EDITS: [&[&str]; 6] = [
        &[
            "UPDATE tokens SET encrypted_value = (SELECT b.encrypted_value FROM tokens b WHERE b.token_key = 'b') WHERE token_key = 'mine'",
        ],
        &["UPDATE tokens SET iv = (SELECT b.iv FROM tokens b WHERE b.token_key = 'b') WHERE token_key = 'mine'"],
        &[
            "UPDATE tokens SET auth_tag = (SELECT b.auth_tag FROM tokens b WHERE b.token_key = 'b') WHERE token_key = 'mine'",
        ],
        &["UPDATE tokens SET version = 2 WHERE token_key = 'mine'"],
        &["UPDATE tokens SET key_id = 'dk_000000000000' WHERE token_key = 'mine'"],
        // A token of a service in the place of one of Keyward's own.
        &[
            "UPDATE tokens SET token_key = 'gone' WHERE token_key = 'mine'",
            "UPDATE tokens SET token_key = 'mine', service_id = (SELECT g.service_id FROM tokens g WHERE g.token_key = 'gone') WHERE token_key = 'b'",
        ],
    ];
    for edits in EDITS {
        for ground in grounds().await {
            let vault = filled(&ground).await;
            let own = TokenName::own("mine").expect("name");
            vault.put(&own, &token("value of m"), Expected::Absent).await.expect("put");
            for edit in edits {
                ground.tamper(edit).await;
            }
            let error = vault.get(&own).await.map(drop).expect_err("must not open");
            assert!(matches!(error, crate::VaultError::CannotOpen { .. }), "{edits:?}: {error}");
            let last = ground.audited().await.pop().expect("a record");
            assert_eq!((last.action.as_str(), last.result.as_str()), ("token.open", "denied"), "{edits:?}");
        }
    }
}
