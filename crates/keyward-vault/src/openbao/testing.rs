//! A real OpenBao server for one test: `bao server -dev`, all in memory, gone afterwards.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use keyward_outbound::{Client, ClientConfig, Guard, TlsConnector};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::{OpenBao, OpenBaoAuth, OpenBaoConfig};
use crate::environment::Environment;
use crate::secret_source::SecretSource;

pub(crate) const ROOT: &str = "root-token-of-this-test";
/// No test waits for longer; only a fault reaches it.
const LIMIT: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: Url,
    unseal_key: String,
    _home: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("its address").port();
        let home = tempfile::tempdir().expect("a folder");
        // It ends with the test's thread, however that ends.
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig=KILL", "--"])
            .arg(program())
            .args(["server", "-dev", "-dev-no-store-token", &format!("-dev-root-token-id={ROOT}")])
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("bao runs");
        let mut said = BufReader::new(process.stdout.take().expect("its output")).lines();
        let unseal_key = loop {
            let line = said.next().expect("it says its unseal key").expect("text");
            if let Some(key) = line.strip_prefix("Unseal Key: ") {
                break key.trim().to_owned();
            }
        };
        // It must not stop at a full pipe.
        std::thread::spawn(move || said.for_each(drop));
        let address = Url::parse(&format!("http://127.0.0.1:{port}")).expect("a URL");
        let server = Self { process, address, unseal_key, _home: home };
        server.until("it is ready", async || server.ask(Method::GET, "sys/health", Value::Null).await.0 == 200).await;
        server
    }

    /// What an administrator asks of it.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.ask_as(ROOT, None, method, path, body).await
    }

    pub(crate) async fn ask_as(
        &self,
        token: &str,
        namespace: Option<&'static str>,
        method: Method,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let client = Client::new(ClientConfig { guard: Guard::Any, ..ClientConfig::default() }, TlsConnector::system());
        let mut headers = HeaderMap::new();
        headers.insert("x-vault-token", HeaderValue::from_str(token).expect("a token"));
        if let Some(namespace) = namespace {
            headers.insert("x-vault-namespace", HeaderValue::from_static(namespace));
        }
        let url = self.address.join(&format!("/v1/{path}")).expect("a path");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        match client.send(method, &url, headers, body.into()).await {
            Ok(answer) => (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default()),
            Err(_) => (StatusCode::BAD_GATEWAY.as_u16(), Value::Null),
        }
    }

    /// The same, and it must succeed.
    pub(crate) async fn done(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// Makes an AppRole with these rules for what is in `secret/`; gives how to log in as it.
    pub(crate) async fn app_role(&self, policy: &str, settings: Value) -> OpenBaoAuth {
        self.ask(Method::POST, "sys/auth/approle", json!({ "type": "approle" })).await;
        self.done("sys/policies/acl/of-the-role", json!({ "policy": policy })).await;
        let mut role = json!({ "token_policies": "of-the-role" });
        role.as_object_mut().expect("an object").extend(settings.as_object().expect("an object").clone());
        self.done("auth/approle/role/keyward", role).await;
        let role_id = self.ask(Method::GET, "auth/approle/role/keyward/role-id", Value::Null).await.1;
        let secret_id = self.done("auth/approle/role/keyward/secret-id", json!({})).await;
        OpenBaoAuth::AppRole {
            mount: "approle".to_owned(),
            role_id: given(role_id["data"]["role_id"].as_str().expect("a role id")),
            secret_id: given(secret_id["data"]["secret_id"].as_str().expect("a secret id")),
        }
    }

    pub(crate) fn config(&self, auth: OpenBaoAuth) -> OpenBaoConfig {
        OpenBaoConfig { address: self.address.clone(), namespace: None, auth, tls: TlsConnector::system() }
    }

    /// A client with all rights.
    pub(crate) fn client(&self) -> OpenBao {
        OpenBao::new(self.config(root()))
    }

    pub(crate) async fn seal(&self) {
        self.done("sys/seal", Value::Null).await;
    }

    pub(crate) async fn unseal(&self) {
        self.done("sys/unseal", json!({ "key": self.unseal_key })).await;
        self.until("it is unsealed", async || self.ask(Method::GET, "sys/health", Value::Null).await.0 == 200).await;
    }

    /// Lets it take connections and answer none.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a process id")).expect("a process id");
        kill_process(pid, signal).expect("it gets the signal");
    }

    /// Asks until it is so.
    pub(crate) async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let asking = async {
            while !so().await {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        assert!(tokio::time::timeout(LIMIT, asking).await.is_ok(), "in vain: {what}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn root() -> OpenBaoAuth {
    OpenBaoAuth::Token { token: given(ROOT) }
}

/// A secret as an environment variable gives it.
pub(crate) fn given(secret: &str) -> SecretSource {
    SecretSource::Environment { environment: Environment::of([("GIVEN", secret)]), variable: "GIVEN".to_owned() }
}

/// `KEYWARD_TEST_BAO`, else what `cargo xtask test` installs.
fn program() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/bao");
    let program = std::env::var_os("KEYWARD_TEST_BAO").map_or(installed, PathBuf::from);
    assert!(program.is_file(), "there is no {}: run the tests as `cargo xtask test`", program.display());
    program
}
