//! The gateway, and all that it needs.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::request::Builder;
use http::{Method, Request};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use keyward_core::clock::{Clock, ManualClock, Timestamp};
use keyward_core::id::UserId;
use keyward_core::random::Random;
use keyward_core::secret::{PlainToken, Secret, TokenKind};
use keyward_gateway::{AuditMode, CredentialOwner, Gateway, GatewayConfig, Limits, ServerConfig, Worker};
use keyward_outbound::TlsConnector;
use keyward_resource::{StaticToken, StaticTokens, Verifier, VerifierConfig};
use keyward_storage::audit::{AuditFilter, AuditLog, AuditRecord, list};
use keyward_storage::users::{self, User};
use keyward_storage::{Database, StorageConfig};
use keyward_vault::{
    CacheTimes, CredentialSpec, Expected, NewToken, RootKey, StoreConfig, StoreKind, TokenName, Vault,
};
use tokio::net::TcpListener;

use super::{Answer, Client, SERVICE_TOKEN};

/// What is told to the gateway.
pub(crate) struct Setup {
    pub(crate) config: GatewayConfig,
    /// Whether the cabinet has the service token.
    pub(crate) token_stored: bool,
}

impl Setup {
    /// Server `coda` at `/coda/mcp`, which needs `coda:read`, and a credential in `Authorization`.
    pub(crate) fn to(upstream: &str) -> Self {
        let credential = CredentialSpec::new(token_name(), AUTHORIZATION, "Bearer {token}").expect("a rule");
        let config = GatewayConfig {
            public_url: "https://kw.example".to_owned(),
            servers: vec![ServerConfig {
                id: "coda".parse().expect("an id"),
                name: None,
                path: "/coda/mcp".to_owned(),
                upstream: upstream.parse().expect("a URL"),
                authorization_servers: vec!["https://kw.example".to_owned()],
                scopes: "coda:read".parse().expect("scopes"),
                scopes_supported: "coda:read coda:write".parse().expect("scopes"),
                tool_scopes: Vec::new(),
                credential: Some(credential),
                connection: None,
                credential_owner: CredentialOwner::Shared,
            }],
            default_server: None,
            allowed_origins: vec!["https://page.example".to_owned()],
            allowed_hosts: Vec::new(),
            loopback: false,
            audit_mode: AuditMode::FailOpen,
            limits: Limits { max_body_bytes: 64 << 10, ..Limits::default() },
            tls: TlsConnector::system(),
        };
        Self { config, token_stored: true }
    }

    pub(crate) fn limits(&mut self) -> &mut Limits {
        &mut self.config.limits
    }

    pub(crate) fn server(&mut self) -> &mut ServerConfig {
        &mut self.config.servers[0]
    }

    /// `delete_*` needs `coda:write`.
    pub(crate) fn with_tool_rule(mut self) -> Self {
        self.server().tool_scopes = vec![("delete_*".to_owned(), "coda:write".parse().expect("scopes"))];
        self
    }
}

pub(crate) const READER: UserId = UserId(uuid::Uuid::from_u128(1));
pub(crate) const WRITER: UserId = UserId(uuid::Uuid::from_u128(2));

async fn add_account(database: &Database, id: UserId, name: &str) {
    let (email, created_at) = (format!("{name}@kw.example"), Timestamp::from_seconds(1_700_000_000));
    let user = User { id, email, name: None, is_admin: false, created_at, disabled_at: None };
    let mut transaction = database.begin("add an account").await.expect("a transaction");
    assert!(users::insert(&mut transaction, &user).await.expect("added"));
    transaction.commit().await.expect("committed");
}

pub(crate) fn token_name() -> TokenName {
    "coda/api_token".parse().expect("a name")
}

/// A gateway that serves on a port, and its database.
pub(crate) struct Gate {
    pub(crate) port: u16,
    pub(crate) database: Database,
    /// May read.
    pub(crate) reader: String,
    /// May read and write; somebody else.
    pub(crate) writer: String,
    /// May read, and has no account.
    pub(crate) stranger: String,
    pub(crate) vault: Vault,
    audit: AuditLog,
    root: Secret,
    directory: tempfile::TempDir,
}

fn clock() -> Clock {
    Clock::Manual(ManualClock::new(Timestamp::from_seconds(1_700_000_000)))
}

async fn open(directory: &Path) -> Database {
    let url = format!("sqlite:{}", directory.join("keyward.db").display());
    Database::open(&StorageConfig { url, max_connections: 2 }, clock()).await.expect("a database")
}

async fn cabinet(database: Database, root: RootKey, audit: AuditLog) -> Vault {
    let stores = StoreConfig { stores: vec![StoreKind::Sql], times: CacheTimes::default(), audit_required: false };
    Vault::open(database, root, stores, clock(), Random::system(), audit).await.expect("a cabinet")
}

