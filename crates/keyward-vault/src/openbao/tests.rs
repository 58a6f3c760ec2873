use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::testing::{ROOT, Server, given, root};
use super::*;
use crate::secret_source::SecretSource;
use keyward_core::secret::Secret;

const ALL_OF_SECRET: &str = r#"path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }"#;

/// Writes and reads a secret of KV v2.
async fn works(client: &OpenBao) -> Result<(), OpenBaoError> {
    client.write::<Value>("secret/data/a/b", &json!({ "data": { "value": "x" } })).await?;
    let read: Option<Value> = client.read("secret/data/a/b").await?;
    assert_eq!(read.expect("it is there")["data"]["value"], "x");
    Ok(())
}

/// How many tokens there are that have not been revoked.
async fn tokens(server: &Server) -> usize {
    let (_, listed) = server.ask(Method::GET, "auth/token/accessors?list=true", Value::Null).await;
    listed["data"]["keys"].as_array().expect("accessors").len()
}

#[tokio::test]
async fn reads_writes_lists_and_deletes() {
    let server = Server::start().await;
    let client = server.client();
    works(&client).await.expect("it works");
    assert_eq!(client.list("secret/metadata/a").await.expect("list"), ["b"]);
    assert_eq!(client.list("secret/metadata").await.expect("list"), ["a/"]);
    assert!(client.list("secret/metadata/none").await.expect("list").is_empty());
    assert!(client.read::<Value>("secret/data/a/none").await.expect("read").is_none());
    assert!(client.read_version::<Value>("secret/data/a/b", 1).await.expect("read").is_some());
    assert!(client.read_version::<Value>("secret/data/a/b", 2).await.expect("read").is_none());
    let stale = json!({ "data": { "value": "y" }, "options": { "cas": 7 } });
    let error = client.write::<Value>("secret/data/a/b", &stale).await.expect_err("not the expected version");
    assert!(matches!(error, OpenBaoError::CheckAndSet), "{error}");
    client.delete("secret/metadata/a/b").await.expect("deleted");
    client.delete("secret/metadata/a/b").await.expect("there is nothing to delete");
    assert!(client.read::<Value>("secret/data/a/b").await.expect("read").is_none());
    let error = client.read::<Value>("nowhere/data/a").await.expect_err("no mount is no absence");
    assert!(error.to_string().starts_with("OpenBao refuses read on nowhere/data/a (HTTP 404): no handler"), "{error}");
}

#[tokio::test]
async fn a_wrong_token_is_refused_once_and_clearly() {
    let server = Server::start().await;
    let client = OpenBao::new(server.config(OpenBaoAuth::Token { token: given("wrong") }));
    let error = works(&client).await.expect_err("refused").to_string();
    assert_eq!(error, "OpenBao refuses Keyward's login by token (HTTP 403): permission denied");
    let missing = SecretSource::File("/nonexistent/token".into());
    let client = OpenBao::new(server.config(OpenBaoAuth::Token { token: missing }));
    let error = works(&client).await.expect_err("there is none").to_string();
    assert_eq!(error, "Keyward cannot log in to OpenBao: the file /nonexistent/token cannot be read");
}

