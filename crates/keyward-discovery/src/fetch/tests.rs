use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use keyward_outbound::{ClientConfig, TlsConnector};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A host that answers by path, and 404 elsewhere; notes what it was asked for.
struct Host {
    origin: String,
    answers: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Host {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        let (answers, asked) = (Arc::<Mutex<HashMap<_, String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (given, noted) = (Arc::clone(&answers), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 2048];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                let answer = given.lock().expect("the answers").get(&path).cloned();
                noted.lock().expect("the list").push(path);
                let answer = answer.unwrap_or_else(|| "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { origin, answers, asked }
    }

    fn answer(&self, path: &str, head: &str, body: &str) {
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        self.answers.lock().expect("the answers").insert(path.to_owned(), answer);
    }

    fn document(&self, path: &str, issuer: &str) {
        self.answer(path, "200 OK", &json!({ "issuer": issuer }).to_string());
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("the list"))
    }

    async fn discover(&self, path: &str) -> Result<String, String> {
        let found = discover(&client(), &format!("{}{path}", self.origin)).await;
        found.map(|metadata| metadata.issuer).map_err(|error| error.to_string().replace(&self.origin, "http://h"))
    }
}

fn client() -> Client {
    let config = ClientConfig { guard: Guard::Any, max_body_bytes: 1000, ..ClientConfig::default() };
    Client::new(config, TlsConnector::system())
}

const OAUTH: &str = "/.well-known/oauth-authorization-server/t";
const OPENID: &str = "/.well-known/openid-configuration/t";
const APPENDED: &str = "/t/.well-known/openid-configuration";

#[tokio::test]
async fn the_first_place_that_has_it_is_the_last_that_is_asked() {
    let host = Host::start().await;
    let issuer = format!("{}/t", host.origin);
    for (place, asked) in [(APPENDED, 3), (OPENID, 2), (OAUTH, 1)] {
        host.document(place, &issuer);
        assert_eq!(host.discover("/t").await.as_ref(), Ok(&issuer));
        assert_eq!(host.asked(), [OAUTH, OPENID, APPENDED][..asked]);
    }
}

#[tokio::test]
async fn of_an_openid_provider_the_document_that_says_more_is_taken() {
    let host = Host::start().await;
    let issuer = format!("{}/t", host.origin);
    host.document(OAUTH, &issuer);
    let userinfo = format!("{}/userinfo", host.origin);
    let found = discover_openid(&client(), &issuer).await.expect("there is one");
    assert_eq!(found.userinfo_endpoint, None);
    assert_eq!(host.asked(), [APPENDED, OPENID, OAUTH]);
    let document = json!({ "issuer": issuer, "userinfo_endpoint": userinfo });
    host.answer(OPENID, "200 OK", &document.to_string());
    let found = discover_openid(&client(), &issuer).await.expect("there are two");
    assert_eq!(found.userinfo_endpoint.map(String::from), Some(userinfo));
    assert_eq!(host.asked(), [APPENDED, OPENID]);
}

#[tokio::test]
async fn what_is_not_its_document_is_passed_over() {
    let host = Host::start().await;
    let issuer = format!("{}/t", host.origin);
    host.answer(OAUTH, "200 OK", "<!doctype html><title>Not found</title>");
    host.document(OPENID, &host.origin);
    host.document(APPENDED, &issuer);
    assert_eq!(host.discover("/t").await, Ok(issuer));
    host.answer(OAUTH, "200 OK", &"x".repeat(2000));
    assert!(host.discover("/t").await.is_ok(), "even if it is huge");
}

#[tokio::test]
async fn the_error_is_that_of_what_came_nearest() {
    let host = Host::start().await;
    assert_eq!(
        host.discover("/t").await,
        Err(format!("there is no metadata document at http://h{APPENDED} (status 404)"))
    );
    host.answer(OPENID, "200 OK", "<html>");
    assert_eq!(
        host.discover("/t").await,
        Err(format!("the metadata document at http://h{OPENID} is not used: it is a web page, no metadata document"))
    );
    host.answer(OAUTH, "302 Found\r\nlocation: https://else.example/", "");
    let redirect = format!(
        "http://h{OAUTH} answers with a redirect (302) to \"https://else.example/\", which is not followed: set the issuer \
         to what its own document says"
    );
    assert_eq!(host.discover("/t").await, Err(redirect));
    host.document(OPENID, "https://else.example/");
    assert_eq!(
        host.discover("/t").await,
        Err(format!("the metadata document at http://h{OPENID} is not used: it is that of \"https://else.example/\""))
    );
}

#[tokio::test]
async fn a_host_that_is_not_there_is_asked_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let issuer = format!("http://{}/t", listener.local_addr().expect("its address"));
    drop(listener);
    let error = discover(&client(), &issuer).await.expect_err("nobody is there");
    assert!(matches!(&error, DiscoveryError::Fetch { url, .. } if url.ends_with(OAUTH)), "{error}");
}

#[tokio::test]
async fn a_document_may_be_elsewhere_but_names_the_issuer() {
    let host = Host::start().await;
    let url = format!("{}/metadata", host.origin).parse().expect("a URL");
    host.document("/metadata", "https://as.example");
    assert!(discover_at(&client(), "https://as.example", &url).await.is_ok());
    let foreign = discover_at(&client(), "https://other.example", &url).await;
    assert!(matches!(foreign, Err(DiscoveryError::Invalid { cause: InvalidMetadata::Foreign { .. }, .. })));
}

#[tokio::test]
async fn without_leave_nothing_is_fetched_without_tls() {
    let strict = Client::new(ClientConfig::default(), TlsConnector::system());
    let error = discover(&strict, "http://as.example").await.expect_err("no https");
    assert_eq!(error.to_string(), "the metadata document at http://as.example is not used: the issuer is no https URL");
}

#[tokio::test]
async fn only_what_is_without_tls_itself_names_what_is() {
    let strict = Client::new(ClientConfig::default(), TlsConnector::system());
    assert!(http_allowed(&client(), "http://as.example"));
    assert!(!http_allowed(&client(), "https://as.example"), "private addresses are allowed, and no more than that");
    assert!(!http_allowed(&strict, "http://as.example"));
}
