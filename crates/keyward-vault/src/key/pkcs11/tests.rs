//! Against SoftHSM 2. Its library reads where its tokens are from the environment of the process, which cannot be changed
//! from within: each test calls itself again with one of its own.

use std::process::Command;

use super::*;
use crate::environment::Environment;

const TOKEN: &str = "keyward test";

/// The library, in the process that tests it; `None` in the one that has called it.
fn softhsm(test: &str) -> Option<String> {
    if let Ok(module) = std::env::var("KEYWARD_TEST_SOFTHSM") {
        return Some(module);
    }
    let module = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
        .expect("there is no SoftHSM: run the tests as `cargo xtask test`");
    let home = tempfile::tempdir().expect("a folder");
    let configuration = home.path().join("softhsm2.conf");
    std::fs::write(&configuration, format!("directories.tokendir = {}\n", home.path().display())).expect("written");
    let run = |program: &str, arguments: &[&str]| {
        let ended = Command::new(program).args(arguments).env("SOFTHSM2_CONF", &configuration).output();
        let ended = ended.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(ended.status.success(), "{program}: {}", String::from_utf8_lossy(&ended.stderr));
    };
    run("softhsm2-util", &["--init-token", "--free", "--label", TOKEN, "--so-pin", "87654321", "--pin", "1234"]);
    for (label, id) in [("root", "01"), ("other", "02")] {
        let login = ["--module", module, "--token-label", TOKEN, "--login", "--pin", "1234"];
        let key = ["--keygen", "--key-type", "AES:32", "--label", label, "--id", id, "--sensitive"];
        run("pkcs11-tool", &[&login[..], &key].concat());
    }
    let again = Command::new(std::env::current_exe().expect("this test"))
        .args([test, "--exact", "--nocapture"])
        .env("SOFTHSM2_CONF", &configuration)
        .env("KEYWARD_TEST_SOFTHSM", module)
        .output()
        .expect("this test again");
    let said = format!("{}{}", String::from_utf8_lossy(&again.stdout), String::from_utf8_lossy(&again.stderr));
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
    None
}

fn provider(module: &str, key: &str, pin: &str) -> Pkcs11Key {
    let pin = SecretSource::Environment { environment: Environment::of([("PIN", pin)]), variable: "PIN".to_owned() };
    Pkcs11Key::new(Pkcs11Config { module: module.into(), token: TOKEN.to_owned(), key: key.to_owned(), pin })
}

#[tokio::test]
async fn data_keys_come_back_under_their_key_and_id_alone() {
    let Some(module) = softhsm("key::pkcs11::tests::data_keys_come_back_under_their_key_and_id_alone") else { return };
    let random = Random::system();
    let (root, other) = (provider(&module, "root", "1234"), provider(&module, "other", "1234"));
    let (id, other_id) = (KeyId::from_bytes([1; 6]), KeyId::from_bytes([2; 6]));
    let key = DataKey::from_slice(&[7; 32]).expect("a key");
    let wrapped = root.wrap(&key, &id, &random).await.expect("wrapped");
    assert!(root.unwrap(&wrapped, &id).await.expect("unwrapped").equals_in_constant_time(&key));
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        let refused = root.unwrap(&changed, &id).await;
        assert!(matches!(&refused, Err(WrapError::Mismatch { .. })), "byte {at}: {refused:?}");
    }
    for length in [0, 1, 12, 13, 20, wrapped.len() - 1] {
        let refused = root.unwrap(&wrapped[..length], &id).await;
        assert!(matches!(&refused, Err(WrapError::Mismatch { .. })), "{length} bytes: {refused:?}");
    }
    assert!(matches!(root.unwrap(&wrapped, &other_id).await, Err(WrapError::Mismatch { .. })));
    assert!(matches!(other.unwrap(&wrapped, &id).await, Err(WrapError::Mismatch { .. })));
    assert!(root.unwrap(&wrapped, &id).await.is_ok(), "refusals leave it usable");

    let told = |refused: Result<Vec<u8>, WrapError>| refused.expect_err("refused").to_string();
    let missing = provider(&module, "missing", "1234").wrap(&key, &id, &random).await;
    let name = "PKCS #11 key \"missing\" of token \"keyward test\"";
    assert_eq!(told(missing), format!("{name} refuses: there is no AES key of this label"));
    let nowhere = provider("/nowhere/module.so", "root", "1234").wrap(&key, &id, &random).await;
    assert_eq!(told(nowhere), "PKCS #11 key \"root\" of token \"keyward test\" cannot be used now");
}

/// The login belongs to the whole process, so that a wrong PIN is seen by the first who logs in alone.
#[tokio::test]
async fn a_wrong_pin_is_refused() {
    let Some(module) = softhsm("key::pkcs11::tests::a_wrong_pin_is_refused") else { return };
    let key = DataKey::from_slice(&[7; 32]).expect("a key");
    let refused = provider(&module, "root", "9999").wrap(&key, &KeyId::from_bytes([1; 6]), &Random::system()).await;
    let Err(WrapError::Denied { reason, .. }) = refused else { panic!("{refused:?}") };
    assert!(!reason.contains("9999"), "{reason}");
}
