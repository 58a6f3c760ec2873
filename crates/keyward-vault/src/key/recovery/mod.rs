//! What brings a cabinet back when its root key is lost: the data keys in a file of age.

mod age;
mod bech32;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

pub use age::{AgeError, Identity, InvalidIdentity, InvalidRecipient, Recipient};

use super::{DataKey, InvalidRootKey, RootKey};
use crate::seal::{KEY_LEN, KeyId, SealFailed};

/// The longest file that is read: keys by the ten thousand.
pub const MAX_LEN: u64 = 4 << 20;

const COMMENT: &str = "\
# The keys of a Keyward key cabinet. Whoever reads this can open every token in its database.
# With the age file that this was in: keyward key restore FILE --identity IDENTITY
";
const VERSION: &str = "keyward-recovery:1";
const DATA_KEY: &str = "data-key:";
const ROOT_KEY: &str = "keyward-root-key:";
const KEY_TEXT_LEN: usize = 43;

/// Every data key of a cabinet, in the clear, and its root key where Keyward could read that.
pub struct Recovery {
    data_keys: BTreeMap<KeyId, DataKey>,
    root_key: Option<RootKey>,
}

/// Why a file gave no keys. Nothing of it is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// The age file does not open.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// What is in it is something else.
    #[error("what is encrypted in it is no recovery file of Keyward")]
    NotARecovery,
    /// Its form is of a version that this program does not know.
    #[error("its form is of a version that this program does not know; it was made by a newer Keyward")]
    UnknownVersion,
    /// A line is not in the form of one.
    #[error("line {0} of what is encrypted in it was cut or changed")]
    Line(usize),
    /// The root key in it is none.
    #[error("the root key in it is not usable: {0}")]
    RootKey(#[from] InvalidRootKey),
}

impl Recovery {
    pub(crate) fn new(data_keys: BTreeMap<KeyId, DataKey>, root_key: Option<RootKey>) -> Self {
        Self { data_keys, root_key }
    }

    /// Opens a file that is encrypted for one of `identities`.
    pub fn open(file: &[u8], identities: &[Identity]) -> Result<Self, RecoveryError> {
        Self::parse(&age::decrypt(identities, file)?)
    }

    /// Encrypts it for `recipients`.
    pub fn seal(&self, recipients: &[Recipient], random: &Random) -> Result<Vec<u8>, SealFailed> {
        age::encrypt(recipients, self.to_text().expose_secret(), random)
    }

    /// From the text that is in the age file; lines that are empty or begin with `#` do not count.
    pub fn parse(text: &Secret) -> Result<Self, RecoveryError> {
        let text = text.expose_text().ok_or(RecoveryError::NotARecovery)?;
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        match lines.next() {
            Some((_, VERSION)) => {}
            Some((_, line)) if line.starts_with("keyward-recovery:") => return Err(RecoveryError::UnknownVersion),
            _ => return Err(RecoveryError::NotARecovery),
        }
        let mut recovery = Self::new(BTreeMap::new(), None);
        for (at, line) in lines {
            let wrong = RecoveryError::Line(at + 1);
            if line.starts_with(ROOT_KEY) && recovery.root_key.is_none() {
                recovery.root_key = Some(RootKey::parse(&Secret::from_text(line.to_owned()), "the recovery file")?);
                continue;
            }
            let (id, key) = line.strip_prefix(DATA_KEY).and_then(data_key).ok_or(wrong.clone())?;
            if recovery.data_keys.insert(id, key).is_some() {
                return Err(wrong);
            }
        }
        Ok(recovery)
    }

    /// The text that [`parse`](Self::parse) reads.
    pub fn to_text(&self) -> Secret {
        let root_key = self.root_key.as_ref().map(RootKey::to_text);
        let a_key = DATA_KEY.len() + KeyId::LEN + 1 + KEY_TEXT_LEN + 1;
        let of_root = root_key.as_ref().map_or(0, |line| line.len() + 1);
        // As long as it gets, so that no shorter copy is left behind in memory.
        let mut text =
            String::with_capacity(COMMENT.len() + VERSION.len() + 1 + self.data_keys.len() * a_key + of_root);
        text.extend([COMMENT, VERSION, "\n"]);
        for (id, key) in &self.data_keys {
            text.extend([DATA_KEY, id.as_str(), ":"]);
            URL_SAFE_NO_PAD.encode_string(key.expose_secret(), &mut text);
            text.push('\n');
        }
        if let Some(line) = root_key.as_ref().and_then(Secret::expose_text) {
            text.extend([line, "\n"]);
        }
        Secret::from_text(text)
    }

    /// The root key of the time, where Keyward could read it.
    pub fn root_key(&self) -> Option<&RootKey> {
        self.root_key.as_ref()
    }

    /// How many data keys there are.
    pub fn len(&self) -> usize {
        self.data_keys.len()
    }

    /// Whether there is no data key.
    pub fn is_empty(&self) -> bool {
        self.data_keys.is_empty()
    }

    pub(crate) fn data_key(&self, id: &KeyId) -> Option<&DataKey> {
        self.data_keys.get(id)
    }
}

fn data_key(fields: &str) -> Option<(KeyId, DataKey)> {
    let (id, key) = fields.split_once(':')?;
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    match URL_SAFE_NO_PAD.decode_slice(key, &mut *bytes) {
        Ok(KEY_LEN) => Some((id.parse().ok()?, DataKey::from_slice(&*bytes)?)),
        _ => None,
    }
}

impl std::fmt::Debug for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recovery({} data keys)", self.data_keys.len())
    }
}

#[cfg(test)]
mod tests;
