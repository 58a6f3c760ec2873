use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::config::IssuerConfig;
use crate::oauth_testing::{Answer, CALLBACK, Site, authorize_query, sites, two_servers};

/// A server with one document, on this machine.
struct DocumentServer {
    client_id: String,
    document: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl DocumentServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
        let client_id = format!("http://{}/client.json", listener.local_addr().expect("address"));
        let document = json!({
            "client_id": client_id,
            "client_name": "Documented",
            "redirect_uris": [CALLBACK, "http://localhost/callback"],
            "token_endpoint_auth_method": "none",
        });
        let (document, asked) = (Arc::new(Mutex::new(Some(document))), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(serve(listener, Arc::clone(&document), Arc::clone(&asked)));
        Self { client_id, document, asked }
    }

    async fn set(&self, member: &str, value: Value) {
        self.document.lock().await.as_mut().expect("document")[member] = value;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, document: Arc<Mutex<Option<Value>>>, asked: Arc<AtomicUsize>) {
    loop {
        let (mut stream, _) = listener.accept().await.expect("connection");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        asked.fetch_add(1, Ordering::SeqCst);
        let answer = match &*document.lock().await {
            Some(document) => {
                let body = document.to_string();
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: max-age=300\r\n\
                     content-length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
            None => "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned(),
        };
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

fn development() -> IssuerConfig {
    IssuerConfig { allow_private_client_metadata: true, ..two_servers() }
}

async fn authorize(site: &Site, client_id: &str) -> Answer {
    site.browse(&format!("/authorize?{}", authorize_query(client_id, &[("prompt", "consent")]))).await
}

#[tokio::test]
async fn a_document_is_read_once_while_it_is_fresh() {
    for site in sites(development()).await {
        let server = DocumentServer::start().await;
        let page = authorize(&site, &server.client_id).await;
        assert!(page.body.contains("Documented") && page.body.contains("data-client-host"), "{}", page.body);
        let code = site.code(&server.client_id, &[("redirect_uri", "http://localhost:5123/callback")]).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", server.client_id.as_str()),
            ("code", code.as_str()),
            ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ];
        let tokens = site.post("/token", &fields, None).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
        assert_eq!(server.asked(), 1);
        site.advance(300);
        server.set("client_name", json!("Renamed")).await;
        assert!(authorize(&site, &server.client_id).await.body.contains("Renamed"));
        assert_eq!(server.asked(), 2);
    }
}

#[tokio::test]
async fn a_copy_outlives_a_server_that_is_gone() {
    for site in sites(development()).await {
        let server = DocumentServer::start().await;
        authorize(&site, &server.client_id).await;
        *server.document.lock().await = None;
        site.advance(24 * 60 * 60);
        assert!(authorize(&site, &server.client_id).await.body.contains("Documented"));
        assert_eq!(server.asked(), 2);
        // The failure is remembered for a while.
        assert!(authorize(&site, &server.client_id).await.body.contains("Documented"));
        assert_eq!(server.asked(), 2);
    }
}

#[tokio::test]
async fn a_document_that_is_not_about_itself_is_shown_as_the_clients_fault() {
    for site in sites(development()).await {
        for (member, value) in [
            ("client_id", json!("https://claude.ai/oauth/mcp-oauth-client-metadata")),
            ("client_secret", json!("x")),
            ("redirect_uris", json!(["javascript:alert(1)"])),
            ("token_endpoint_auth_method", json!("client_secret_basic")),
        ] {
            let server = DocumentServer::start().await;
            server.set(member, value).await;
            let page = authorize(&site, &server.client_id).await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST, "{member}");
            assert!(!page.headers.contains_key("location") && page.body.contains(&server.client_id), "{member}");
        }
    }
}

#[tokio::test]
async fn the_token_endpoint_fetches_nothing() {
    for site in sites(development()).await {
        let server = DocumentServer::start().await;
        let answer = site.refresh(&server.client_id, "kwr_x").await;
        assert_eq!((answer.error(), server.asked()), ((401, "invalid_client".to_owned()), 0));
    }
}

#[tokio::test]
async fn private_addresses_are_not_fetched_from() {
    for site in sites(two_servers()).await {
        let server = DocumentServer::start().await;
        let page = authorize(&site, &server.client_id.replace("http://", "https://")).await;
        assert_eq!((page.status, server.asked()), (StatusCode::BAD_REQUEST, 0));
        // Over plain HTTP it is not even such an id.
        assert!(authorize(&site, &server.client_id).await.body.contains("isn’t known here"));
    }
}

#[tokio::test]
async fn a_well_known_client_is_served_by_the_copy_that_is_here() {
    for site in sites(two_servers()).await {
        let client_id = "https://claude.ai/oauth/mcp-oauth-client-metadata";
        site.issuer.client_documents.remember_failure(client_id, site.clock.now());
        let query = authorize_query(client_id, &[("redirect_uri", "https://claude.ai/api/mcp/auth_callback")]);
        let page = site.browse(&format!("/authorize?{query}")).await;
        assert!(page.body.contains("Claude") && page.body.contains("data-client-pinned"), "{}", page.body);
    }
}

#[tokio::test]
async fn a_flood_of_documents_is_not_kept() {
    for site in sites(development()).await {
        let (known, new) = (DocumentServer::start().await, DocumentServer::start().await);
        authorize(&site, &known.client_id).await;
        while site.issuer.client_documents.admit_new(site.clock.now()) {}
        let page = authorize(&site, &new.client_id).await;
        assert!(page.status == StatusCode::BAD_REQUEST && page.body.contains("too many new clients"), "{}", page.body);
        assert_eq!(site.issuer.list_clients().await.expect("clients").len(), 1);
        // Who was there before does not notice, nor does a registration.
        assert!(authorize(&site, &known.client_id).await.body.contains("Documented"));
        site.public_client(&[CALLBACK]).await;
        site.advance(1);
        assert!(authorize(&site, &new.client_id).await.body.contains("Documented"));
    }
}

#[tokio::test]
async fn a_removed_document_client_stays_removed() {
    for site in sites(development()).await {
        let server = DocumentServer::start().await;
        authorize(&site, &server.client_id).await;
        assert_eq!(site.issuer.revoke_client(&server.client_id).await.expect("db"), Some(0));
        site.advance(24 * 60 * 60);
        assert!(authorize(&site, &server.client_id).await.body.contains("isn’t known here"));
    }
}
