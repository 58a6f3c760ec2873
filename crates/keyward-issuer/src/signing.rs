//! The keys that tokens are signed with: ES256 (RFC 7518 §3.4), made on the first start, the private part sealed by the
//! vault, the public part of every key whose tokens may still be about shown as JWKS (RFC 7517).

use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::{Clock, Timestamp};
use keyward_storage::audit::AuditLog;
use keyward_storage::signing_keys::{self, SigningKey, SigningKeyState};
use keyward_storage::{Database, StorageError, Topic};
use keyward_vault::{Place, Sealed, Vault, VaultError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const ALG: &str = "ES256";

/// How much longer than its last token a retired key is shown: clocks differ, and answers take their time.
const SHOWN_LONGER: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// Why signing keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The vault.
    #[error("a signing key cannot be sealed or opened")]
    Vault(#[from] VaultError),
    /// A key could not be made, or could not sign.
    #[error("the cryptographic library refused")]
    Refused,
    /// What is stored is no key.
    #[error("the stored signing key {0} is not what was written")]
    Inconsistent(String),
    /// No key that signs is stored.
    #[error("there is no active signing key")]
    NoActiveKey,
}

/// The keys that are in use. Swapped whole when the stored ones change.
pub struct SigningKeys {
    live: ArcSwap<LiveKeys>,
    jwks: Arc<ArcSwap<Bytes>>,
}

struct LiveKeys {
    kid: String,
    pair: EcdsaKeyPair,
    public: Vec<(String, Vec<u8>)>,
}

impl SigningKeys {
    /// Loads the stored keys, after making the first one if there is none.
    pub async fn start(db: &Database, vault: &Vault, audit: &AuditLog, clock: &Clock) -> Result<Self, SigningError> {
        let new = NewKey::generate(vault, clock.now()).await?;
        let mut tx = db.begin("first_signing_key").await?;
        tx.lock("signing_keys").await?;
        if !signing_keys::has_active(&mut tx).await? {
            signing_keys::insert(&mut tx, &new.0).await?;
            tx.notify(Topic::SigningKeys).await?;
            audit.commit_together(tx, &[made(&new, clock.now())]).await?;
        }
        let (live, jwks) = load(db, vault, clock.now()).await?;
        Ok(Self { live: ArcSwap::from_pointee(live), jwks: Arc::new(ArcSwap::from_pointee(jwks)) })
    }

    /// Loads the stored keys again.
    pub async fn reload(&self, db: &Database, vault: &Vault, clock: &Clock) -> Result<(), SigningError> {
        let (live, jwks) = load(db, vault, clock.now()).await?;
        self.live.store(Arc::new(live));
        self.jwks.store(Arc::new(jwks));
        Ok(())
    }

    /// The JWKS document; what it points to changes when the keys do.
    pub fn jwks(&self) -> Arc<ArcSwap<Bytes>> {
        Arc::clone(&self.jwks)
    }

    /// A JWT of these claims (RFC 7515 §5.1).
    pub(crate) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        let live = self.live.load();
        let header = json!({"typ": typ, "alg": ALG, "kid": live.kid}).to_string();
        let claims = serde_json::to_vec(claims).map_err(|_| SigningError::Refused)?;
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = live.pair.sign(&SystemRandom::new(), input.as_bytes()).map_err(|_| SigningError::Refused)?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a JWT that one of these keys signed; nothing but type, algorithm and signature is checked.
    pub(crate) fn open<Claims: DeserializeOwned>(&self, typ: &str, token: &str) -> Option<Claims> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header["alg"] != ALG || header["typ"] != typ || header.get("crit").is_some() {
            return None;
        }
        let live = self.live.load();
        let (_, point) = live.public.iter().find(|(kid, _)| header["kid"] == kid.as_str())?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(input.as_bytes(), &signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    /// Makes a new key that signs from now on; the one before is shown for as long as its tokens live.
    pub async fn rotate(
        &self,
        db: &Database,
        vault: &Vault,
        audit: &AuditLog,
        clock: &Clock,
        access_token_lifetime: std::time::Duration,
    ) -> Result<(), SigningError> {
        let now = clock.now();
        let new = NewKey::generate(vault, now).await?;
        let mut tx = db.begin("rotate_signing_key").await?;
        tx.lock("signing_keys").await?;
        signing_keys::retire_active(&mut tx, now.plus(access_token_lifetime).plus(SHOWN_LONGER)).await?;
        signing_keys::insert(&mut tx, &new.0).await?;
        tx.notify(Topic::SigningKeys).await?;
        audit.commit_together(tx, &[made(&new, now)]).await?;
        self.reload(db, vault, clock).await
    }
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKeys({})", self.live.load().kid)
    }
}

fn made(key: &NewKey, at: Timestamp) -> AuditEvent {
    let detail = Some(json!({ "kid": key.0.kid }).to_string());
    AuditEvent { detail, ..AuditEvent::new(at, Action::SigningKeyCreate, AuditResult::Ok) }
}

struct NewKey(SigningKey);

impl NewKey {
    async fn generate(vault: &Vault, now: Timestamp) -> Result<Self, SigningError> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| SigningError::Refused)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref())
            .map_err(|_| SigningError::Refused)?;
        let jwk = PublicJwk::of(pair.public_key().as_ref()).ok_or(SigningError::Refused)?;
        let kid = jwk.thumbprint();
        let sealed = vault.seal_blob(&place(&kid), pkcs8.as_ref()).await?;
        Ok(Self(SigningKey {
            alg: ALG.to_owned(),
            public_jwk: jwk.document(&kid).to_string(),
            private: sealed.into_columns(),
            state: SigningKeyState::Active,
            created_at: now,
            retire_after: None,
            kid,
        }))
    }
}

