//! Files of age (age-encryption.org/v1) for X25519 recipients, so that `age` itself opens what is written here, and this
//! opens what `age` wrote.

mod header;
mod stream;
mod x25519;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

pub use x25519::{Identity, InvalidIdentity, InvalidRecipient, Recipient};

use crate::seal::SealFailed;
use header::Header;

const FILE_KEY_LEN: usize = 16;

/// What everything in a file hangs on; each recipient has it under their own key.
type FileKey = Zeroizing<[u8; FILE_KEY_LEN]>;

/// Why an age file was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// It does not begin as one.
    #[error("it is no file of age (age-encryption.org/v1)")]
    NotAge,
    /// It is in ASCII armor.
    #[error("it is in ASCII armor; write it again without --armor: age -d -i IDENTITY FILE | age -r RECIPIENT")]
    Armored,
    /// Its header breaks off, or is not in the form of one.
    #[error("its header is cut or malformed")]
    Header,
    /// It is for others.
    #[error("it is not encrypted for this identity")]
    NoMatch,
    /// Its header is not as it was written.
    #[error("its header was changed")]
    HeaderChanged,
    /// Its content is not as it was written, or not all of it.
    #[error("its content was changed or cut")]
    ContentChanged,
    /// The cipher failed.
    #[error(transparent)]
    Seal(#[from] SealFailed),
}

/// Encrypts `plain` so that each of `recipients` can open it.
pub(super) fn encrypt(recipients: &[Recipient], plain: &[u8], random: &Random) -> Result<Vec<u8>, SealFailed> {
    let mut file_key = FileKey::new([0; FILE_KEY_LEN]);
    random.fill(&mut *file_key)?;
    let mut file = header::begin();
    for recipient in recipients {
        let (share, body) = recipient.wrap(&file_key, random)?;
        header::push_stanza(&mut file, &["X25519", &share], &body);
    }
    header::finish(&mut file, |header| Ok(hmac::sign(&mac_key(&file_key)?, header)))?;
    stream::encrypt(&file_key, plain, random, &mut file)?;
    Ok(file)
}

/// Opens a file that is for one of `identities`.
pub(super) fn decrypt(identities: &[Identity], file: &[u8]) -> Result<Secret, AgeError> {
    if file.starts_with(b"-----BEGIN AGE") {
        return Err(AgeError::Armored);
    }
    let header = Header::parse(file)?;
    let file_key = unwrap(identities, &header)?;
    hmac::verify(&mac_key(&file_key)?, header.authenticated, &header.mac).map_err(|_| AgeError::HeaderChanged)?;
    stream::decrypt(&file_key, header.content).ok_or(AgeError::ContentChanged)
}

/// Stanzas of other kinds are for others.
fn unwrap(identities: &[Identity], header: &Header<'_>) -> Result<FileKey, AgeError> {
    for stanza in header.stanzas.iter().filter(|stanza| stanza.arguments.first() == Some(&"X25519")) {
        let (share, wrapped) = x25519::parts(stanza).ok_or(AgeError::Header)?;
        for identity in identities {
            if let Some(file_key) = identity.unwrap(&share, &wrapped)? {
                return Ok(file_key);
            }
        }
    }
    Err(AgeError::NoMatch)
}

fn mac_key(file_key: &FileKey) -> Result<hmac::Key, SealFailed> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &*derive(&**file_key, b"", b"header")?))
}

/// HKDF-SHA-256 (RFC 5869) to 32 bytes.
fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealFailed> {
    let mut key = Zeroizing::new([0; 32]);
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    let filled = extracted.expand(&[info], HKDF_SHA256).and_then(|expanded| expanded.fill(&mut *key));
    filled.map_err(|_| SealFailed::Cipher)?;
    Ok(key)
}

#[cfg(test)]
mod tests;
