//! A server whose people log in at a provider that does as it is told, and browsers for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::extract::{Form, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode, header};
use keyward_core::clock::{Clock, ManualClock, Timestamp};
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_outbound::TlsConnector;
use keyward_resource::{Algorithm, KeySet, KeySource, RelyingParty};
use keyward_storage::audit::AuditLog;
use keyward_storage::testing::{Fresh, databases};
use keyward_vault::upstream::config::{ConnectionConfig, ConnectionsConfig, OfflineAccess, ProviderConfig};
use keyward_vault::upstream::{ConfiguredClient, Connections, LOGIN};
use keyward_vault::{CacheTimes, RootKey, StoreConfig, StoreKind, Vault};
use serde_json::{Value, json};
use url::Url;

use crate::account::email::EmailAddress;
use crate::login::provider::{AccountRules, EmailTrust, Identity, LoginProvider};
use crate::oauth_testing::{CALLBACK, ISSUER, authorize_query, two_servers};
use crate::state::Issuer;
use crate::testing::{Answer, Browser};

pub(super) const BEGINNING: i64 = 1_800_000_000;

/// What the provider does, and what it was asked.
pub(super) struct StandIn {
    pub(super) url: String,
    key: EcdsaKeyPair,
    /// What stands in the next ID token, or in place of what would.
    pub(super) claims: Mutex<Value>,
    /// What the userinfo endpoint says; nothing when `null`.
    pub(super) userinfo: Mutex<Value>,
    /// An error that the token endpoint answers with.
    pub(super) refusal: Mutex<Option<&'static str>>,
    /// Whether its metadata cannot be had.
    pub(super) is_away: AtomicBool,
    /// Whether it gives refresh tokens.
    pub(super) lasting: AtomicBool,
    /// The parameters of the requests for tokens.
    pub(super) asked: Mutex<Vec<BTreeMap<String, String>>>,
}

impl StandIn {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a port");
        let this = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"),
            claims: Mutex::new(Value::Null),
            userinfo: Mutex::new(Value::Null),
            refusal: Mutex::new(None),
            is_away: AtomicBool::new(false),
            lasting: AtomicBool::new(true),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .route("/user", get(github_user))
            .route("/user/emails", get(userinfo))
            .with_state(Arc::clone(&this));
        tokio::spawn(async move { axum::serve(listener, router).await });
        this
    }

    fn keys(&self) -> KeySource {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = self.key.public_key().as_ref();
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "kid": "k", "alg": "ES256", "x": encode(&point[1..33]), "y": encode(&point[33..]),
        });
        let set = KeySet::from_jwks(json!({ "keys": [jwk] }).to_string().as_bytes()).expect("a key set");
        KeySource::Local(Arc::new(ArcSwap::from_pointee(set)))
    }

    pub(super) fn sign(&self, typ: &str, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let input = format!("{}.{}", part(&json!({ "alg": "ES256", "kid": "k", "typ": typ })), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes()).expect("a signature");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn metadata(State(provider): State<Arc<StandIn>>) -> (StatusCode, Json<Value>) {
    let url = &provider.url;
    if provider.is_away.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(Value::Null));
    }
    let metadata = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"),
        "end_session_endpoint": format!("{url}/logout"),
        "authorization_response_iss_parameter_supported": true,
    });
    (StatusCode::OK, Json(metadata))
}

async fn token(
    State(provider): State<Arc<StandIn>>,
    Form(parameters): Form<BTreeMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    let count = {
        let mut asked = provider.asked.lock().expect("asked");
        asked.push(parameters);
        asked.len()
    };
    if let Some(error) = *provider.refusal.lock().expect("refusal") {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": error })));
    }
    let id_token = provider.sign("JWT", &provider.claims.lock().expect("claims"));
    let mut tokens = json!({
        "access_token": format!("secret-access-{count}"), "token_type": "Bearer", "expires_in": 300, "id_token": id_token,
    });
    if provider.lasting.load(Ordering::Relaxed) {
        tokens["refresh_token"] = format!("secret-refresh-{count}").into();
    }
    (StatusCode::OK, Json(tokens))
}

async fn userinfo(State(provider): State<Arc<StandIn>>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !bearer.starts_with("Bearer secret-access-") {
        return (StatusCode::UNAUTHORIZED, Json(Value::Null));
    }
    (StatusCode::OK, Json(provider.userinfo.lock().expect("userinfo").clone()))
}

async fn github_user() -> Json<Value> {
    Json(json!({ "id": 4711, "login": "ada", "name": "Ada" }))
}

/// What kind of provider it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    OpenId,
    Github,
}

/// One server on one database.
pub(super) struct Ground {
    pub(super) issuer: Issuer,
    pub(super) provider: Arc<StandIn>,
    pub(super) clock: ManualClock,
    fresh: Fresh,
}

