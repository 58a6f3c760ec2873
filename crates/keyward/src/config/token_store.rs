//! `[token_store]`: where the service tokens are.

mod infisical;
mod kind;
mod openbao;

use std::collections::BTreeMap;

pub(crate) use infisical::InfisicalSection;
use keyward_vault::TokenName;
pub(crate) use kind::{TokenStoreKind, TokenStoreKinds};
pub(crate) use openbao::OpenBaoSection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{EnvironmentName, Period, Text, TextValue};

/// Where the service tokens are kept that Keyward puts into calls.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TokenStore {
    /// One store, or a list of them in the order in which they are asked: the first that has a token answers. When absent:
    /// sealed in the database of `[storage]`.
    pub(crate) kind: Option<TokenStoreKinds>,
    /// How long a token that was opened serves calls before its store is asked again. Changes made through Keyward are
    /// seen at once, those made by others in a store elsewhere within this time.
    pub(crate) fresh_for: Text<Period>,
    /// How long a token that was opened serves calls while its store cannot be reached. Then they are refused (503).
    pub(crate) usable_for: Text<Period>,
    /// For `kind = "env"`: which variable holds which token, such as `"coda/api_token" = "CODA_API_TOKEN"`. Tokens that
    /// are not named here are looked for in `KEYWARD_TOKEN__SERVICE__KEY`.
    #[schemars(extend("x-keyward-keys" = TokenName::FORMAT))]
    pub(crate) env: BTreeMap<String, Text<EnvironmentName>>,
    /// For `kind = "openbao"`: where OpenBao (or HashiCorp Vault) is, how Keyward logs in, and where the tokens are in it.
    pub(crate) openbao: Option<OpenBaoSection>,
    /// For `kind = "infisical"`: where Infisical is, and as whom Keyward asks.
    pub(crate) infisical: Option<InfisicalSection>,
}

impl TokenStore {
    /// Whether `kind` is one of the stores.
    pub(crate) fn has(&self, kind: TokenStoreKind) -> bool {
        self.kind.as_ref().is_some_and(|kinds| kinds.0.contains(&kind))
    }
}

impl Default for TokenStore {
    fn default() -> Self {
        Self {
            kind: None,
            fresh_for: Text::of(Period::minutes(1)),
            usable_for: Text::of(Period::minutes(10)),
            env: BTreeMap::new(),
            openbao: None,
            infisical: None,
        }
    }
}
