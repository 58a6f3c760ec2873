//! Secrets: types that cannot be printed, compared carelessly, cloned or serialized, and that are wiped when dropped.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::random::{Random, RandomFailed};

/// A secret byte string: a service token, a password, a key file's content.
pub struct Secret(Box<[u8]>);

impl Drop for Secret {
    fn drop(&mut self) {
        // As a slice, which is wiped at once; the box itself would be wiped byte by byte, slower than the cipher is.
        self.0.as_mut().zeroize();
    }
}

impl ZeroizeOnDrop for Secret {}

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        let mut bytes = bytes;
        if bytes.len() == bytes.capacity() {
            // The box takes the allocation over.
            return Self(bytes.into_boxed_slice());
        }
        // It would move to a smaller allocation, and the old one must not keep a copy.
        let boxed = bytes.as_slice().into();
        bytes.zeroize();
        Self(boxed)
    }

    /// Takes the text over.
    pub fn from_text(text: String) -> Self {
        Self::new(text.into_bytes())
    }

    /// The bytes. The name is long so that every use is seen in review.
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, when they are UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in time that depends on the lengths alone.
    pub fn equals_in_constant_time(&self, other: &Self) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }

    /// Compares by SHA-256, in time that says nothing of where two values differ; for values that may be long.
    pub fn equals_by_digest(&self, other: &Self) -> bool {
        TokenHash::of(&self.0).equals_in_constant_time(&TokenHash::of(&other.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a token that Keyward issues is for; its text begins with the kind's prefix, so that secret scanners and people
/// can tell one from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A development bearer token, `kwd_…`.
    Bearer,
    /// A refresh token, `kwr_…` (RFC 6749 §1.5).
    Refresh,
    /// An authorization code, `kwc_…` (RFC 6749 §1.3.1).
    Code,
    /// A client secret, `kws_…` (RFC 6749 §2.3.1).
    ClientSecret,
    /// A one-time link to make an account, `kwi_…`.
    Invite,
    /// A browser's session, `kwb_…`.
    Session,
    /// A client's registration access token, `kwg_…` (RFC 7592 §3).
    Registration,
    /// The `state` of an authorization request of Keyward's own, `kwo_…` (RFC 6749 §4.1.1).
    State,
}

impl TokenKind {
    /// The four characters before the random part.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Bearer => "kwd_",
            Self::Refresh => "kwr_",
            Self::Code => "kwc_",
            Self::ClientSecret => "kws_",
            Self::Invite => "kwi_",
            Self::Session => "kwb_",
            Self::Registration => "kwg_",
            Self::State => "kwo_",
        }
    }
}

/// A token that Keyward has just issued: a prefix and 256 random bits in base64url. Only its [`TokenHash`] is stored.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PlainToken(String);

impl PlainToken {
    /// A fresh one.
    pub fn generate(kind: TokenKind, random: &Random) -> Result<Self, RandomFailed> {
        let mut bytes = random.bytes::<32>()?;
        let mut text = String::with_capacity(4 + 43);
        text.push_str(kind.prefix());
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        bytes.zeroize();
        Ok(Self(text))
    }

    /// A token as a caller sent it; `None` when it has not the form of `kind`, so that junk never reaches the database.
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let random = text.strip_prefix(kind.prefix())?;
        let form = random.len() == 43 && random.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        form.then(|| Self(text.to_owned()))
    }

    /// What is stored in its place.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.0.as_bytes())
    }

    /// The text, to be handed to the one it is for.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken")
    }
}

/// SHA-256 of a token of 256 random bits: what the database holds. With that much chance in the token, no salt and no
/// slow hash is needed.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of a token's text.
    pub fn of(token: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token).as_ref());
        Self(bytes)
    }

    /// As it came from the database; `None` when it is not 32 bytes long.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As it goes into the database.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    pub fn equals_in_constant_time(&self, other: &Self) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_its_content() {
        let random = Random::system();
        let token = PlainToken::generate(TokenKind::Bearer, &random).expect("random");
        assert_eq!(
            format!("{:?} {:?} {:?}", Secret::from_text("x".into()), token, token.hash()),
            "Secret PlainToken TokenHash"
        );
    }

    #[test]
    fn tokens_parse_only_in_their_own_form() {
        let random = Random::system();
        let token = PlainToken::generate(TokenKind::Refresh, &random).expect("random");
        let again = PlainToken::parse(TokenKind::Refresh, token.expose_secret()).expect("its own form");
        assert!(again.hash().equals_in_constant_time(&token.hash()));
        assert!(PlainToken::parse(TokenKind::Code, token.expose_secret()).is_none());
        assert!(PlainToken::parse(TokenKind::Refresh, "kwr_short").is_none());
        assert!(PlainToken::parse(TokenKind::Refresh, &format!("kwr_{}", "é".repeat(21) + "a")).is_none());
    }

    #[test]
    fn secrets_compare_by_content() {
        let secret = |text: &str| Secret::from_text(text.to_owned());
        assert!(secret("a").equals_in_constant_time(&secret("a")));
        assert!(!secret("a").equals_in_constant_time(&secret("ab")));
        assert!(secret("a").equals_by_digest(&secret("a")));
        assert!(!secret("a").equals_by_digest(&secret("b")) && !secret("a").equals_by_digest(&secret("ab")));
    }
}
