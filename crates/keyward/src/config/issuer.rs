//! `[issuer]`: the authorization server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::broker::Broker;
use super::provider::Provider;
use super::text::{Period, Text};

/// The authorization server: who logs people in and issues tokens, and how long these last.
// Unknown keys are found by the schema: serde cannot refuse them beside flattened parts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Issuer {
    /// Which authorization server.
    pub(crate) kind: IssuerKind,
    /// When it is not Keyward's own: where it is, and how its tokens are read.
    #[serde(flatten)]
    pub(crate) provider: Provider,
    /// How people log in there for tokens of Keyward's own.
    #[serde(flatten)]
    pub(crate) broker: Broker,
    /// Whether development bearer tokens are taken besides. When absent: only where `public_url` is on this machine.
    pub(crate) static_tokens: Option<bool>,
    /// How long an access token is good.
    pub(crate) access_token_lifetime: Text<Period>,
    /// How long a refresh token may lie unused before the person must log in again.
    pub(crate) refresh_token_lifetime: Text<Period>,
    /// How long an authorization lasts at most, however often it is refreshed.
    pub(crate) grant_lifetime: Text<Period>,
    /// How long an authorization code is good.
    pub(crate) code_lifetime: Text<Period>,
    /// How long a refresh token that was just used gets the same answer again, for clients that lose answers or run in
    /// several processes.
    pub(crate) refresh_grace: Text<Period>,
    /// How long a browser stays logged in altogether.
    pub(crate) session_lifetime: Text<Period>,
    /// How long a browser stays logged in that is not used.
    pub(crate) session_idle_lifetime: Text<Period>,
    /// Whether clients may register themselves (RFC 7591).
    pub(crate) registration: Registration,
    /// Whether a client may name itself by the URL of its metadata document.
    pub(crate) client_metadata_documents: bool,
    /// Whether such a document may lie at a private address. For tests: it lets a client make Keyward call into your
    /// network.
    pub(crate) allow_private_client_metadata: bool,
}

/// A kind of authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IssuerKind {
    /// Keyward's own.
    Embedded,
    /// A project of Stytch.
    Stytch,
    /// Another that has OpenID Connect or OAuth metadata, or whose keys are told.
    Oidc,
}

/// Who may register clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Registration {
    /// Every client itself.
    Open,
    /// Only operators, by `keyward client add`.
    Closed,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            kind: IssuerKind::Embedded,
            provider: Provider::default(),
            broker: Broker::default(),
            static_tokens: None,
            access_token_lifetime: Text::of(Period::minutes(10)),
            refresh_token_lifetime: Text::of(Period::days(30)),
            grant_lifetime: Text::of(Period::days(365)),
            code_lifetime: Text::of(Period::seconds(60)),
            refresh_grace: Text::of(Period::minutes(2)),
            session_lifetime: Text::of(Period::days(14)),
            session_idle_lifetime: Text::of(Period::days(3)),
            registration: Registration::Open,
            client_metadata_documents: true,
            allow_private_client_metadata: false,
        }
    }
}
