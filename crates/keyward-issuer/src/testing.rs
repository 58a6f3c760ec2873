//! A server to test against, on a fresh database, and a browser for it; for the tests of this room and of the console.

mod browser;

use axum::Router;
use keyward_core::clock::{Clock, ManualClock, Timestamp};
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_storage::audit::AuditLog;
use keyward_storage::testing::{Fresh, databases};
use keyward_vault::{CacheTimes, RootKey, StoreConfig, StoreKind, Vault};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::account::email::EmailAddress;
use crate::config::IssuerConfig;
use crate::state::Issuer;

pub use browser::{Answer, Browser};

/// The password of every member.
pub const PASSWORD: &str = "correct horse battery";

/// One server.
#[derive(Debug)]
pub struct Site {
    /// The authorization server.
    pub issuer: Issuer,
    /// Its clock.
    pub clock: ManualClock,
    fresh: Fresh,
    root: Secret,
}

/// Runs a test on both databases, at an address of this machine.
pub async fn on_each_database(test: impl AsyncFn(Site)) {
    on_each_database_at("http://127.0.0.1:8080", test).await;
}

/// Runs a test on both databases, at `public_url`.
pub async fn on_each_database_at(public_url: &str, test: impl AsyncFn(Site)) {
    let clock = ManualClock::new(Timestamp::from_seconds(1_800_000_000));
    for fresh in databases(&Clock::Manual(clock.clone())).await {
        let root = RootKey::generate(&Random::system(), "a test").expect("root key").to_text();
        let issuer = issuer(public_url, &fresh, &root, &clock).await;
        test(Site { issuer, clock: clock.clone(), fresh, root }).await;
    }
}

async fn issuer(public_url: &str, fresh: &Fresh, root: &Secret, clock: &ManualClock) -> Issuer {
    let (db, clock, random) = (fresh.database.clone(), Clock::Manual(clock.clone()), Random::system());
    let (audit, writer) = AuditLog::new(db.clone(), random.clone());
    tokio::spawn(writer);
    let audit = audit.required(true);
    let root = RootKey::parse(root, "a test").expect("root key");
    let stores = StoreConfig { stores: vec![StoreKind::Sql], times: CacheTimes::default(), audit_required: true };
    let vault = Vault::open(db.clone(), root, stores, clock.clone(), random.clone(), audit.clone());
    let config = IssuerConfig::new(public_url, Vec::new());
    Issuer::start(config, db, vault.await.expect("vault"), audit, clock, random).await.expect("issuer")
}

impl Site {
    /// The same server after a stop and a start.
    pub async fn restarted(self) -> Self {
        let issuer = issuer(&self.issuer.config.public_url, &self.fresh, &self.root, &self.clock).await;
        Self { issuer, ..self }
    }

    /// A browser that has not been here.
    pub fn browser(&self) -> Browser {
        self.browser_of(self.issuer.router())
    }

    /// A browser that sees `router`.
    pub fn browser_of(&self, router: Router) -> Browser {
        Browser::new(router)
    }

    /// The path of a new one-time link.
    pub async fn invite(&self, email: Option<&str>) -> String {
        let email = email.map(|email| EmailAddress::parse(email).expect("address"));
        let invite = self.issuer.invite_user(email.as_ref(), false, None).await.expect("invite");
        let link = invite.link();
        let path = link.strip_prefix(&self.issuer.config.public_url).expect("a link to here");
        self.issuer.config.path(path)
    }

    /// A browser whose person has just made an account.
    pub async fn member(&self, email: &str) -> Browser {
        let link = self.invite(Some(email)).await;
        let mut browser = self.browser();
        browser.get(&link).await;
        let made = browser.submit(&link, &[("password", PASSWORD), ("password_again", PASSWORD)]).await;
        assert_eq!(made.header("location"), self.issuer.config.path("/account"), "{}", made.body);
        browser
    }

    /// Logs in with a browser of its own.
    pub async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.log_in_from([192, 0, 2, 1].into(), email, password).await
    }

    /// Logs in from another address.
    pub async fn log_in_from(&self, address: std::net::IpAddr, email: &str, password: &str) -> Answer {
        let mut browser = self.browser();
        browser.address = address;
        let login = self.issuer.config.path("/login");
        browser.get(&login).await;
        browser.submit(&login, &[("email", email), ("password", password)]).await
    }

    /// Whether the person at a browser is logged in.
    pub async fn is_logged_in(&self, browser: &mut Browser) -> bool {
        crate::session::current(&self.issuer, &browser.cookie_header()).await.expect("database").is_some()
    }

    /// The `csrf` field of the forms that a person sees.
    pub async fn csrf(&self, browser: &Browser) -> String {
        let person = crate::session::current(&self.issuer, &browser.cookie_header()).await.expect("database");
        person.expect("logged in").csrf
    }

    /// A text as it stands in a query.
    pub fn encode(&self, text: &str) -> String {
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
    }
}
