//! The root key: 256 bits outside the database, with an id that is derived from them.

use std::fmt;
use std::future::ready;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

use super::wrapper::{DataKey, KeyWrapper, WrapError, WrapFuture};
use crate::seal::{KEY_LEN, KeyId, SealFailed, SealingKey};

/// Labels that keep the uses of the root key apart (HMAC-SHA256 as the pseudorandom function of NIST SP 800-108r1).
const ID_LABEL: &[u8] = b"keyward root key 1: id";
const WRAP_LABEL: &[u8] = b"keyward root key 1: wrap data keys";
const FINGERPRINT_LABEL: &[u8] = b"keyward root key 1: fingerprints";
/// Additional authenticated data of a wrapped data key, before the two ids.
const WRAPPED_LABEL: &[u8] = b"keyward wrapped data key 1";

/// What its text begins with; the number is the version of the form.
const TEXT_PREFIX: &str = "keyward-root-key:1:";
const IV_LEN: usize = 12;
const TAG_LEN: usize = 16;

/// The key that wraps the data keys. It never touches a row.
pub struct RootKey {
    id: RootKeyId,
    bytes: Zeroizing<[u8; KEY_LEN]>,
    wrapping: SealingKey,
    origin: String,
}

/// A text that is no root key. Nothing of the text is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRootKey {
    /// There is no key in it.
    #[error("it is empty")]
    Empty,
    /// It does not begin as a root key does.
    #[error("it does not hold a Keyward root key, a line that begins with \"keyward-root-key:\"")]
    NotARootKey,
    /// Its form is of a version that this program does not know.
    #[error("its form is of a version that this program does not know; it was made by a newer Keyward")]
    UnknownVersion,
    /// There is more than one line with a key.
    #[error("it holds more than one line")]
    ManyLines,
    /// The id is not 12 hex digits.
    #[error("the id in it is not 12 hex digits; the line was cut or changed")]
    Id,
    /// The key is not 43 characters of base64url.
    #[error("the key in it is not 43 characters of base64url; the line was cut or changed")]
    Key,
    /// The id does not belong to the key.
    #[error("it says it is root key {said}, but the key in it is {is}; the line was changed")]
    Mismatch {
        /// The id in the text.
        said: RootKeyId,
        /// The id of the key.
        is: RootKeyId,
    },
}

impl RootKey {
    /// A fresh key.
    pub fn generate(random: &Random, origin: impl Into<String>) -> Result<Self, SealFailed> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        random.fill(&mut *bytes)?;
        Self::from_bytes(bytes, origin.into()).ok_or(SealFailed::Cipher)
    }

    /// From the text that [`to_text`](Self::to_text) gives; lines that are empty or begin with `#` do not count. `origin`
    /// says in messages where the text was found: "the file keyward.key".
    pub fn parse(text: &Secret, origin: impl Into<String>) -> Result<Self, InvalidRootKey> {
        let text = text.expose_text().ok_or(InvalidRootKey::NotARootKey)?;
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = lines.next().ok_or(InvalidRootKey::Empty)?;
        let Some(fields) = line.strip_prefix(TEXT_PREFIX) else {
            let known = line.starts_with("keyward-root-key:");
            return Err(if known { InvalidRootKey::UnknownVersion } else { InvalidRootKey::NotARootKey });
        };
        if lines.next().is_some() {
            return Err(InvalidRootKey::ManyLines);
        }
        let (said, key) = fields.split_once(':').ok_or(InvalidRootKey::Id)?;
        let said = said.parse()?;
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        match URL_SAFE_NO_PAD.decode_slice(key, &mut *bytes) {
            Ok(KEY_LEN) => {}
            _ => return Err(InvalidRootKey::Key),
        }
        let key = Self::from_bytes(bytes, origin.into()).ok_or(InvalidRootKey::Key)?;
        if key.id == said { Ok(key) } else { Err(InvalidRootKey::Mismatch { said, is: key.id }) }
    }

    fn from_bytes(bytes: Zeroizing<[u8; KEY_LEN]>, origin: String) -> Option<Self> {
        let id = derive(&bytes, ID_LABEL);
        let id = RootKeyId(id.iter().take(6).fold(String::new(), |text, byte| text + &format!("{byte:02x}")).into());
        let wrapping = SealingKey::new(&derive(&bytes, WRAP_LABEL))?;
        Some(Self { id, bytes, wrapping, origin })
    }

    /// Its id.
    pub fn id(&self) -> &RootKeyId {
        &self.id
    }

    /// Where it was found, for messages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// One line that holds it whole: `keyward-root-key:1:ID:KEY`.
    pub fn to_text(&self) -> Secret {
        let mut text = String::with_capacity(TEXT_PREFIX.len() + 12 + 1 + 43);
        text.push_str(TEXT_PREFIX);
        text.push_str(&self.id.0);
        text.push(':');
        URL_SAFE_NO_PAD.encode_string(*self.bytes, &mut text);
        Secret::from_text(text)
    }

    /// The same key once more, for a recovery file.
    pub(crate) fn copy(&self) -> Result<Self, SealFailed> {
        Self::from_bytes(self.bytes.clone(), self.origin.clone()).ok_or(SealFailed::Cipher)
    }

    /// What fingerprints were keyed with before their key was a secret of its own (see [`crate::fingerprint`]).
    pub(crate) fn fingerprint_key(&self) -> Zeroizing<[u8; KEY_LEN]> {
        derive(&self.bytes, FINGERPRINT_LABEL)
    }

    fn open(&self, wrapped: &[u8], key_id: &KeyId) -> Option<DataKey> {
        let (&iv, rest) = wrapped.split_first_chunk::<IV_LEN>()?;
        let (tag, ciphertext) = rest.split_first_chunk::<TAG_LEN>()?;
        let data_key = self.wrapping.open(&self.wrapped_as(key_id), iv, tag, ciphertext)?;
        DataKey::from_slice(data_key.expose_secret())
    }

    /// Both ids have a fixed length, so plain concatenation is unambiguous.
    fn wrapped_as(&self, key_id: &KeyId) -> Vec<u8> {
        [WRAPPED_LABEL, self.id.0.as_bytes(), key_id.as_str().as_bytes()].concat()
    }
}