/// What a browser was sent to the provider with.
pub(super) type Asked = BTreeMap<String, String>;

/// Runs a test on both databases, by these rules.
pub(super) async fn on_each_database(rules: AccountRules, test: impl AsyncFn(Ground)) {
    on_each_database_at(Kind::OpenId, rules, test).await;
}

/// The same with a provider that is like GitHub; what it says of a person's addresses is in `userinfo`.
pub(super) async fn on_each_database_at_github(rules: AccountRules, test: impl AsyncFn(Ground)) {
    on_each_database_at(Kind::Github, rules, test).await;
}

async fn on_each_database_at(kind: Kind, rules: AccountRules, test: impl AsyncFn(Ground)) {
    let clock = ManualClock::new(Timestamp::from_seconds(BEGINNING));
    for fresh in databases(&Clock::Manual(clock.clone())).await {
        clock.set(Timestamp::from_seconds(BEGINNING));
        test(Ground::over(kind, fresh, rules.clone(), clock.clone()).await).await;
    }
}

/// Everybody with a verified address has an account.
pub(super) fn open() -> AccountRules {
    AccountRules { sign_up: crate::login::provider::SignUp::Open, ..AccountRules::default() }
}

impl Ground {
    async fn over(kind: Kind, fresh: Fresh, accounts: AccountRules, manual: ManualClock) -> Self {
        let (db, clock, random) = (fresh.database.clone(), Clock::Manual(manual.clone()), Random::system());
        let (audit, writer) = AuditLog::new(db.clone(), random.clone());
        tokio::spawn(writer);
        let audit = audit.required(true);
        let root = RootKey::generate(&random, "a test").expect("root key");
        let stores = StoreConfig { stores: vec![StoreKind::Sql], times: CacheTimes::default(), audit_required: true };
        let vault = Vault::open(db.clone(), root, stores, clock.clone(), random.clone(), audit.clone());
        let vault = vault.await.expect("vault");
        let provider = StandIn::start().await;
        let login = LoginProvider {
            name: "The Provider".to_owned(),
            connections: connections(kind, &provider, &db, &vault, &audit, &clock),
            identity: identity(kind, &provider),
            accounts: AccountRules { email: EmailTrust::Verified, ..accounts },
            resource: None,
        };
        let issuer = Issuer::start_with(two_servers(), db, vault, audit, clock, random, Some(login));
        Self { issuer: issuer.await.expect("issuer"), provider, clock: manual, fresh }
    }

    pub(super) fn is_postgres(&self) -> bool {
        self.fresh.url.starts_with("postgres")
    }

    pub(super) fn browser(&self) -> Browser {
        Browser::new(self.issuer.router())
    }

    pub(super) async fn invite(&self, email: &str, admin: bool) {
        let email = EmailAddress::parse(email).expect("an address");
        self.issuer.invite_user(Some(&email), admin, None).await.expect("invited");
    }

