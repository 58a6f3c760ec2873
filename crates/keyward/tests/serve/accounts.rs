//! People who log in elsewhere, and their accounts here.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use keyward_core::clock::{Clock, Timestamp};
use keyward_core::id::UserId;
use keyward_core::random::Random;
use keyward_storage::users::{self, User};
use keyward_storage::{Database, StorageConfig};

use crate::process::{Place, ask};

/// Of Ada at `https://issuer.example` for `api://a`, with a verified e-mail, good until 2100; nobody has its private key.
const TOKEN: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiYXVkIjoiYXBpOi8vYSIsInN1YiI6ImVsc2V3aGVyZXwxIiwiY2xpZW50X2lkIjoiYyIsInNjb3BlIjoiYTpyZWFkIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjQxMDI0NDQ4MDAsImVtYWlsIjoiQWRhQEV4YW1wbGUuY29tIiwiZW1haWxfdmVyaWZpZWQiOnRydWV9.eWHLDW3Ti6pzX1ECqRDhoSRRgRSIgdzoLSEst8L3qJsL8xsZrEfwsarFLDp0kcmB7SViBGiXY6bW77zt_ZvSXw";
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"1","x":"6O58vhZfQL8pIdfwF4xE06TLa5vabPh-oUJ4U-qJ6ys","y":"WfU6iT0Yqav0TBx096rAwsQosxUulRo-glY7FT7bSmQ"}]}"#;

fn keys() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 1024]).expect("a request");
            let length = KEYS.len();
            let head = "Content-Type: application/json\r\nConnection: close";
            write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: {length}\r\n\r\n{KEYS}").expect("an answer");
        }
    });
    address
}

fn add_account(place: &Place, email: &str) {
    let url = format!("sqlite:{}", place.path("keyward.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let database = Database::open(&StorageConfig { url, max_connections: 1 }, Clock::System).await.expect("open");
        let created_at = Timestamp::from_seconds(1_700_000_000);
        let id = UserId::new(created_at, &Random::system()).expect("random");
        let user = User { id, email: email.to_owned(), name: None, is_admin: false, created_at, disabled_at: None };
        let mut transaction = database.begin("add an account").await.expect("a transaction");
        assert!(users::insert(&mut transaction, &user).await.expect("added"));
        transaction.commit().await.expect("committed");
    });
}

#[test]
fn a_verified_email_is_an_account_only_where_the_issuer_is_believed_so_far() {
    let keys = keys();
    let configuration = |accounts: &str| {
        format!(
            "[issuer]\nkind = \"oidc\"\nissuer = \"https://issuer.example\"\njwks_uri = \"http://{keys}/jwks\"\n\
             audience = [\"api://a\"]\n{accounts}[[servers]]\nid = \"a\"\npath = \"/a/mcp\"\n\
             upstream = \"http://127.0.0.1:9/mcp\"\nscopes = [\"a:read\"]\n[servers.credential]\ntoken = \"a/key\"\n\
             owner = \"user\"\n"
        )
    };
    let place = Place::new(&configuration(""));
    let refusal = || {
        let (_process, address) = place.serve();
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        ask(
            address,
            &format!(
                "POST /a/mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\
                 Content-Type: application/json\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ),
        )
    };
    assert!(refusal().contains("no_account"), "the issuer is not believed");
    add_account(&place, "ada@example.com");
    assert!(refusal().contains("no_account"), "the issuer is not believed");
    place.configure("127.0.0.1:0", &configuration("accounts = \"email\"\n"));
    let told = refusal();
    assert!(told.starts_with("HTTP/1.1 403") && told.contains("own_credential_missing"), "{told}");
}

#[test]
fn whoever_looks_after_accounts_is_told_what_calls_do_not_go_by() {
    const ISSUER: &str = "https://issuer.example";
    let direct = |accounts: &str| {
        let public_url = "public_url = \"http://127.0.0.1:8080\"\n";
        Place::new(&format!("{public_url}[issuer]\nkind = \"oidc\"\nissuer = \"{ISSUER}\"\n{accounts}"))
    };
    for (accounts, told) in [("", true), ("accounts = \"email\"\n", false)] {
        let place = direct(accounts);
        let is_told = |stderr: &str| stderr.contains(ISSUER) && stderr.contains("accounts = ");
        let invited = place.run("user invite --email eve@example.com");
        assert!(invited.code == Some(0) && invited.stdout.contains("/invite/"), "{}", invited.stderr);
        assert_eq!(is_told(&invited.stderr), told, "{}", invited.stderr);
        add_account(&place, "ada@example.com");
        let closed = place.run("user disable ada@example.com");
        assert_eq!((closed.code, closed.stdout.as_str()), (Some(0), "ada@example.com is closed\n"));
        assert_eq!(is_told(&closed.stderr), told, "{}", closed.stderr);
    }
}
