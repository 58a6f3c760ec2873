//! An issuer that does on demand what others do on a bad day: answers with something else, or not, or with odd keys.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::jwt::SigningKey;
use crate::tls::{Front, Shown};
use crate::upstream::scripted::{Connection, Scripted};

/// Where its metadata is (RFC 8414 §3).
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// What it does with a request for one of its documents.
#[derive(Clone)]
pub enum Does {
    /// Gives this document.
    Gives(Value),
    /// Gives it with one more header.
    GivesWith(&'static str, String, Value),
    /// Gives it after a moment.
    GivesSlowly(Value),
    /// Says something else: the status, a `Location` if there is one, the body.
    Says(&'static str, &'static str, String),
    /// Never says anything.
    Nothing,
    /// Hangs up.
    HangsUp,
}

/// What it does when asked for its metadata, and for its keys.
type Doing = Arc<Mutex<(Does, Does)>>;

/// The issuer; it lives as long as the test process.
pub struct OddIssuer {
    /// Its identifier.
    pub issuer: String,
    /// What its tokens are signed with.
    pub key: SigningKey,
    does: Doing,
    front: Option<Front>,
    minted: AtomicU64,
}

impl OddIssuer {
    /// One that does nothing odd yet.
    pub fn start() -> Result<Self> {
        let (issuer, does) = Self::listen()?;
        Self::good(format!("http://{issuer}"), does, None)
    }

    /// One that is reached by `https://localhost`, with this certificate.
    pub fn with_tls(shown: Shown) -> Result<Self> {
        let (address, does) = Self::listen()?;
        let front = Front::start(address, shown)?;
        Self::good(format!("https://localhost:{}", front.address().port()), does, Some(front))
    }

    fn listen() -> Result<(SocketAddr, Doing)> {
        let does = Arc::new(Mutex::new((Does::Nothing, Does::Nothing)));
        let done = Arc::clone(&does);
        let server = Scripted::start(move |request, connection| {
            let (metadata, keys) = done.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match request.target.as_str() {
                METADATA => metadata.act(connection),
                "/jwks" => keys.act(connection),
                _ => connection.answer("404 Not Found", &[], ""),
            }
        })?;
        Ok((server.address(), does))
    }

    fn good(issuer: String, does: Doing, front: Option<Front>) -> Result<Self> {
        let odd = Self { issuer, key: SigningKey::generate("known")?, does, front, minted: AtomicU64::new(0) };
        odd.behave();
        Ok(odd)
    }

    /// Does well from now on.
    pub fn behave(&self) {
        self.metadata(Does::Gives(self.good_metadata()));
        self.keys(Does::Gives(self.key.jwks()));
    }

    /// Its metadata as it should be.
    pub fn good_metadata(&self) -> Value {
        json!({ "issuer": self.issuer, "jwks_uri": format!("{}/jwks", self.issuer) })
    }

    /// What it does when asked for its metadata.
    pub fn metadata(&self, does: Does) {
        self.does.lock().unwrap_or_else(PoisonError::into_inner).0 = does;
    }

    /// What it does when asked for its keys.
    pub fn keys(&self, does: Does) {
        self.does.lock().unwrap_or_else(PoisonError::into_inner).1 = does;
    }

    /// What it shows from now on, if it is reached by TLS.
    pub fn show(&self, shown: Shown) {
        self.front.as_ref().expect("it is reached by https").show(shown);
    }

    /// The lines of a configuration that trust it.
    pub fn lines(&self) -> String {
        format!("kind = \"oidc\"\nissuer = {:?}\nallow_private_addresses = true", self.issuer)
    }

    /// An access token of its for two hours from `issued`, another each time.
    pub fn token(&self, resource: &str, issued: i64) -> Result<String> {
        self.key.sign(&json!({
            "iss": self.issuer, "aud": resource, "sub": "ada", "client_id": "rig", "scope": "notes:read",
            "iat": issued, "exp": issued + 7200, "jti": self.minted.fetch_add(1, Ordering::Relaxed).to_string(),
        }))
    }
}

impl Does {
    fn act(self, connection: &mut Connection) -> Result<()> {
        let json = ("Content-Type", "application/json");
        match self {
            Self::Gives(document) => connection.answer("200 OK", &[json], &document.to_string()),
            Self::GivesWith(name, value, document) => {
                connection.answer("200 OK", &[json, (name, &value)], &document.to_string())
            }
            Self::GivesSlowly(document) => {
                std::thread::sleep(Duration::from_millis(300));
                connection.answer("200 OK", &[json], &document.to_string())
            }
            Self::Says(status, "", body) => connection.answer(status, &[], &body),
            Self::Says(status, location, body) => connection.answer(status, &[("Location", location)], &body),
            Self::Nothing => connection.wait_for_hang_up(),
            Self::HangsUp => connection.cut(),
        }
    }
}