#[tokio::test]
async fn many_calls_at_once_log_in_once() {
    let server = Server::start().await;
    let client = OpenBao::new(server.config(server.app_role(ALL_OF_SECRET, json!({})).await));
    let before = tokens(&server).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let client = client.clone();
        calls.spawn(async move { client.read::<Value>("secret/data/none").await });
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    assert_eq!(tokens(&server).await, before + 1);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_and_a_denial_is_not_taken_for_one() {
    let server = Server::start().await;
    let client = OpenBao::new(server.config(server.app_role(ALL_OF_SECRET, json!({})).await));
    works(&client).await.expect("it works");
    let logged_in = tokens(&server).await;
    let error = client.read::<Value>("sys/mounts").await.expect_err("not in the policy");
    assert_eq!(error.to_string(), "OpenBao denies read on sys/mounts: the policy of Keyward's token must allow it");
    assert_eq!(tokens(&server).await, logged_in);
    let session = client.0.session.load_full().expect("a session");
    // As old as it would be when somebody revokes it some day.
    let old = Session::new(&Secret::new(session.token.as_bytes().to_vec()), 0, false).expect("session").aged(YOUNG);
    client.0.session.store(Some(Arc::new(old)));
    let token = session.token.to_str().expect("text").to_owned();
    server.done("auth/token/revoke", json!({ "token": token })).await;
    works(&client).await.expect("it logs in again");
}

#[tokio::test]
async fn leases_are_renewed_ahead_of_their_end() {
    let server = Server::start().await;
    let settings = json!({ "token_ttl": "6s", "token_max_ttl": "1h" });
    let client = OpenBao::new(server.config(server.app_role(ALL_OF_SECRET, settings).await));
    works(&client).await.expect("it works");
    let token = client.0.session.load_full().expect("a session").token.clone();
    let look_up = async || {
        let token = token.to_str().expect("text");
        server.ask(Method::POST, "auth/token/lookup", json!({ "token": token })).await.1
    };
    server.until("it is renewed", async || look_up().await["data"]["last_renewal_time"].is_i64()).await;
    works(&client).await.expect("it still works");
    assert_eq!(client.0.session.load_full().expect("a session").token, token, "the login is the same");
}

#[tokio::test]
async fn a_token_that_cannot_live_longer_is_followed_by_another() {
    let server = Server::start().await;
    let settings = json!({ "token_ttl": "4s", "token_max_ttl": "5s" });
    let client = OpenBao::new(server.config(server.app_role(ALL_OF_SECRET, settings).await));
    works(&client).await.expect("it works");
    let first = client.0.session.load_full().expect("a session").token.clone();
    server.until("another login", async || client.0.session.load_full().expect("a session").token != first).await;
    works(&client).await.expect("it works on");
}

#[tokio::test]
async fn namespaces_are_apart() {
    let server = Server::start().await;
    server.done("sys/namespaces/team-a", json!({})).await;
    let mount = json!({ "type": "kv", "options": { "version": "2" } });
    let (status, answer) = server.ask_as(ROOT, Some("team-a"), Method::POST, "sys/mounts/secret", mount).await;
    assert!(status < 300, "{answer}");
    let in_team = OpenBaoConfig { namespace: Some(HeaderValue::from_static("team-a")), ..server.config(root()) };
    let in_team = OpenBao::new(in_team);
    works(&in_team).await.expect("it works");
    assert!(server.client().read::<Value>("secret/data/a/b").await.expect("read").is_none());
}

#[tokio::test]
async fn sealed_and_gone_are_told_apart_and_pass() {
    let server = Server::start().await;
    let client = server.client();
    works(&client).await.expect("it works");
    server.seal().await;
    let error = works(&client).await.expect_err("sealed");
    assert!(matches!(&error, OpenBaoError::Unavailable { status: 503, .. }), "{error}");
    server.unseal().await;
    works(&client).await.expect("it works again");
    server.freeze();
    let error = works(&client).await.expect_err("no answer");
    assert!(matches!(&error, OpenBaoError::Unreachable(OutboundError::Deadline)), "{error}");
    server.thaw();
    works(&client).await.expect("it works again");
    server.kill();
    let error = works(&client).await.expect_err("gone");
    assert!(matches!(&error, OpenBaoError::Unreachable(_)), "{error}");
}

/// The server asks Kubernetes about the token that Keyward shows; Kubernetes is played by this test (TokenReview).
#[tokio::test]
async fn logs_in_with_the_token_that_kubernetes_wrote_last() {
    let server = Server::start().await;
    let (api, asked) = kubernetes().await;
    server.done("sys/auth/kubernetes", json!({ "type": "kubernetes" })).await;
    let config = json!({
        "kubernetes_host": api, "token_reviewer_jwt": jwt("reviewer"), "disable_local_ca_jwt": true,
        "kubernetes_ca_cert": "none is needed for http", "disable_iss_validation": true,
    });
    server.done("auth/kubernetes/config", config).await;
    server.done("sys/policies/acl/keyward", json!({ "policy": ALL_OF_SECRET })).await;
    let role = json!({
        "bound_service_account_names": "keyward", "bound_service_account_namespaces": "tools",
        "token_policies": "keyward",
    });
    server.done("auth/kubernetes/role/keyward", role).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, jwt("expired")).expect("written");
    let auth = OpenBaoAuth::Kubernetes {
        mount: "kubernetes".to_owned(),
        role: "keyward".to_owned(),
        jwt: SecretSource::File(file.clone()),
    };
    let client = OpenBao::new(server.config(auth));
    let error = works(&client).await.expect_err("not a good token any more");
    assert!(matches!(error, OpenBaoError::LoginRefused { method: "Kubernetes", .. }), "{error}");
    std::fs::write(&file, jwt("good") + "\n").expect("written");
    works(&client).await.expect("it works");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

fn jwt(id: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = json!({
        "jti": id, "sub": "system:serviceaccount:tools:keyward", "exp": 4_102_444_800_i64,
        "iat": 1_700_000_000, "nbf": 1_700_000_000,
        "kubernetes.io": { "namespace": "tools", "serviceaccount": { "name": "keyward", "uid": "uid-1" } },
    });
    format!("{}.{}.{}", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims), URL_SAFE_NO_PAD.encode([1; 256]))
}

/// `POST /apis/authentication.k8s.io/v1/tokenreviews`: the token with the id `good` is a service account's.
async fn kubernetes() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            while !read.windows(4).any(|end| end == b"}}\n\n" || end == b"\"}}\n") && !read.ends_with(b"}") {
                if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            counter.fetch_add(1, Ordering::SeqCst);
            let good = String::from_utf8_lossy(&read).contains(&jwt("good"));
            let user = json!({ "username": "system:serviceaccount:tools:keyward", "uid": "uid-1", "groups": [] });
            let status = if good { json!({ "authenticated": true, "user": user }) } else { json!({}) };
            let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status });
            let body = review.to_string();
            let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked)
}

#[tokio::test]
async fn what_is_not_openbao_is_not_understood() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            while !read.windows(4).any(|end| end == b"\r\n\r\n") {
                stream.read_buf(&mut read).await.expect("a request");
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\n<html/>";
            let _ = stream.write_all(answer).await;
        }
    });
    let config = OpenBaoConfig {
        address: address.parse().expect("a URL"),
        namespace: None,
        auth: root(),
        tls: TlsConnector::system(),
    };
    let error = works(&OpenBao::new(config)).await.expect_err("no OpenBao").to_string();
    assert!(error.contains("is not understood: is it OpenBao"), "{error}");
}
