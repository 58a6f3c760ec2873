//! A whole authorization server over HTTP on each of the databases, with a person who is logged in, for the tests of
//! this crate.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use keyward_core::clock::{Clock, ManualClock, Timestamp};
use keyward_core::id::{SessionId, UserId};
use keyward_core::random::Random;
use keyward_core::resource::ResourceUri;
use keyward_core::secret::{PlainToken, Secret, TokenKind};
use keyward_storage::Database;
use keyward_storage::audit::AuditLog;
use keyward_storage::sessions::{self, Session};
use keyward_storage::testing::{Fresh, databases};
use keyward_storage::users::{self, User};
use keyward_vault::{CacheTimes, RootKey, StoreConfig, StoreKind, Vault};
use serde_json::{Value, json};
use tower::ServiceExt;
use url::Url;

use crate::config::{IssuerConfig, ProtectedResource};
use crate::csrf;
use crate::state::Issuer;

pub(crate) const ISSUER: &str = "http://127.0.0.1:8080";
pub(crate) const CODA: &str = "http://127.0.0.1:8080/coda/mcp";
pub(crate) const SLACK: &str = "http://127.0.0.1:8080/slack/mcp";
pub(crate) const CALLBACK: &str = "https://client.example/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// One authorization server, its database, and Ada's browser.
pub(crate) struct Site {
    pub(crate) issuer: Issuer,
    pub(crate) clock: ManualClock,
    pub(crate) ada: UserId,
    router: Router,
    pub(crate) cookie: String,
    csrf: String,
    fresh: Fresh,
    root: Secret,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) fn server(id: &str, scopes: &str, default_scopes: &str) -> ProtectedResource {
    ProtectedResource {
        id: id.parse().expect("id"),
        name: id.to_owned(),
        resource: ResourceUri::parse(&format!("{ISSUER}/{id}/mcp")).expect("resource"),
        scopes: scopes.parse().expect("scopes"),
        default_scopes: default_scopes.parse().expect("scopes"),
    }
}

/// Two servers, the first the default.
pub(crate) fn two_servers() -> IssuerConfig {
    let servers =
        vec![server("coda", "coda:read coda:write", "coda:read"), server("slack", "slack:post", "slack:post")];
    IssuerConfig { default_server: Some("coda".parse().expect("id")), ..IssuerConfig::new(ISSUER, servers) }
}

/// One site on each database.
pub(crate) async fn sites(config: IssuerConfig) -> Vec<Site> {
    let beginning = Timestamp::from_seconds(1_800_000_000);
    let mut sites = Vec::new();
    for fresh in databases(&Clock::Manual(ManualClock::new(beginning))).await {
        sites.push(Site::over(fresh, config.clone(), ManualClock::new(beginning)).await);
    }
    sites
}

async fn start(db: Database, config: IssuerConfig, root: &Secret, clock: &ManualClock) -> Issuer {
    let (clock, random) = (Clock::Manual(clock.clone()), Random::system());
    let (audit, writer) = AuditLog::new(db.clone(), random.clone());
    tokio::spawn(writer);
    let audit = audit.required(true);
    let root = RootKey::parse(root, "a test").expect("root key");
    let stores = StoreConfig { stores: vec![StoreKind::Sql], times: CacheTimes::default(), audit_required: true };
    let vault = Vault::open(db.clone(), root, stores, clock.clone(), random.clone(), audit.clone());
    Issuer::start(config, db, vault.await.expect("vault"), audit, clock, random).await.expect("issuer")
}

impl Site {
    async fn over(fresh: Fresh, config: IssuerConfig, clock: ManualClock) -> Self {
        let root = RootKey::generate(&Random::system(), "a test").expect("root key").to_text();
        let issuer = start(fresh.database.clone(), config, &root, &clock).await;
        let (ada, token) = log_in(&issuer).await;
        let cookie = format!("keyward_session_8080={}", token.expose_secret());
        let csrf = csrf::of_session(&token);
        Self { router: issuer.router(), issuer, clock, ada, cookie, csrf, fresh, root }
    }

    /// What a second process over the same database serves.
    pub(crate) async fn second_process(&self) -> Router {
        self.with_configuration(self.issuer.config.clone()).await
    }

    /// What a process serves that has another configuration over the same database.
    pub(crate) async fn with_configuration(&self, config: IssuerConfig) -> Router {
        let db = self.fresh.open_again(Clock::Manual(self.clock.clone())).await;
        start(db, config, &self.root, &self.clock).await.router()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        answer(self.router.clone(), request).await
    }

    /// A GET by Ada's browser.
    pub(crate) async fn browse(&self, path: &str) -> Answer {
        let request = Request::get(path).header(COOKIE, &self.cookie);
        self.send(request.body(Body::empty()).expect("request")).await
    }