/// The public part of a P-256 key (RFC 7518 §6.2.1).
struct PublicJwk {
    x: String,
    y: String,
}

impl PublicJwk {
    /// From an uncompressed point (SEC 1 §2.3.3).
    fn of(point: &[u8]) -> Option<Self> {
        let coordinates = point.strip_prefix(&[4]).filter(|rest| rest.len() == 64)?;
        let (x, y) = coordinates.split_at(32);
        Some(Self { x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) })
    }

    /// RFC 7638 §3: the members that matter, in the order of the alphabet, without space.
    fn thumbprint(&self) -> String {
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, self.x, self.y);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
    }

    fn document(&self, kid: &str) -> Value {
        json!({"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y, "kid": kid, "alg": ALG, "use": "sig"})
    }
}

async fn load(db: &Database, vault: &Vault, now: Timestamp) -> Result<(LiveKeys, Bytes), SigningError> {
    let stored = signing_keys::list_live(db, now).await?;
    let mut public = Vec::with_capacity(stored.len());
    let mut documents: Vec<Value> = Vec::with_capacity(stored.len());
    let mut active = None;
    for key in &stored {
        let inconsistent = || SigningError::Inconsistent(key.kid.clone());
        let jwk: Value = serde_json::from_str(&key.public_jwk).map_err(|_| inconsistent())?;
        public.push((key.kid.clone(), point_of(&jwk).ok_or_else(inconsistent)?));
        documents.push(jwk);
        if key.state == SigningKeyState::Active && active.is_none() {
            let sealed = Sealed::from_columns(key.private.clone()).ok_or_else(inconsistent)?;
            let pkcs8 = vault.open_blob(&place(&key.kid), &sealed).await?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.expose_secret());
            active = Some((key.kid.clone(), pair.map_err(|_| inconsistent())?));
        }
    }
    let (kid, pair) = active.ok_or(SigningError::NoActiveKey)?;
    let jwks = Bytes::from(json!({ "keys": documents }).to_string());
    Ok((LiveKeys { kid, pair, public }, jwks))
}

fn point_of(jwk: &Value) -> Option<Vec<u8>> {
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok().filter(|bytes| bytes.len() == 32);
    Some([vec![4], coordinate("x")?, coordinate("y")?].concat())
}

fn place(kid: &str) -> Place {
    Place::column("signing_keys", "private", kid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_hashes_the_members_that_matter() {
        let point = [&[4_u8][..], &[1; 32], &[2; 32]].concat();
        let jwk = PublicJwk::of(&point).expect("point");
        let document = jwk.document(&jwk.thumbprint());
        assert_eq!(point_of(&document), Some(point));
        let canonical = r#"{"crv":"P-256","kty":"EC","x":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","y":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"}"#;
        assert_eq!(document["kid"], URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes())));
        assert!(PublicJwk::of(&[4; 64]).is_none());
    }
}