impl Gate {
    pub(crate) async fn start(setup: Setup) -> Self {
        let clock = clock();
        let random = Random::system();
        let directory = tempfile::tempdir().expect("a directory");
        let database = open(directory.path()).await;
        database.migrate().await.expect("migrated");
        let (audit, writer) = AuditLog::new(database.clone(), random.clone());
        tokio::spawn(writer);
        let root = RootKey::generate(&random, "a test").expect("a key");
        let root_text = root.to_text();
        let vault = cabinet(database.clone(), root, audit.clone()).await;
        if setup.token_stored {
            let token = NewToken::new(Secret::from_text(SERVICE_TOKEN.to_owned())).expect("a token");
            vault.put(&token_name(), &token, Expected::Absent).await.expect("stored");
        }
        let tokens = StaticTokens::default();
        for (account, name) in [(READER, "reader"), (WRITER, "writer")] {
            add_account(&database, account, name).await;
        }
        let [reader, writer, stranger] = [
            ("reader", "coda:read", Some(READER)),
            ("writer", "coda:read coda:write", Some(WRITER)),
            ("stranger", "coda:read", None),
        ]
        .map(|(name, scopes, user_id)| {
            let token = PlainToken::generate(TokenKind::Bearer, &random).expect("a token");
            let entry = StaticToken {
                id: name.to_owned(),
                hash: token.hash(),
                name: name.to_owned(),
                email: Some(format!("{name}@kw.example")),
                user_id,
                scopes: scopes.parse().expect("scopes"),
                resources: vec!["https://kw.example/coda/mcp".to_owned()],
                expires_at: None,
            };
            (token.expose_secret().to_owned(), entry)
        });
        tokens.replace([reader.1, writer.1, stranger.1]);
        let verifier = VerifierConfig { static_tokens: tokens, ..VerifierConfig::default() };
        let verifier = Arc::new(Verifier::new(verifier, clock.clone()));
        let gateway =
            Gateway::new(setup.config, verifier, vault.clone(), audit.clone(), clock, random).expect("a gateway");
        let port = serve(Arc::new(gateway)).await;
        let (reader, writer, stranger) = (reader.0, writer.0, stranger.0);
        Self { port, database, reader, writer, stranger, vault, audit, root: root_text, directory }
    }

    /// A POST of the reader's.
    pub(crate) fn request(&self) -> Builder {
        self.request_of(&self.reader)
    }

    pub(crate) fn request_of(&self, token: &str) -> Builder {
        anonymous().header(AUTHORIZATION, format!("Bearer {token}"))
    }

    /// Puts a token into the cabinet.
    pub(crate) async fn put(&self, name: &TokenName, value: &str, grace: Duration) {
        let token = NewToken::new(Secret::from_text(value.to_owned())).expect("a token").grace(grace);
        self.vault.put(name, &token, Expected::Anything).await.expect("stored");
    }

    /// The same by another process, of which the gateway does not hear.
    pub(crate) async fn put_elsewhere(&self, name: &TokenName, value: &str) {
        let root = RootKey::parse(&self.root, "a test").expect("a key");
        let elsewhere = cabinet(open(self.directory.path()).await, root, self.audit.clone()).await;
        let token = NewToken::new(Secret::from_text(value.to_owned())).expect("a token");
        elsewhere.put(name, &token, Expected::Anything).await.expect("stored");
    }

    /// Sends on a connection of its own and reads the whole answer.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let mut client = Client::connect(self.port).await;
        Answer::of(client.send(request).await.expect("an answer")).await
    }

    /// The records of calls, the oldest first.
    pub(crate) async fn records(&self) -> Vec<AuditRecord> {
        self.audit.flush().await;
        let filter = AuditFilter { action: Some("call".to_owned()), limit: 100, ..AuditFilter::default() };
        let mut records = list(&self.database, &filter).await.expect("records");
        records.sort_by_key(|record| record.seq);
        records
    }

    /// Waits for the first record of a call.
    pub(crate) async fn record(&self) -> AuditRecord {
        loop {
            if let Some(record) = self.records().await.pop() {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// A POST of nobody's.
pub(crate) fn anonymous() -> Builder {
    Request::builder()
        .method(Method::POST)
        .uri("/coda/mcp")
        .header(HOST, "kw.example")
        .header(CONTENT_TYPE, "application/json")
        .header("accept", "application/json, text/event-stream")
}

/// As the binary's loop does.
async fn serve(gateway: Arc<Gateway>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let worker = Worker::new();
    tokio::task::spawn_local(async move {
        loop {
            let (stream, peer): (_, SocketAddr) = listener.accept().await.expect("a connection");
            let (gateway, worker) = (Arc::clone(&gateway), worker.clone());
            let service = service_fn(move |request| {
                let (gateway, worker) = (Arc::clone(&gateway), worker.clone());
                async move { Ok::<_, std::convert::Infallible>(gateway.handle(&worker, peer, request).await) }
            });
            tokio::task::spawn_local(async move {
                let _ = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .max_header_size(32 << 10)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    port
}
