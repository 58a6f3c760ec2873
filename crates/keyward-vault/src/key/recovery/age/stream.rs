//! The content: chunks of 64 KiB, each sealed with its number, the last one marked as such, so that none can be left out.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use keyward_core::random::Random;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

use super::{FileKey, derive};
use crate::seal::SealFailed;

const NONCE_LEN: usize = 16;
const CHUNK_LEN: usize = 64 * 1024;
const TAG_LEN: usize = 16;

pub(super) fn encrypt(file_key: &FileKey, plain: &[u8], random: &Random, out: &mut Vec<u8>) -> Result<(), SealFailed> {
    let nonce = random.bytes::<NONCE_LEN>()?;
    let key = content_key(file_key, &nonce).ok_or(SealFailed::Cipher)?;
    out.extend_from_slice(&nonce);
    // Nothing at all is one chunk too.
    let last = plain.len().div_ceil(CHUNK_LEN).max(1) - 1;
    for number in 0..=last {
        let chunk = &plain[number * CHUNK_LEN..plain.len().min((number + 1) * CHUNK_LEN)];
        let begun = out.len();
        out.resize(begun + chunk.len(), 0);
        let mut tag = [0; TAG_LEN];
        let nonce = chunk_nonce(number, number == last);
        key.seal_out_of_place_scatter(nonce, Aad::empty(), chunk, &mut out[begun..], &[], &mut tag)
            .map_err(|_| SealFailed::Cipher)?;
        out.extend_from_slice(&tag);
    }
    Ok(())
}

/// `None` when it is not what was written, or not all of it.
pub(super) fn decrypt(file_key: &FileKey, content: &[u8]) -> Option<Secret> {
    let (nonce, sealed) = content.split_first_chunk::<NONCE_LEN>()?;
    let key = content_key(file_key, nonce)?;
    let chunks = sealed.chunks(CHUNK_LEN + TAG_LEN);
    let last = chunks.len().checked_sub(1)?;
    let mut plain = Zeroizing::new(vec![0; sealed.len().checked_sub(chunks.len() * TAG_LEN)?]);
    let mut free = &mut plain[..];
    for (number, chunk) in chunks.enumerate() {
        let (ciphertext, tag) = chunk.split_at(chunk.len().checked_sub(TAG_LEN)?);
        if ciphertext.is_empty() && number > 0 {
            return None;
        }
        let (here, rest) = free.split_at_mut_checked(ciphertext.len())?;
        key.open_separate_gather(chunk_nonce(number, number == last), Aad::empty(), ciphertext, tag, here).ok()?;
        free = rest;
    }
    Some(Secret::new(std::mem::take(&mut *plain)))
}

fn content_key(file_key: &FileKey, nonce: &[u8]) -> Option<LessSafeKey> {
    let key = derive(&**file_key, nonce, b"payload").ok()?;
    UnboundKey::new(&CHACHA20_POLY1305, &*key).ok().map(LessSafeKey::new)
}

/// Eleven bytes of the chunk's number, and one that is 1 for the last.
fn chunk_nonce(number: usize, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&(number as u64).to_be_bytes());
    nonce[11] = u8::from(is_last);
    Nonce::assume_unique_for_key(nonce)
}
