//! `[token_store]`: where the service tokens are.

use std::collections::BTreeMap;

use keyward_vault::TokenName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{EnvironmentName, Text, TextValue};

/// Where the service tokens are kept that Keyward puts into calls.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TokenStore {
    /// When absent: sealed in the database of `[storage]`.
    pub(crate) kind: Option<TokenStoreKind>,
    /// For `kind = "env"`: which variable holds which token, such as `"coda/api_token" = "CODA_API_TOKEN"`. Tokens that
    /// are not named here are looked for in `KEYWARD_TOKEN__SERVICE__KEY`.
    #[schemars(extend("x-keyward-keys" = TokenName::FORMAT))]
    pub(crate) env: BTreeMap<String, Text<EnvironmentName>>,
}

/// A kind of token store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenStoreKind {
    /// Environment variables; read-only.
    Env,
    /// Sealed in the SQLite file of `[storage]`.
    Sqlite,
    /// Sealed in the PostgreSQL database of `[storage]`.
    Postgres,
}
