//! Ids: UUID version 7 (RFC 9562 §5.7), one type for each thing so that they cannot be mixed up.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::random::{Random, RandomFailed};

/// A fresh UUIDv7: 48 bits of milliseconds, then 74 random bits.
pub fn uuid_v7(now: Timestamp, random: &Random) -> Result<Uuid, RandomFailed> {
    let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes::<10>()?).into_uuid())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id.
            pub fn new(now: Timestamp, random: &Random) -> Result<Self, RandomFailed> {
                uuid_v7(now, random).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// A person with an account here; the `sub` of their access tokens.
    UserId
);
id!(
    /// One authorization of one client by one person for one resource; its refresh tokens are one family.
    GrantId
);
id!(
    /// One login of one browser.
    SessionId
);
id!(
    /// One call, in the audit log, in logs and in `X-Request-Id`.
    RequestId
);

macro_rules! configured_id {
    ($(#[$doc:meta])* $name:ident, $invalid:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        #[doc = concat!($noun, " id that does not follow its grammar.")]
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error("{} id has 1 to 63 characters a-z, 0-9, '-' and '_', the first a letter or digit", $noun)]
        pub struct $invalid;

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $invalid;

            fn from_str(text: &str) -> Result<Self, $invalid> {
                is_configured_id(text).then(|| Self(text.into())).ok_or($invalid)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_configured_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let starts = bytes.first().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    starts && bytes.len() <= 63 && bytes.iter().all(allowed)
}

configured_id!(
    /// The id of a configured MCP server: `[a-z0-9][a-z0-9_-]{0,62}`.
    ServerId,
    InvalidServerId,
    "a server"
);
configured_id!(
    /// The id of a configured connection to another authorization server; the grammar is that of a [`ServerId`].
    ConnectionId,
    InvalidConnectionId,
    "a connection"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_sort_by_time() {
        let random = Random::system();
        let early = UserId::new(Timestamp::from_seconds(1_700_000_000), &random).expect("random");
        let late = UserId::new(Timestamp::from_seconds(1_700_000_001), &random).expect("random");
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
    }

    #[test]
    fn server_ids_follow_their_grammar() {
        assert!("coda".parse::<ServerId>().is_ok());
        for bad in ["", "-a", "A", "a/b", "a b", &"a".repeat(64)] {
            assert_eq!(bad.parse::<ServerId>(), Err(InvalidServerId), "{bad}");
        }
    }
}
