//! AES-256-GCM (NIST SP 800-38D): 256-bit key, 96-bit IV from the system's generator (§8.2.2), 128-bit tag.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use keyward_core::random::{Random, RandomFailed};
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

use super::place::KeyId;

pub(crate) const KEY_LEN: usize = 32;
pub(crate) const IV_LEN: usize = 12;
pub(crate) const TAG_LEN: usize = 16;

/// First byte of [`Sealed::to_bytes`].
const BYTES_VERSION: u8 = 1;

/// A value under a data key, its IV and its tag apart. It opens only at the [`Place`](super::Place) it was sealed for.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The data key it is under.
    pub key_id: KeyId,
    /// The initialization vector.
    pub iv: [u8; IV_LEN],
    /// The authentication tag.
    pub tag: [u8; TAG_LEN],
    /// The ciphertext, as long as the value.
    pub ciphertext: Vec<u8>,
}

/// Bytes that are no [`Sealed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sealed value")]
pub struct InvalidSealed;

/// Nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealFailed {
    /// No IV.
    #[error(transparent)]
    Random(#[from] RandomFailed),
    /// The cipher refused, as it does beyond the length that NIST SP 800-38D §5.2.1.1 allows.
    #[error("the cipher refused to seal")]
    Cipher,
}

impl Sealed {
    /// One byte string, for tables that keep a sealed value in one column.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + KeyId::LEN + IV_LEN + TAG_LEN + self.ciphertext.len());
        bytes.push(BYTES_VERSION);
        bytes.extend_from_slice(self.key_id.as_str().as_bytes());
        bytes.extend_from_slice(&self.iv);
        bytes.extend_from_slice(&self.tag);
        bytes.extend_from_slice(&self.ciphertext);
        bytes
    }

    /// From [`to_bytes`](Self::to_bytes).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidSealed> {
        let rest = bytes.strip_prefix(&[BYTES_VERSION]).ok_or(InvalidSealed)?;
        let (key_id, rest) = rest.split_first_chunk::<{ KeyId::LEN }>().ok_or(InvalidSealed)?;
        let (&iv, rest) = rest.split_first_chunk().ok_or(InvalidSealed)?;
        let (&tag, ciphertext) = rest.split_first_chunk().ok_or(InvalidSealed)?;
        let key_id = std::str::from_utf8(key_id).ok().and_then(|text| text.parse().ok()).ok_or(InvalidSealed)?;
        Ok(Self { key_id, iv, tag, ciphertext: ciphertext.to_vec() })
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.key_id)
    }
}

/// A key with its schedule computed, ready to use.
pub(crate) struct SealingKey(LessSafeKey);

/// What [`SealingKey::seal`] gives: IV, tag, ciphertext.
pub(crate) type Parts = ([u8; IV_LEN], [u8; TAG_LEN], Vec<u8>);

impl SealingKey {
    pub(crate) fn new(key: &[u8; KEY_LEN]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, key).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    pub(crate) fn seal(&self, random: &Random, aad: &[u8], plain: &[u8]) -> Result<Parts, SealFailed> {
        let iv = random.bytes::<IV_LEN>()?;
        let (tag, ciphertext) = self.seal_under(iv, aad, plain)?;
        Ok((iv, tag, ciphertext))
    }

    /// With an IV that this key has never had.
    fn seal_under(&self, iv: [u8; IV_LEN], aad: &[u8], plain: &[u8]) -> Result<([u8; TAG_LEN], Vec<u8>), SealFailed> {
        let mut ciphertext = vec![0; plain.len()];
        let mut tag = [0; TAG_LEN];
        let nonce = Nonce::assume_unique_for_key(iv);
        self.0
            .seal_out_of_place_scatter(nonce, Aad::from(aad), plain, &mut ciphertext, &[], &mut tag)
            .map_err(|_| SealFailed::Cipher)?;
        Ok((tag, ciphertext))
    }

    /// `None` when the tag does not match; nothing of the plaintext is left then.
    pub(crate) fn open(&self, aad: &[u8], iv: [u8; IV_LEN], tag: &[u8], ciphertext: &[u8]) -> Option<Secret> {
        let mut plain = Zeroizing::new(vec![0; ciphertext.len()]);
        let nonce = Nonce::assume_unique_for_key(iv);
        self.0.open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, &mut plain).ok()?;
        Some(Secret::new(std::mem::take(&mut *plain)))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey")
    }
}

#[cfg(test)]
mod wycheproof;

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SealingKey {
        SealingKey::new(&[7; KEY_LEN]).expect("key")
    }

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let random = Random::system();
        for length in [0, 1, 15, 16, 17, 1 << 20] {
            let plain = vec![0xa5; length];
            let (iv, tag, ciphertext) = key().seal(&random, b"place", &plain).expect("sealed");
            assert_eq!(ciphertext.len(), length);
            assert_eq!(key().open(b"place", iv, &tag, &ciphertext).expect("opens").expose_secret(), plain);
            assert!(key().open(b"plac", iv, &tag, &ciphertext).is_none());
            assert!(key().open(b"place", iv, &tag[..15], &ciphertext).is_none());
            assert!(SealingKey::new(&[8; KEY_LEN]).expect("key").open(b"place", iv, &tag, &ciphertext).is_none());
        }
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let (iv, tag, ciphertext) = key().seal(&Random::system(), b"place", b"value").expect("sealed");
        let whole = [&iv[..], &tag, &ciphertext].concat();
        for bit in 0..whole.len() * 8 {
            let mut bad = whole.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let (iv, rest) = bad.split_first_chunk().expect("iv");
            let (tag, ciphertext) = rest.split_at(TAG_LEN);
            assert!(key().open(b"place", *iv, tag, ciphertext).is_none(), "bit {bit}");
        }
    }

    /// The test vector with 256-bit key, 96-bit IV and associated data of the GCM specification (McGrew and Viega, case 16).
    #[test]
    fn agrees_with_the_published_vector() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
        };
        let key: [u8; 32] =
            hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308").try_into().expect("key");
        let iv: [u8; 12] = hex("cafebabefacedbaddecaf888").try_into().expect("iv");
        let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let ciphertext = hex(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        );
        let tag = hex("76fc6ece0f4e1768cddf8853bb2d551b");
        let plain = SealingKey::new(&key).expect("key").open(&aad, iv, &tag, &ciphertext).expect("opens");
        assert!(plain.expose_secret().starts_with(&hex("d9313225f88406e5a55909c5aff5269a")));
    }

    #[test]
    fn bytes_round_trip_and_junk_is_refused() {
        let sealed = Sealed { key_id: KeyId::from_bytes([3; 6]), iv: [1; 12], tag: [2; 16], ciphertext: vec![4; 5] };
        let bytes = sealed.to_bytes();
        assert_eq!(Sealed::from_bytes(&bytes), Ok(sealed));
        for length in 0..1 + KeyId::LEN + IV_LEN + TAG_LEN {
            assert_eq!(Sealed::from_bytes(&bytes[..length]), Err(InvalidSealed));
        }
        assert_eq!(Sealed::from_bytes(&[&[2], &bytes[1..]].concat()), Err(InvalidSealed));
        assert_eq!(Sealed::from_bytes(&[&bytes[..1], &[0xff], &bytes[2..]].concat()), Err(InvalidSealed));
    }
}