    /// A public client; its id.
    pub(super) async fn client(&self, name: &str) -> String {
        let metadata =
            json!({ "client_name": name, "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
        let request = http::Request::post("/register").header(header::CONTENT_TYPE, "application/json");
        let request = request.body(axum::body::Body::from(metadata.to_string())).expect("a request");
        let response = tower::ServiceExt::oneshot(self.issuer.router(), request).await.expect("infallible");
        let body = http_body_util::BodyExt::collect(response.into_body()).await.expect("a body").to_bytes();
        let json: Value = serde_json::from_slice(&body).expect("JSON");
        json["client_id"].as_str().expect("client_id").to_owned()
    }

    /// A browser of nobody allows a client, and is sent away.
    pub(super) async fn allow(&self, browser: &mut Browser, client_id: &str) -> Asked {
        let page = browser.get(&format!("/authorize?{}", authorize_query(client_id, &[]))).await;
        assert!(page.body.contains("data-client-name"), "{} {}", page.status, page.body);
        let left = browser.submit("/consent", &[("decision", "allow")]).await;
        self.asked(&left)
    }

    /// A browser leaves from the login page.
    pub(super) async fn leave(&self, browser: &mut Browser, next: &str) -> Asked {
        let page = browser.get(&format!("/login?next={next}")).await;
        assert!(page.body.contains("data-login-provider"), "{} {}", page.status, page.body);
        let left = browser.submit("/login/provider", &[]).await;
        self.asked(&left)
    }

    pub(super) fn asked(&self, left: &Answer) -> Asked {
        let location = left.header("location");
        assert!(location.starts_with(&format!("{}/authorize?", self.provider.url)), "{location} {}", left.body);
        Url::parse(location).expect("a URL").query_pairs().into_owned().collect()
    }

    /// The claims of a good ID token for what was asked.
    pub(super) fn claims(&self, asked: &Asked, subject: &str, email: &str) -> Value {
        let now = Clock::Manual(self.clock.clone()).now().as_seconds();
        json!({
            "iss": self.provider.url, "sub": subject, "aud": "keyward", "iat": now, "exp": now + 300,
            "nonce": asked["nonce"], "email": email, "email_verified": true, "sid": format!("session of {subject}"),
        })
    }

    /// The person has logged in at the provider, and their browser comes back.
    pub(super) async fn back(&self, browser: &mut Browser, asked: &Asked, subject: &str, email: &str) -> Answer {
        *self.provider.claims.lock().expect("claims") = self.claims(asked, subject, email);
        browser.get(&self.answer(asked)).await
    }

    /// Where the provider sends the browser.
    pub(super) fn answer(&self, asked: &Asked) -> String {
        let pairs = [("code", "the-code"), ("state", &asked["state"]), ("iss", &self.provider.url)];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("/login/callback?{query}")
    }

    /// Logs in from the login page.
    pub(super) async fn log_in(&self, browser: &mut Browser, subject: &str, email: &str) -> Answer {
        let asked = self.leave(browser, "%2Faccount").await;
        self.back(browser, &asked, subject, email).await
    }

    pub(super) async fn is_logged_in(&self, browser: &Browser) -> bool {
        crate::session::current(&self.issuer, &browser.cookie_header()).await.expect("database").is_some()
    }

    pub(super) async fn token_request(&self, fields: &[(&str, &str)]) -> Answer {
        self.browser().post_with("/token", fields, &[]).await
    }

    /// Exchanges the code that an answer brings to the client.
    pub(super) async fn exchange(&self, client_id: &str, answer: &Answer) -> Answer {
        let code = returned(answer, "code").unwrap_or_else(|| panic!("no code: {} {}", answer.status, answer.body));
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("code", &code),
            ("code_verifier", crate::oauth_testing::VERIFIER),
            ("redirect_uri", CALLBACK),
        ];
        self.token_request(&fields).await
    }

    pub(super) async fn refresh(&self, client_id: &str, refresh_token: &str) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("client_id", client_id), ("refresh_token", refresh_token)];
        self.token_request(&fields).await
    }
}

fn identity(kind: Kind, provider: &StandIn) -> Identity {
    let url = |path: &str| Url::parse(&format!("{}{path}", provider.url)).expect("a URL");
    match kind {
        Kind::Github => Identity::Github { user: url("/user"), emails: url("/user/emails") },
        Kind::OpenId => Identity::OpenId(RelyingParty {
            issuer: provider.url.clone(),
            client_id: "keyward".to_owned(),
            keys: provider.keys(),
            algorithms: vec![Algorithm::Es256],
            leeway: Duration::from_secs(5),
        }),
    }
}

fn connections(
    kind: Kind,
    provider: &StandIn,
    db: &keyward_storage::Database,
    vault: &Vault,
    audit: &AuditLog,
    clock: &Clock,
) -> Connections {
    let connection = ConnectionConfig {
        id: LOGIN.parse().expect("an id"),
        name: "The Provider".to_owned(),
        used_by: Vec::new(),
        provider: match kind {
            Kind::OpenId => ProviderConfig::OpenId {
                issuer: provider.url.clone(),
                metadata_url: None,
                offline_access: OfflineAccess::Consented,
            },
            Kind::Github => ProviderConfig::Endpoints {
                issuer: None,
                authorization_endpoint: Url::parse(&format!("{}/authorize", provider.url)).expect("a URL"),
                token_endpoint: Url::parse(&format!("{}/token", provider.url)).expect("a URL"),
                revocation_endpoint: None,
            },
        },
        client: Some(ConfiguredClient {
            client_id: "keyward".to_owned(),
            secret: Some(Arc::new(Secret::from_text("s3cret".to_owned()))),
            auth_method: None,
        }),
        scopes: "openid email".parse().expect("scopes"),
        parameters: Vec::new(),
        allow_private_addresses: true,
    };
    let config = ConnectionsConfig { public_url: ISSUER.to_owned(), connections: vec![connection] };
    let tls = TlsConnector::system();
    Connections::open(config, db.clone(), vault.clone(), audit.clone(), clock.clone(), Random::system(), &tls)
}

/// A parameter that the client's redirect URI is given.
pub(super) fn returned(answer: &Answer, name: &str) -> Option<String> {
    let location = answer.header("location");
    let location = location.starts_with(CALLBACK).then(|| Url::parse(location).ok()).flatten()?;
    location.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

/// The cookies that an answer sets, by name.
pub(super) fn cookies(answer: &Answer) -> Vec<String> {
    answer.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().expect("ASCII").to_owned()).collect()
}

pub(super) fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {} {}", answer.status, answer.body))
}
