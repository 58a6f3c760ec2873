//! `[servers.credential]`: which token of the cabinet goes into the calls of a server, whose, and how it is written.

use keyward_core::id::ConnectionId;
use keyward_vault::upstream::{GrantRule, InvalidGrantRule};
use keyward_vault::{CredentialSpec, InvalidCredentialSpec, TokenName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{CredentialFormat, Text, TextValue};

/// Which token of the cabinet goes into the calls, and how it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credential {
    /// Its name in the cabinet, `service/key`; put it there with `keyward token set`.
    #[serde(default)]
    pub(crate) token: Option<Text<TokenName>>,
    /// Instead of `token`: the connection at which each caller's own access token is had, by its id in `[[connections]]`.
    #[serde(default)]
    pub(crate) connection: Option<Text<ConnectionId>>,
    /// Whose token it is.
    #[serde(default)]
    pub(crate) owner: CredentialOwner,
    /// How it is written. When absent: as the keys below say, else `bearer`.
    #[serde(default)]
    pub(crate) kind: Option<CredentialKind>,
    /// For `kind = "header"`: the header that carries it. When absent: `Authorization`.
    #[serde(default)]
    pub(crate) header: Option<Text<http::HeaderName>>,
    /// For `kind = "header"`: the header's value; `{token}` is where the token goes. When absent: `Bearer {token}`.
    #[serde(default)]
    pub(crate) format: Option<Text<CredentialFormat>>,
    /// For `kind = "basic"`: the user name, of which the token is the password. When absent, the token's value is
    /// `user:password`.
    #[serde(default)]
    pub(crate) username: Option<String>,
    /// For `kind = "query"`: the parameter's name.
    #[serde(default)]
    pub(crate) parameter: Option<String>,
}

/// Whose token a call carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CredentialOwner {
    /// One token for all calls.
    #[default]
    Shared,
    /// The calling person's own; a call without one is refused.
    User,
    /// The calling person's own where there is one, else the shared one.
    UserOrShared,
}

/// How a token is written into a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CredentialKind {
    /// `Authorization: Bearer TOKEN` (RFC 6750).
    Bearer,
    /// A header of any name and form.
    Header,
    /// HTTP's Basic scheme (RFC 7617).
    Basic,
    /// A parameter of the query, which many programs write into their logs: only where upstream takes nothing better.
    Query,
}

/// Why a credential cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadCredential {
    /// Nothing to write.
    #[error("a credential needs `token` or `connection`")]
    Nothing,
    /// Two things.
    #[error("a credential has `token` or `connection`, not both")]
    Both,
    /// An access token in another form than the standard has for it.
    #[error("a credential with `connection` is of kind \"bearer\" or \"header\", and always the caller's own")]
    NotForGrants,
    /// Keys of two kinds, and no word on which it is.
    #[error("`header` and `format`, `username`, and `parameter` belong to different kinds: say which by `kind`")]
    Ambiguous,
    /// A query without the name of its parameter.
    #[error("a credential of kind \"query\" needs `parameter`, its name there")]
    NoParameter,
    /// What the vault says.
    #[error(transparent)]
    Invalid(#[from] InvalidCredentialSpec),
    /// What the vault says of one with a connection.
    #[error(transparent)]
    InvalidGrant(#[from] InvalidGrantRule),
}

impl Credential {
    /// The kind that is meant; configurations of before there were kinds have a header and a format.
    pub(crate) fn kind(&self) -> Result<CredentialKind, BadCredential> {
        if let Some(kind) = self.kind {
            return Ok(kind);
        }
        let header = self.header.is_some() || self.format.is_some();
        match (header, self.username.is_some(), self.parameter.is_some()) {
            (false, false, false) => Ok(CredentialKind::Bearer),
            (true, false, false) => Ok(CredentialKind::Header),
            (false, true, false) => Ok(CredentialKind::Basic),
            (false, false, true) => Ok(CredentialKind::Query),
            _ => Err(BadCredential::Ambiguous),
        }
    }

    /// The rule in the vault's terms.
    pub(crate) fn rule(&self) -> Result<CredentialRule, BadCredential> {
        match (&self.token, &self.connection) {
            (Some(token), None) => self.token_rule(token.0.clone()).map(CredentialRule::Token),
            (None, Some(connection)) => self.grant_rule(connection.0.clone()).map(CredentialRule::Grant),
            (None, None) => Err(BadCredential::Nothing),
            (Some(_), Some(_)) => Err(BadCredential::Both),
        }
    }

    fn token_rule(&self, token: TokenName) -> Result<CredentialSpec, BadCredential> {
        Ok(match self.kind()? {
            CredentialKind::Bearer => CredentialSpec::bearer(token)?,
            CredentialKind::Header => {
                let (header, format) = self.header_and_format();
                CredentialSpec::new(token, header, &format)?
            }
            CredentialKind::Basic => CredentialSpec::basic(token, self.username.as_deref())?,
            CredentialKind::Query => {
                CredentialSpec::query(token, self.parameter.as_deref().ok_or(BadCredential::NoParameter)?)?
            }
        })
    }

    fn grant_rule(&self, connection: ConnectionId) -> Result<GrantRule, BadCredential> {
        match (self.kind()?, self.owner) {
            (CredentialKind::Bearer | CredentialKind::Header, CredentialOwner::Shared | CredentialOwner::User) => {
                let (header, format) = self.header_and_format();
                Ok(GrantRule::new(connection, header, &format)?)
            }
            _ => Err(BadCredential::NotForGrants),
        }
    }

    fn header_and_format(&self) -> (http::HeaderName, String) {
        let header = self.header.as_ref().map_or(http::header::AUTHORIZATION, |header| header.0.clone());
        (header, self.format.as_ref().map_or_else(|| "Bearer {token}".to_owned(), |it| it.0.to_text()))
    }
}

/// What a call carries.
#[derive(Clone, Debug)]
pub(crate) enum CredentialRule {
    /// A token of the cabinet.
    Token(CredentialSpec),
    /// The caller's own access token at a connection.
    Grant(GrantRule),
}
