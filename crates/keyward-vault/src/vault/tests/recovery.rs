//! The data keys by a recovery file, when the root key is lost.

use std::io::{Seek, Write};
use std::process::{Command, Stdio};

use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_storage::data_keys::{self, DataKeyState};

use crate::key::RootKey;
use crate::key::recovery::{Identity, Recipient, Recovery};
use crate::testing::{Ground, grounds, name, token};
use crate::{Expected, Matched, Restored, Vault, VaultError};

const IDENTITY: &str = "AGE-SECRET-KEY-1C0Q9QH290XVP54MAA9A57FXZA3Q9RVWVNPMGN4TR90SRATUDUL6QC8T6UU";
const RECIPIENT: &str = "age1hlaah269yce77zhdyasssztdhk32m3ddn0gdn6txcry93xjtr3aq2crxjx";

fn identities() -> Vec<Identity> {
    Identity::read_all(&Secret::from_text(IDENTITY.to_owned())).expect("an identity")
}

async fn exported(vault: &Vault) -> Vec<u8> {
    let recipients: [Recipient; 1] = [RECIPIENT.parse().expect("a recipient")];
    vault.export_recovery(&recipients).await.expect("exported").0
}

fn another() -> RootKey {
    RootKey::generate(&Random::system(), "the file next.key").expect("root key")
}

async fn restored(ground: &Ground, file: &[u8], root: &RootKey) -> Result<Restored, VaultError> {
    let recovery = Recovery::open(file, &identities()).expect("opened");
    let matched = Matched::new(&ground.db, recovery, false).await?;
    matched.restore(root, &Random::system(), &ground.audit).await
}

async fn value(vault: &Vault, of: &str) -> String {
    let opened = vault.get(&name(of)).await.expect("get").expect("a token");
    opened.value.expose_text().expect("a text").to_owned()
}

#[tokio::test]
async fn everything_opens_again_under_another_root_key() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        vault.put(&name("coda/key"), &token("precious"), Expected::Absent).await.expect("put");
        vault.rotate_data_key(drop).await.expect("rotated");
        let file = exported(&vault).await;
        let recovery = Recovery::open(&file, &identities()).expect("opened");
        assert_eq!((recovery.len(), recovery.root_key().map(RootKey::id)), (2, Some(ground.root().id())));
        drop(vault);
        let next = another();
        let done = restored(&ground, &file, &next).await.expect("restored");
        let mut retired = data_keys::all(&ground.db).await.expect("keys");
        retired.retain(|row| row.state == DataKeyState::Retired);
        let retired = retired.remove(0);
        assert_eq!(done, Restored { root_key: next.id().to_string(), keys: 2, unproven: vec![retired.key_id] });
        assert!(matches!(ground.vault_with(ground.root()).await, Err(VaultError::WrongRootKey { .. })));
        let opened = ground.vault_with(next).await.expect("the new root key");
        assert_eq!(value(&opened, "coda/key").await, "precious");
        let records = ground.audited().await;
        let results = |action: &str| {
            let of_action = records.iter().filter(|record| record.action == action);
            of_action.map(|record| record.result.clone()).collect::<Vec<_>>()
        };
        assert_eq!((results("key.export"), results("key.restore")), (vec!["ok".into()], vec!["ok".into()]));
    }
}

#[tokio::test]
async fn a_file_that_lacks_a_key_is_refused() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        vault.put(&name("coda/key"), &token("precious"), Expected::Absent).await.expect("put");
        let file = exported(&vault).await;
        let made_later = vault.rotate_data_key(drop).await.expect("rotated").key_id;
        match restored(&ground, &file, &another()).await {
            Err(VaultError::RecoveryLacks { keys }) => assert_eq!(keys, [made_later]),
            other => panic!("{other:?}"),
        }
        assert_eq!(value(&ground.vault().await, "coda/key").await, "precious");
    }
}

/// Whoever knows a recipient can make a file for it.
#[tokio::test]
async fn forged_keys_are_refused() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        vault.put(&name("coda/key"), &token("precious"), Expected::Absent).await.expect("put");
        let active = data_keys::all(&ground.db).await.expect("keys").remove(0).key_id;
        let text = format!("keyward-recovery:1\ndata-key:{active}:{}\n", "A".repeat(43));
        let forged = || Recovery::parse(&Secret::from_text(text.clone())).expect("well-formed");
        match Matched::new(&ground.db, forged(), false).await {
            Err(VaultError::RecoveryOpensNothing { keys }) => assert_eq!(keys, std::slice::from_ref(&active)),
            other => panic!("{other:?}"),
        }
        // Taken all the same since somebody insists, it seals nothing.
        let matched = Matched::new(&ground.db, forged(), true).await.expect("insisted");
        let next = another();
        let done = matched.restore(&next, &Random::system(), &ground.audit).await.expect("restored");
        assert_eq!(done.unproven, [active]);
        let states: Vec<_> = data_keys::all(&ground.db).await.expect("keys").iter().map(|row| row.state).collect();
        assert_eq!(states, [DataKeyState::DecryptOnly]);
    }
}

#[tokio::test]
async fn nobody_changes_the_keys_between_comparing_and_restoring() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let file = exported(&vault).await;
        let recovery = || Recovery::open(&file, &identities()).expect("opened");
        let matched = Matched::new(&ground.db, recovery(), false).await.expect("matched");
        let other = ground.db_of_another_process().await;
        assert!(matches!(Matched::new(&other, recovery(), false).await, Err(VaultError::KeysBusy)));
        drop(matched);
        Matched::new(&other, recovery(), false).await.expect("matched");
    }
}

/// Runs a program of age on `input`.
fn age(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(input).and_then(|()| file.rewind()).expect("written");
    let ended = Command::new("age").args(arguments).stdin(file).stderr(Stdio::inherit()).output();
    let ended = ended.expect("age: `cargo xtask test` installs it");
    assert!(ended.status.success(), "age {arguments:?}");
    ended.stdout
}

#[tokio::test]
async fn age_itself_opens_what_is_exported_and_writes_what_is_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    let identity = folder.path().join("identity");
    std::fs::write(&identity, IDENTITY).expect("written");
    for ground in grounds().await {
        let file = exported(&ground.vault().await).await;
        let text = age(&["-d", "-i", identity.to_str().expect("a path")], &file);
        let recovery = Recovery::open(&file, &identities()).expect("opened");
        assert!(recovery.to_text().expose_secret() == text, "age reads something else");
        for arguments in [&["-r", RECIPIENT][..], &["-r", RECIPIENT, "-r", RECIPIENT]] {
            let again = Recovery::open(&age(arguments, &text), &identities()).expect("what age wrote");
            assert!(again.to_text().expose_secret() == text, "this reads something else");
        }
        let long = Recovery::open(&age(&["-r", RECIPIENT], &[b'#'; 200_000]), &identities());
        assert!(long.is_err_and(|error| error.to_string().contains("no recovery file")), "several chunks");
        let armored = Recovery::open(&age(&["-a", "-r", RECIPIENT], &text), &identities()).expect_err("armor");
        assert!(armored.to_string().contains("ASCII armor"), "{armored}");
        restored(&ground, &age(&["-r", RECIPIENT], &text), &ground.root()).await.expect("restored");
    }
}
