//! The chain: `hash = SHA-256(prev_hash || SHA-256(canonical encoding of the record))`.

use aws_lc_rs::digest::{Context, SHA256};
use keyward_core::clock::Timestamp;
use uuid::Uuid;

/// A link of the chain.
pub(super) type Hash = [u8; 32];

/// What the first record follows.
pub(super) const GENESIS: Hash = [0; 32];

/// The label of the encoding; a change of it is a new format.
const LABEL: &[u8] = b"keyward audit record v1";

/// What a record's hash covers, beside the chain's hash before it.
pub(super) struct Content<'a> {
    pub(super) seq: i64,
    pub(super) id: Uuid,
    pub(super) at: Timestamp,
    pub(super) action: &'a str,
    pub(super) result: &'a str,
    pub(super) service_id: Option<&'a str>,
    pub(super) token_key: Option<&'a str>,
    pub(super) user_email: Option<&'a str>,
    pub(super) client_id: Option<&'a str>,
    pub(super) request_id: Option<Uuid>,
    pub(super) detail: Option<&'a str>,
}

impl Content<'_> {
    /// The chain's hash after this record.
    pub(super) fn link(&self, previous: &Hash) -> Hash {
        let mut leaf = Context::new(&SHA256);
        leaf.update(LABEL);
        leaf.update(&self.seq.to_be_bytes());
        leaf.update(self.id.as_bytes());
        leaf.update(&self.at.as_micros().to_be_bytes());
        for text in [Some(self.action), Some(self.result), self.service_id, self.token_key, self.user_email] {
            field(&mut leaf, text.map(str::as_bytes));
        }
        field(&mut leaf, self.client_id.map(str::as_bytes));
        field(&mut leaf, self.request_id.as_ref().map(|id| id.as_bytes().as_slice()));
        field(&mut leaf, self.detail.map(str::as_bytes));

        let mut link = Context::new(&SHA256);
        link.update(previous);
        link.update(leaf.finish().as_ref());
        let mut hash = Hash::default();
        hash.copy_from_slice(link.finish().as_ref());
        hash
    }
}

/// Presence, length, bytes: no two lists of fields encode alike.
fn field(leaf: &mut Context, bytes: Option<&[u8]>) {
    match bytes {
        None => leaf.update(&[0]),
        Some(bytes) => {
            leaf.update(&[1]);
            leaf.update(&(bytes.len() as u64).to_be_bytes());
            leaf.update(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
