//! What a ciphertext is bound to: the place it was sealed for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use keyward_core::id::UserId;
use keyward_storage::sealed_rows::SealedPlace;
use uuid::Uuid;

use crate::name::TokenName;

/// Begins all additional authenticated data; the number is the version of the encoding.
const LABEL: &[u8] = b"keyward sealed 1";

/// Where a sealed value lies: table, service, key, owner and version. A value opens at the place it was sealed for and at
/// no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    table: &'static str,
    service: Arc<str>,
    key: Arc<str>,
    owner: Option<UserId>,
    version: i64,
}

impl Place {
    /// The current version of a token.
    pub fn token(name: &TokenName, version: i64) -> Self {
        Self::of_name("tokens", name, version)
    }

    /// An earlier version of a token.
    pub fn earlier_token(name: &TokenName, version: i64) -> Self {
        Self::of_name("token_versions", name, version)
    }

    /// A token in a store outside the database, which numbers its versions itself, after it has taken them.
    pub(crate) fn token_elsewhere(store: &'static str, name: &TokenName) -> Self {
        Self::of_name(store, name, 0)
    }

    /// A version of a token in a store outside the database, whose number is known before it is written.
    pub(crate) fn version_elsewhere(store: &'static str, name: &TokenName, version: i64) -> Self {
        Self::of_name(store, name, version)
    }

    /// A column of a row in another room's table. `column` tells several sealed columns of a row apart, `row` is the
    /// row's primary key as text.
    pub fn column(table: &'static str, column: &str, row: &str) -> Self {
        Self { table, service: column.into(), key: row.into(), owner: None, version: 0 }
    }

    /// The tokens of a person's grant at another authorization server. The connection counts, since it says to which
    /// servers they are sent.
    pub fn upstream_grant(id: Uuid, connection: &str, owner: UserId, version: i64) -> Self {
        let row = format!("{id} {connection}");
        Self { owner: Some(owner), version, ..Self::column("upstream_grants", "tokens", &row) }
    }

    /// The secret of a registration at another authorization server. The issuer counts, since it says who is shown it.
    pub fn upstream_client(id: Uuid, issuer: &str) -> Self {
        Self::column("upstream_clients", "client_secret", &format!("{id} {issuer}"))
    }

    /// Of a row that is walked over. `None` when it names an owner that Keyward never wrote.
    pub(crate) fn of_row(row: SealedPlace) -> Option<Self> {
        Some(match row {
            SealedPlace::Token { is_earlier, service, key, owner, version } => {
                let table = if is_earlier { "token_versions" } else { "tokens" };
                let owner = if owner.is_empty() { None } else { Some(owner.parse().ok()?) };
                Self { table, service: service.into(), key: key.into(), owner, version }
            }
            SealedPlace::UpstreamGrant { id, connection, owner, version } => {
                Self::upstream_grant(id, &connection, owner, version)
            }
            SealedPlace::UpstreamClient { id, issuer } => Self::upstream_client(id, &issuer),
            SealedPlace::Column { table, column, row } => Self::column(table, column, &row),
        })
    }

    fn of_name(table: &'static str, name: &TokenName, version: i64) -> Self {
        let (service, key) = name.shared();
        Self { table, service, key, owner: name.owner(), version }
    }

    /// The additional authenticated data (NIST SP 800-38D §7.1, `A`): every part after its length, so that no two places
    /// encode alike.
    pub(crate) fn additional_data(&self, key_id: &KeyId) -> Vec<u8> {
        let owner = self.owner.map(|owner| owner.to_string()).unwrap_or_default();
        let version = self.version.to_be_bytes();
        let parts: [&[u8]; 7] = [
            LABEL,
            self.table.as_bytes(),
            self.service.as_bytes(),
            self.key.as_bytes(),
            owner.as_bytes(),
            &version,
            &key_id.0,
        ];
        let mut encoded = Vec::with_capacity(parts.iter().map(|part| 8 + part.len()).sum());
        for part in parts {
            encoded.extend_from_slice(&(part.len() as u64).to_be_bytes());
            encoded.extend_from_slice(part);
        }
        encoded
    }
}

/// `token SERVICE/KEY`, or the table for a column of another room.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table {
            "tokens" | "token_versions" | "infisical" | "openbao" => write!(f, "token {}/{}", self.service, self.key),
            table => write!(f, "{table}.{}", self.service),
        }
    }
}

/// The id of a data key, as rows name it: `dk_` and 12 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; Self::LEN]);

/// A text that is no key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a data key's id is \"dk_\" and 12 hex digits")]
pub struct InvalidKeyId;

impl KeyId {
    pub(crate) const LEN: usize = 3 + 12;

    pub(crate) fn from_bytes(bytes: [u8; 6]) -> Self {
        let mut text = *b"dk_000000000000";
        let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
        for (digits, byte) in text[3..].chunks_exact_mut(2).zip(bytes) {
            digits.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
        }
        Self(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("ASCII by its form")
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        let bytes = <[u8; Self::LEN]>::try_from(text.as_bytes()).map_err(|_| InvalidKeyId)?;
        let hex = bytes.strip_prefix(b"dk_").ok_or(InvalidKeyId)?;
        let form = hex.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        form.then_some(Self(bytes)).ok_or(InvalidKeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use keyward_core::id::UserId;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    /// Few letters and short parts, so that two draws often differ only in where one part ends and the next begins.
    fn places() -> impl Strategy<Value = (Place, KeyId)> {
        let table = prop_oneof![Just("tokens"), Just("token_versions"), Just("t")];
        let owner = prop_oneof![Just(None), Just(Some(UserId(Uuid::nil()))), Just(Some(UserId(Uuid::max())))];
        (table, "[a/\0]{0,3}", "[a/\0]{0,3}", owner, -1_i64..3, 0_u8..2).prop_map(
            |(table, service, key, owner, version, id)| {
                (Place { table, service: service.into(), key: key.into(), owner, version }, KeyId::from_bytes([id; 6]))
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn no_two_places_encode_alike(a in places(), b in places()) {
            let same = a == b;
            prop_assert_eq!(a.0.additional_data(&a.1) == b.0.additional_data(&b.1), same);
        }
    }

    #[test]
    fn the_encoding_stays_as_it_is() {
        let name: TokenName = "coda/api_token".parse().expect("name");
        let data = Place::token(&name, 7).additional_data(&KeyId::from_bytes([1, 2, 3, 4, 5, 0xff]));
        let expected = b"\0\0\0\0\0\0\0\x10keyward sealed 1\0\0\0\0\0\0\0\x06tokens\0\0\0\0\0\0\0\x04coda\0\0\0\0\0\0\0\x09api_token\
            \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x0fdk_0102030405ff";
        assert_eq!(data.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[test]
    fn key_ids_follow_their_form() {
        assert!("dk_0123456789ab".parse::<KeyId>().is_ok());
        for bad in ["", "dk_", "dk_0123456789aB", "dk_0123456789abc", "kd_0123456789ab", "dk_é123456789a"] {
            assert_eq!(bad.parse::<KeyId>(), Err(InvalidKeyId), "{bad}");
        }
    }
}
