//! Against moto's KMS, which keeps keys and encryption contexts as AWS does.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::*;
use crate::environment::Environment;

/// A running server, gone afterwards.
struct Moto {
    process: Child,
    endpoint: Url,
}

impl Moto {
    async fn start() -> Self {
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("its address").port();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/moto_server");
        assert!(program.is_file(), "there is no {}: run the tests as `cargo xtask test`", program.display());
        // It ends with the test's thread, however that ends.
        let process = Command::new("setpriv")
            .args(["--pdeathsig=KILL", "--"])
            .arg(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env_remove("PYTHONPATH")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto runs");
        let endpoint: Url = format!("http://127.0.0.1:{port}/").parse().expect("a URL");
        let moto = Self { process, endpoint };
        let client = Client::new(ClientConfig { guard: Guard::Any, ..ClientConfig::default() }, TlsConnector::system());
        let answers = async {
            while client.get(&moto.endpoint).await.is_err() {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), answers).await.expect("moto answers");
        moto
    }

    fn kms(&self, key_id: &str) -> AwsKms {
        let given = |value: &str| SecretSource::Environment {
            environment: Environment::of([("GIVEN", value)]),
            variable: "GIVEN".to_owned(),
        };
        let config = AwsKmsConfig {
            key_id: key_id.to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint: Some(self.endpoint.clone()),
            access_key_id: given("AKIDEXAMPLE"),
            secret_access_key: given("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: Some(given("a-session-token")),
            tls: TlsConnector::system(),
        };
        AwsKms::new(config, Clock::System).expect("a provider")
    }

    async fn make_key(&self) -> String {
        let made: Value = self.kms("none").call("TrentService.CreateKey", &json!({})).await.expect("made");
        made["KeyMetadata"]["KeyId"].as_str().expect("an id").to_owned()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn data_keys_come_back_under_their_key_and_id_alone() {
    let (moto, random) = (Moto::start().await, Random::system());
    let (kms, other) = (moto.kms(&moto.make_key().await), moto.kms(&moto.make_key().await));
    let (id, other_id) = (KeyId::from_bytes([1; 6]), KeyId::from_bytes([2; 6]));
    let key = DataKey::from_slice(&[7; 32]).expect("a key");
    let wrapped = kms.wrap(&key, &id, &random).await.expect("wrapped");
    assert!(kms.unwrap(&wrapped, &id).await.expect("unwrapped").equals_in_constant_time(&key));
    let mut changed = wrapped.clone();
    *changed.last_mut().expect("bytes") ^= 1;
    for (what, refused) in [
        ("another id", kms.unwrap(&wrapped, &other_id).await),
        ("another key", other.unwrap(&wrapped, &id).await),
        ("changed", kms.unwrap(&changed, &id).await),
    ] {
        assert!(matches!(&refused, Err(WrapError::Mismatch { .. } | WrapError::Denied { .. })), "{what}: {refused:?}");
    }
    let missing = moto.kms("00000000-0000-0000-0000-000000000000").wrap(&key, &id, &random).await.expect_err("no key");
    assert!(missing.to_string().contains("NotFoundException"), "{missing}");
}

#[tokio::test]
async fn a_service_that_is_gone_is_told_apart() {
    let moto = Moto::start().await;
    let kms = moto.kms("alias/keyward");
    drop(moto);
    let key = DataKey::from_slice(&[7; 32]).expect("a key");
    let gone = kms.wrap(&key, &KeyId::from_bytes([1; 6]), &Random::system()).await.expect_err("gone");
    assert!(matches!(gone, WrapError::Unavailable { .. }));
    assert_eq!(gone.to_string(), "AWS KMS key alias/keyward in eu-central-1 cannot be used now");
}

#[test]
fn answers_are_sorted_by_what_can_be_done_about_them() {
    let moto = "http://127.0.0.1:1/".parse::<Url>().expect("a URL");
    let unset = || SecretSource::File("/nowhere".into());
    let config = AwsKmsConfig {
        key_id: "k".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: Some(moto),
        access_key_id: unset(),
        secret_access_key: unset(),
        session_token: None,
        tls: TlsConnector::system(),
    };
    let kms = AwsKms::new(config, Clock::System).expect("a provider");
    let told = |status: u16, body: &str| {
        let refusal = serde_json::from_str(body).unwrap_or_default();
        kms.refused(StatusCode::from_u16(status).expect("a status"), &refusal)
    };
    let mismatch = r#"{"__type":"com.amazonaws.kms#InvalidCiphertextException"}"#;
    assert!(matches!(told(400, mismatch), WrapError::Mismatch { .. }));
    assert!(matches!(told(400, r#"{"__type":"ThrottlingException"}"#), WrapError::Unavailable { .. }));
    assert!(matches!(told(500, r#"{"__type":"KMSInternalException"}"#), WrapError::Unavailable { .. }));
    assert!(matches!(told(503, "<html>"), WrapError::Unavailable { .. }));
    let denied = told(400, r#"{"__type":"AccessDeniedException","Message":"no\nway"}"#);
    assert_eq!(denied.to_string(), "AWS KMS key k in eu-central-1 refuses: AccessDeniedException no\\nway");
}
