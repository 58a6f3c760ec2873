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
async fn a_wrong_pin_is_refused_and_given_once() {
    let Some(module) = softhsm("key::pkcs11::tests::a_wrong_pin_is_refused_and_given_once") else { return };
    let (key, id, random) =
        (DataKey::from_slice(&[7; 32]).expect("a key"), KeyId::from_bytes([1; 6]), Random::system());
    let home = tempfile::tempdir().expect("a folder");
    let pin = home.path().join("pin");
    let give = |value: &str| {
        std::fs::write(&pin, value).expect("written");
        std::fs::set_permissions(&pin, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("private");
    };
    give("9999");
    let pin = SecretSource::File(pin.clone());
    let root = Pkcs11Key::new(Pkcs11Config { module: module.into(), token: TOKEN.into(), key: "root".into(), pin });
    let first = reason(root.wrap(&key, &id, &random).await);
    assert!(first.contains("PIN") && !first.contains("9999"), "{first}");
    assert!(is_low(), "the token counts");
    let second = reason(root.wrap(&key, &id, &random).await);
    assert!(second.starts_with("this PIN was wrong before"), "{second}");
    give("1234");
    root.wrap(&key, &id, &random).await.expect("another PIN is tried");
    assert!(!is_low(), "the token forgets");
}

fn reason(refused: Result<Vec<u8>, WrapError>) -> String {
    let Err(WrapError::Denied { reason, .. }) = refused else { panic!("{refused:?}") };
    reason
}

/// SoftHSM keeps the flags of a token (PKCS #11 v3.0, §3.1, CKF_…) in its file, as an attribute of a type of its own, and
/// never locks one: what other devices do has to be written there.
fn flags(change: impl FnOnce(u64) -> u64) -> (u64, u64) {
    const TOKEN_FLAGS: [u8; 16] = [0, 0, 0, 0, 0x80, 0, 0x53, 0x4b, 0, 0, 0, 0, 0, 0, 0, 2];
    let configuration = std::path::PathBuf::from(std::env::var_os("SOFTHSM2_CONF").expect("a configuration"));
    let folders = std::fs::read_dir(configuration.parent().expect("a folder")).expect("read").flatten();
    let file = folders.map(|folder| folder.path().join("token.object")).find(|file| file.exists()).expect("a token");
    let mut content = std::fs::read(&file).expect("its file");
    let at = content.windows(16).position(|window| window == TOKEN_FLAGS).expect("its flags") + 16;
    let before = u64::from_be_bytes(content[at..at + 8].try_into().expect("8 bytes"));
    let after = change(before);
    content[at..at + 8].copy_from_slice(&after.to_be_bytes());
    if after != before {
        std::fs::write(&file, content).expect("written");
    }
    (before, after)
}

fn is_low() -> bool {
    flags(|flags| flags).0 & 0x0001_0000 != 0
}

#[tokio::test]
async fn the_last_try_at_a_pin_is_left_to_a_person() {
    let Some(module) = softhsm("key::pkcs11::tests::the_last_try_at_a_pin_is_left_to_a_person") else { return };
    let (_, last) = flags(|flags| flags | 0x0002_0000);
    let told = refused_with(&module, "9999").await;
    assert!(told.starts_with("one more wrong PIN would lock the token"), "{told}");
    let told = refused_with(&module, "1234").await;
    assert!(told.starts_with("one more wrong PIN would lock the token"), "{told}");
    assert_eq!(flags(|flags| flags).0, last, "nobody has tried to log in");
}

#[tokio::test]
async fn a_locked_pin_is_said_to_be_locked() {
    let Some(module) = softhsm("key::pkcs11::tests::a_locked_pin_is_said_to_be_locked") else { return };
    let (_, locked) = flags(|flags| flags | 0x0004_0000);
    let told = refused_with(&module, "1234").await;
    assert!(told.starts_with("the token's PIN is locked"), "{told}");
    assert_eq!(flags(|flags| flags).0, locked, "nobody has tried to log in");
}

async fn refused_with(module: &str, pin: &str) -> String {
    let key = DataKey::from_slice(&[7; 32]).expect("a key");
    reason(provider(module, "root", pin).wrap(&key, &KeyId::from_bytes([1; 6]), &Random::system()).await)
}

/// Opening a pipe that nobody writes to does not return, and so the loading of the library does not.
#[tokio::test]
async fn a_module_that_does_not_answer_holds_nobody_up() {
    let home = tempfile::tempdir().expect("a folder");
    let module = home.path().join("module.so");
    assert!(Command::new("mkfifo").arg(&module).status().expect("mkfifo").success());
    let mut key = provider(&module.display().to_string(), "root", "1234");
    key.limit = Duration::from_millis(100);
    for _ in 0..2 {
        assert_eq!(cause(&key).await, "the module has not answered for 0 seconds");
    }
    // It comes back, with something that is no library; the next caller has its turn.
    drop(std::fs::OpenOptions::new().write(true).open(&module).expect("opened"));
    std::fs::remove_file(&module).expect("removed");
    key.limit = LIMIT;
    let told = cause(&key).await;
    assert!(!told.contains("has not answered"), "{told}");
}

async fn cause(key: &Pkcs11Key) -> String {
    let data_key = DataKey::from_slice(&[7; 32]).expect("a key");
    let refused = key.wrap(&data_key, &KeyId::from_bytes([1; 6]), &Random::system()).await;
    let Err(WrapError::Unavailable { cause, .. }) = refused else { panic!("{refused:?}") };
    cause.to_string()
}
