//! `token_store.kind`: one store, or several behind one another.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A kind of token store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub(crate) enum TokenStoreKind {
    /// Environment variables; read-only.
    Env,
    /// Sealed in the SQLite file of `[storage]`.
    Sqlite,
    /// Sealed in the PostgreSQL database of `[storage]`.
    Postgres,
    /// Secrets of OpenBao's or HashiCorp Vault's KV v2.
    OpenBao,
    /// Secrets of Infisical.
    Infisical,
}

/// One kind, written as a string, or several, written as a list in the order in which they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenStoreKinds(pub(crate) Vec<TokenStoreKind>);

impl Serialize for TokenStoreKinds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrSeveral {
    One(TokenStoreKind),
    Several(Vec<TokenStoreKind>),
}

impl<'de> Deserialize<'de> for TokenStoreKinds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match OneOrSeveral::deserialize(deserializer)? {
            OneOrSeveral::One(kind) => Self(vec![kind]),
            OneOrSeveral::Several(kinds) => Self(kinds),
        })
    }
}

impl JsonSchema for TokenStoreKinds {
    fn schema_name() -> Cow<'static, str> {
        "TokenStoreKinds".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kind = TokenStoreKind::json_schema(generator);
        json_schema!({ "anyOf": [kind, { "type": "array", "items": kind, "minItems": 1, "uniqueItems": true }] })
    }

    fn inline_schema() -> bool {
        true
    }
}
