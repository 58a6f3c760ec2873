//! The recipients that are named by an X25519 key (RFC 7748).

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

use super::header::{Stanza, base64};
use super::{FILE_KEY_LEN, FileKey, derive};
use crate::key::recovery::bech32;
use crate::seal::SealFailed;

const LABEL: &[u8] = b"age-encryption.org/v1/X25519";
const SHARE_LEN: usize = 32;
const TAG_LEN: usize = 16;
const WRAPPED_LEN: usize = FILE_KEY_LEN + TAG_LEN;

/// Whom a file is for: `age1…`, as `age-keygen` says it. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    text: String,
    key: [u8; SHARE_LEN],
}

/// A text that is no recipient. It is not repeated: it may be an identity that somebody took for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a recipient is \"age1\" and 58 characters, the public key that age-keygen prints")]
pub struct InvalidRecipient;

impl FromStr for Recipient {
    type Err = InvalidRecipient;

    fn from_str(text: &str) -> Result<Self, InvalidRecipient> {
        let key = bech32::decode("age", text).ok_or(InvalidRecipient)?;
        Ok(Self { text: text.to_ascii_lowercase(), key: *key })
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Recipient {
    /// The share of a key that is made for this one file, in base64, and the file key under what both keys agree on.
    pub(super) fn wrap(&self, file_key: &FileKey, random: &Random) -> Result<(String, Vec<u8>), SealFailed> {
        let mut ephemeral = Zeroizing::new([0; SHARE_LEN]);
        random.fill(&mut *ephemeral)?;
        let ephemeral = PrivateKey::from_private_key(&X25519, &*ephemeral).map_err(|_| SealFailed::Cipher)?;
        let share = public_of(&ephemeral).ok_or(SealFailed::Cipher)?;
        // Fails for the keys of small order, for which everybody would know what was agreed on.
        let key = wrapping_key(&ephemeral, &self.key, &share, &self.key).ok_or(SealFailed::Cipher)?;
        let mut wrapped = vec![0; FILE_KEY_LEN];
        let mut tag = [0; TAG_LEN];
        key.seal_out_of_place_scatter(zero_nonce(), Aad::empty(), &**file_key, &mut wrapped, &[], &mut tag)
            .map_err(|_| SealFailed::Cipher)?;
        wrapped.extend_from_slice(&tag);
        Ok((STANDARD_NO_PAD.encode(share), wrapped))
    }
}

/// The secret key of a recipient.
pub struct Identity {
    private: PrivateKey,
    public: [u8; SHARE_LEN],
}

/// A file without a usable identity. Nothing of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// It has none.
    #[error("it holds no identity of age, a line that begins with AGE-SECRET-KEY-1")]
    None,
    /// A line is none.
    #[error("line {0} is no identity of age, or was cut or changed")]
    Line(usize),
    /// It is encrypted with a passphrase.
    #[error(
        "it is encrypted with a passphrase; pass on what is in it: age -d FILE | keyward key restore … --identity -"
    )]
    Encrypted,
}

impl Identity {
    /// Those of an identity file, as `age-keygen` writes it: one a line; lines that are empty or begin with `#` do not count.
    pub fn read_all(file: &Secret) -> Result<Vec<Self>, InvalidIdentity> {
        let text = file.expose_secret();
        if text.starts_with(b"age-encryption.org/") || text.starts_with(b"-----BEGIN AGE") {
            return Err(InvalidIdentity::Encrypted);
        }
        let text = file.expose_text().ok_or(InvalidIdentity::None)?;
        let lines = text.lines().map(str::trim_end).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let identities: Result<Vec<_>, _> =
            lines.map(|(at, line)| Self::parse(line).ok_or(InvalidIdentity::Line(at + 1))).collect();
        identities.and_then(|all| if all.is_empty() { Err(InvalidIdentity::None) } else { Ok(all) })
    }

    fn parse(line: &str) -> Option<Self> {
        let key = bech32::decode("age-secret-key-", line)?;
        let private = PrivateKey::from_private_key(&X25519, &*key).ok()?;
        Some(Self { public: public_of(&private)?, private })
    }

    /// The file key; `None` when the stanza is for somebody else.
    pub(super) fn unwrap(
        &self,
        share: &[u8; SHARE_LEN],
        wrapped: &[u8; WRAPPED_LEN],
    ) -> Result<Option<FileKey>, SealFailed> {
        let Some(key) = wrapping_key(&self.private, share, share, &self.public) else {
            return Ok(None);
        };
        let mut file_key = FileKey::new([0; FILE_KEY_LEN]);
        let (ciphertext, tag) = wrapped.split_at(FILE_KEY_LEN);
        let opened = key.open_separate_gather(zero_nonce(), Aad::empty(), ciphertext, tag, &mut *file_key);
        Ok(opened.ok().map(|()| file_key))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// The other's share and the wrapped file key of a stanza; `None` when it is malformed.
pub(super) fn parts(stanza: &Stanza<'_>) -> Option<([u8; SHARE_LEN], [u8; WRAPPED_LEN])> {
    let [_, share] = stanza.arguments[..] else { return None };
    Some((base64(share)?.try_into().ok()?, stanza.body.as_slice().try_into().ok()?))
}

fn public_of(private: &PrivateKey) -> Option<[u8; SHARE_LEN]> {
    private.compute_public_key().ok()?.as_ref().try_into().ok()
}

/// What wraps the file key; the salt names both keys, so that it is of this pair alone.
fn wrapping_key(
    private: &PrivateKey,
    other: &[u8; SHARE_LEN],
    share: &[u8; SHARE_LEN],
    recipient: &[u8; SHARE_LEN],
) -> Option<LessSafeKey> {
    let salt = [&share[..], recipient].concat();
    let key = agree(private, UnparsedPublicKey::new(&X25519, other), SealFailed::Cipher, |agreed| {
        derive(agreed, &salt, LABEL)
    });
    UnboundKey::new(&CHACHA20_POLY1305, &*key.ok()?).ok().map(LessSafeKey::new)
}

/// Each wrapping key is used once.
fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}
