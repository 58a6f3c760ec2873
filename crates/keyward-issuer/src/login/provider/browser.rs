//! What binds an answer to the browser that asked. The browser has a secret in a cookie, the database hashes of that and of
//! the `state`; nonce and code verifier follow from both, so that neither the database nor an address that was seen on its
//! way is enough to bring an answer in.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use keyward_core::random::RandomFailed;
use keyward_core::secret::{PlainToken, TokenHash, TokenKind};
use zeroize::Zeroizing;

use crate::cookie::Cookie;
use crate::state::Issuer;

/// How long the way there and back may take, in seconds.
pub(super) const LIFETIME: u64 = 10 * 60;

/// The secret of one browser.
pub(super) struct BrowserSecret(PlainToken);

impl BrowserSecret {
    /// The one that a browser has brought.
    pub(super) fn read(issuer: &Issuer, headers: &HeaderMap) -> Option<Self> {
        Cookie::Login.read(&issuer.config, headers).map(Self)
    }

    /// The one that the browser has, so that several tabs can be under way, or a new one; and the cookie to set, whose time
    /// begins anew.
    pub(super) fn keep_or_make(issuer: &Issuer, headers: &HeaderMap) -> Result<(Self, HeaderValue), RandomFailed> {
        let secret = match Cookie::Login.read(&issuer.config, headers) {
            Some(there) => there,
            None => PlainToken::generate(TokenKind::Session, &issuer.random)?,
        };
        let cookie = Cookie::Login.set(&issuer.config, &secret, Some(LIFETIME));
        Ok((Self(secret), cookie))
    }

    pub(super) fn hash(&self) -> TokenHash {
        self.0.hash()
    }

    /// OpenID Connect Core §15.5.2 has it so: a nonce that follows from a secret of the browser.
    pub(super) fn nonce(&self, state: &PlainToken) -> String {
        self.derive(b"keyward login nonce v1\0", state)
    }

    /// RFC 7636 §4.1: 43 characters.
    pub(super) fn code_verifier(&self, state: &PlainToken) -> Zeroizing<String> {
        Zeroizing::new(self.derive(b"keyward login verifier v1\0", state))
    }

    fn derive(&self, label: &[u8], state: &PlainToken) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret().as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(label);
        context.update(state.expose_secret().as_bytes());
        URL_SAFE_NO_PAD.encode(context.sign())
    }
}