impl KeyWrapper for RootKey {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    /// IV, tag and ciphertext in one byte string, bound to the ids of both keys.
    fn wrap<'a>(&'a self, data_key: &'a DataKey, key_id: &'a KeyId, random: &'a Random) -> WrapFuture<'a, Vec<u8>> {
        let sealed = self.wrapping.seal(random, &self.wrapped_as(key_id), data_key.expose_secret());
        let wrapped = sealed.map(|(iv, tag, ciphertext)| [&iv[..], &tag, &ciphertext].concat());
        Box::pin(ready(wrapped.map_err(WrapError::from)))
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8], key_id: &'a KeyId) -> WrapFuture<'a, DataKey> {
        let mismatch = || WrapError::Mismatch { origin: self.origin.clone() };
        Box::pin(ready(self.open(wrapped, key_id).ok_or_else(mismatch)))
    }

    fn root_key(&self) -> Option<&RootKey> {
        Some(self)
    }
}

impl From<RootKey> for Arc<dyn KeyWrapper> {
    fn from(root: RootKey) -> Self {
        Arc::new(root)
    }
}

fn derive(root: &[u8; KEY_LEN], label: &[u8]) -> Zeroizing<[u8; KEY_LEN]> {
    let mut derived = Zeroizing::new([0; KEY_LEN]);
    derived.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, root), label).as_ref());
    derived
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.id)
    }
}

/// The id of a root key: 12 hex digits derived from it, safe to show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RootKeyId(Arc<str>);

impl RootKeyId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RootKeyId {
    type Err = InvalidRootKey;

    fn from_str(text: &str) -> Result<Self, InvalidRootKey> {
        let form = text.len() == 12 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        form.then(|| Self(text.into())).ok_or(InvalidRootKey::Id)
    }
}

impl fmt::Display for RootKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_the_id_is_derived() {
        let key = RootKey::generate(&Random::system(), "a test").expect("key");
        let again = RootKey::parse(&key.to_text(), "a test").expect("its own text");
        assert_eq!(again.id(), key.id());
        assert!(again.to_text().equals_in_constant_time(&key.to_text()));
        assert_ne!(RootKey::generate(&Random::system(), "a test").expect("key").id(), key.id());
        assert_eq!(format!("{key:?}"), format!("RootKey({})", key.id()));
    }

    /// A change here would lock everybody out of what is sealed.
    #[test]
    fn derivation_stays_as_it_is() {
        let key = RootKey::from_bytes(Zeroizing::new([0; KEY_LEN]), String::new()).expect("key");
        assert_eq!(
            key.to_text().expose_text(),
            Some("keyward-root-key:1:e42a1dc3ec3a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
        );
    }

    #[tokio::test]
    async fn wrapped_keys_open_under_their_own_ids_alone() {
        let random = Random::system();
        let root = RootKey::generate(&random, "a test").expect("key");
        let (id, other) = (KeyId::from_bytes([1; 6]), KeyId::from_bytes([2; 6]));
        let data_key = DataKey::from_slice(&[5; KEY_LEN]).expect("a key");
        let wrapped = root.wrap(&data_key, &id, &random).await.expect("wrapped");
        assert_eq!(root.unwrap(&wrapped, &id).await.expect("unwrapped").expose_secret(), &[5; KEY_LEN]);
        assert!(root.unwrap(&wrapped, &other).await.is_err());
        assert!(RootKey::generate(&random, "a test").expect("key").unwrap(&wrapped, &id).await.is_err());
        for length in 0..wrapped.len() {
            assert!(root.unwrap(&wrapped[..length], &id).await.is_err(), "{length}");
        }
    }
}
