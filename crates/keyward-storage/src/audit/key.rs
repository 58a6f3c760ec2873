//! The key that checkpoints are signed with: Ed25519 (RFC 8032). Its private half is not known here.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::hex::Hex;

/// SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410 §4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// The public half.
pub type PublicKey = Hex<32>;
/// A signature.
pub type Signature = Hex<64>;

impl PublicKey {
    /// A short name: `ak_` and 16 hex digits of its SHA-256.
    pub fn id(&self) -> String {
        let hash = digest(&SHA256, &self.0);
        hash.as_ref()[..8].iter().fold("ak_".to_owned(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// The key as PEM (RFC 7468 §13), as other tools read it.
    pub fn to_pem(&self) -> String {
        let document = [&SPKI[..], &self.0].concat();
        format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(document))
    }

    /// Every key of a PEM text; `None` when there is none, or one that is not Ed25519. Text around the keys does not count.
    pub fn all_from_pem(text: &str) -> Option<Vec<Self>> {
        let mut keys = Vec::new();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once(BEGIN) {
            let (body, after) = after.split_once(END)?;
            let body: String = body.split_ascii_whitespace().collect();
            let document = STANDARD.decode(body).ok()?;
            keys.push(Hex(document.strip_prefix(&SPKI)?.try_into().ok()?));
            rest = after;
        }
        (!keys.is_empty()).then_some(keys)
    }

    /// Whether `signature` over `message` was made with this key.
    pub(super) fn has_signed(&self, message: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, &signature.0).is_ok()
    }
}

/// Gives the Ed25519 signature of a message.
type Sign = dyn Fn(&[u8]) -> [u8; 64] + Send + Sync;

/// Signs checkpoints. Whoever makes one holds the private half.
#[derive(Clone)]
pub struct Signer {
    public_key: PublicKey,
    sign: Arc<Sign>,
}

impl Signer {
    /// A signer for `public_key`; `sign` gives the Ed25519 signature of a message.
    pub fn new(public_key: [u8; 32], sign: impl Fn(&[u8]) -> [u8; 64] + Send + Sync + 'static) -> Self {
        Self { public_key: Hex(public_key), sign: Arc::new(sign) }
    }

    /// The public half of its key.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    pub(super) fn sign(&self, message: &[u8]) -> Signature {
        Hex((self.sign)(message))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public_key.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pem_text_is_read_back() {
        let (a, b) = (Hex([7; 32]), Hex([9; 32]));
        assert!(a.to_pem().contains("MCowBQYDK2VwAyEABwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="));
        let text = format!("# of the log\n{}\n{}", a.to_pem(), b.to_pem());
        assert_eq!(PublicKey::all_from_pem(&text), Some(vec![a, b]));
        for bad in ["", "x", BEGIN, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
            assert_eq!(PublicKey::all_from_pem(bad), None, "{bad}");
        }
    }
}