    /// A GET by nobody in particular.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("request")).await
    }

    /// A POST of a form by a client; `basic` is `id:secret`.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)], basic: Option<&str>) -> Answer {
        let mut request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(basic) = basic {
            request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(basic)));
        }
        self.send(request.body(form(fields).into()).expect("request")).await
    }

    pub(crate) async fn register(&self, metadata: &Value) -> Answer {
        let request = Request::post("/register").header(CONTENT_TYPE, "application/json");
        self.send(request.body(metadata.to_string().into()).expect("request")).await
    }

    /// A public client with these redirect URIs; its id.
    pub(crate) async fn public_client(&self, redirect_uris: &[&str]) -> String {
        let metadata = json!({
            "client_name": "Test client",
            "redirect_uris": redirect_uris,
            "token_endpoint_auth_method": "none",
        });
        let answer = self.register(&metadata).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.json()["client_id"].as_str().expect("client_id").to_owned()
    }

    /// Ada presses a button of the consent page for this request.
    pub(crate) async fn decide(&self, query: &str, decision: &str) -> Answer {
        let fields = [("request", query), ("csrf", &self.csrf), ("decision", decision)];
        let request = Request::post("/consent")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(COOKIE, &self.cookie);
        self.send(request.body(form(&fields).into()).expect("request")).await
    }

    /// The whole way to a code.
    pub(crate) async fn code(&self, client_id: &str, more: &[(&str, &str)]) -> String {
        let query = authorize_query(client_id, more);
        let page = self.browse(&format!("/authorize?{query}")).await;
        if let Some(code) = page.returned("code") {
            return code;
        }
        assert!(page.body.contains("data-client-name"), "{} {}", page.status, page.body);
        let answer = self.decide(&query, "allow").await;
        answer.returned("code").unwrap_or_else(|| panic!("no code: {answer:?}"))
    }

    pub(crate) async fn exchange(&self, client_id: &str, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("code", code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", CALLBACK),
        ];
        self.post("/token", &fields, None).await
    }

    pub(crate) async fn refresh(&self, client_id: &str, refresh_token: &str) -> Answer {
        refresh_at(self.router.clone(), client_id, refresh_token).await
    }

    /// A client and its first tokens.
    pub(crate) async fn connected(&self) -> (String, Answer) {
        let client_id = self.public_client(&[CALLBACK]).await;
        let code = self.code(&client_id, &[]).await;
        let tokens = self.exchange(&client_id, &code).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
        (client_id, tokens)
    }
}

pub(crate) async fn refresh_at(router: Router, client_id: &str, refresh_token: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("client_id", client_id), ("refresh_token", refresh_token)];
    let request = Request::post("/token").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    answer(router, request.body(form(&fields).into()).expect("request")).await
}

async fn answer(router: Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.oneshot(request).await.expect("infallible").into_parts();
    let body = body.collect().await.expect("body").to_bytes();
    let body = String::from_utf8(body.to_vec()).expect("text");
    Answer { status: parts.status, headers: parts.headers, body }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    /// A member of the JSON body that is a text.
    pub(crate) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member}: {}", self.body)).to_owned()
    }

    /// The claims of the access token in it.
    pub(crate) fn claims(&self) -> Value {
        claims(&self.text("access_token"))
    }

    /// A parameter that the client's redirect URI is given.
    pub(crate) fn returned(&self, name: &str) -> Option<String> {
        let location = Url::parse(self.headers.get(LOCATION)?.to_str().ok()?).ok()?;
        location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Status and `error`.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status.as_u16(), self.text("error"))
    }
}

pub(crate) fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).expect("payload");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("claims")
}

/// A good request of this client; `more` replaces or adds parameters, an empty value leaves one out.
pub(crate) fn authorize_query(client_id: &str, more: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("state", "st at&e"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    parameters.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    parameters.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    form(&parameters)
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Ada's account and a session of hers, as a login would leave them.
async fn log_in(issuer: &Issuer) -> (UserId, PlainToken) {
    let now = issuer.clock.now();
    let user = User {
        id: UserId::new(now, &issuer.random).expect("random"),
        email: "ada@example.com".to_owned(),
        name: None,
        is_admin: true,
        created_at: now,
        disabled_at: None,
    };
    let token = PlainToken::generate(TokenKind::Session, &issuer.random).expect("random");
    let session = Session {
        id: SessionId::new(now, &issuer.random).expect("random"),
        user_id: user.id,
        user_email: user.email.clone(),
        created_at: now,
        last_activity: now,
        expires_at: now.plus(issuer.config.lifetimes.session),
        auth_methods: "pwd".to_owned(),
        user_agent: None,
    };
    let mut tx = issuer.db.begin("test").await.expect("transaction");
    assert!(users::insert(&mut tx, &user).await.expect("user"));
    sessions::insert(&mut tx, &token.hash(), &session).await.expect("session");
    tx.commit().await.expect("commit");
    (user.id, token)
}
