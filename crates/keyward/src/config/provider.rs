//! An issuer elsewhere: where its keys are, and how its tokens are read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::claims::Claims;
use super::text::{IssuerUrl, Period, SecretPlace, Text};

/// An issuer elsewhere.
// Unknown keys are found by the schema: serde cannot refuse them in a flattened part.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Provider {
    /// A provider whose tokens are known.
    pub(crate) preset: Option<IssuerPreset>,
    /// Its issuer identifier, as in the `iss` of its tokens, to the letter.
    pub(crate) issuer: Option<Text<IssuerUrl>>,
    /// For Stytch: the id of the project.
    pub(crate) project_id: Option<String>,
    /// Where its metadata is (RFC 8414, OpenID Connect Discovery), when not where the issuer says.
    pub(crate) metadata_url: Option<Text<IssuerUrl>>,
    /// Where its keys are. When absent: where its metadata says.
    pub(crate) jwks_uri: Option<Text<IssuerUrl>>,
    /// The signature algorithms that are taken from it. When absent: those of the preset, or ES256 and RS256.
    #[schemars(length(min = 1))]
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    /// What else than a server's URL its tokens say in `aud`: an API's identifier, a project's id. Never an OAuth client's id.
    pub(crate) audience: Vec<String>,
    /// Whether its tokens must say `typ: at+jwt` (RFC 9068 §2.1). When absent: as the preset says, or true.
    pub(crate) require_typ: Option<bool>,
    /// Which claims say what. When absent: as the preset says, or as in RFC 9068.
    pub(crate) claims: Option<Claims>,
    /// For Stytch: whether session JWTs are taken, too.
    pub(crate) session_tokens: bool,
    /// How opaque access tokens are asked about (RFC 7662). When absent, only signed ones are taken.
    pub(crate) introspection: Option<Introspection>,
    /// How long its last good keys serve when it cannot be reached. When absent: a day.
    pub(crate) keys_usable_for: Option<Text<Period>>,
    /// By what its people are taken for accounts here. When absent, they have none.
    pub(crate) accounts: Option<AccountRule>,
    /// Whether what its metadata names may be at a private address.
    pub(crate) allow_private_addresses: bool,
}

/// A provider whose tokens are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum IssuerPreset {
    /// Keycloak.
    Keycloak,
    /// Auth0.
    Auth0,
    /// Better Auth with its OAuth provider plugin.
    BetterAuth,
    /// WorkOS AuthKit.
    Workos,
    /// Microsoft Entra ID.
    Entra,
    /// Okta.
    Okta,
    /// Google accounts; with `broker` only.
    Google,
    /// github.com; with `broker` only.
    Github,
    /// Logto.
    Logto,
    /// Zitadel.
    Zitadel,
    /// Ory Network and Ory Hydra.
    Ory,
}

impl IssuerPreset {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Keycloak => "keycloak",
            Self::Auth0 => "auth0",
            Self::BetterAuth => "better-auth",
            Self::Workos => "workos",
            Self::Entra => "entra",
            Self::Okta => "okta",
            Self::Google => "google",
            Self::Github => "github",
            Self::Logto => "logto",
            Self::Zitadel => "zitadel",
            Self::Ory => "ory",
        }
    }
}

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// ECDSA on P-521 with SHA-512.
    #[serde(rename = "ES512")]
    Es512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PSS with SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSASSA-PSS with SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// How opaque access tokens are asked about (RFC 7662).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Introspection {
    /// Where. When absent: where the issuer's metadata says.
    #[serde(default)]
    pub(crate) endpoint: Option<Text<IssuerUrl>>,
    /// As what client Keyward asks.
    #[schemars(extend("examples" = ["keyward"]))]
    pub(crate) client_id: String,
    /// What holds that client's secret.
    pub(crate) client_secret: Text<SecretPlace>,
    /// What the issuer's opaque tokens begin with. Needed where several issuers are asked: a token is shown to one only.
    #[serde(default)]
    #[schemars(length(min = 1), extend("examples" = ["ory_at_"]))]
    pub(crate) prefix: Option<String>,
    /// Whether it is asked about signed tokens, too, and their own word is not taken: for issuers whose signed tokens do not
    /// say what they are for, and where a token that was ended early must be refused within a minute.
    #[serde(default)]
    pub(crate) signed_tokens: bool,
}

/// By what the people of an issuer elsewhere are taken for accounts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccountRule {
    /// By the e-mail in their tokens, where it is verified.
    Email,
}

impl Provider {
    /// The keys that are set, of those that only an issuer elsewhere has.
    pub(crate) fn keys_set(&self) -> Vec<&'static str> {
        let set = [
            ("preset", self.preset.is_some()),
            ("issuer", self.issuer.is_some()),
            ("project_id", self.project_id.is_some()),
            ("metadata_url", self.metadata_url.is_some()),
            ("jwks_uri", self.jwks_uri.is_some()),
            ("algorithms", self.algorithms.is_some()),
            ("audience", !self.audience.is_empty()),
            ("require_typ", self.require_typ.is_some()),
            ("claims", self.claims.is_some()),
            ("session_tokens", self.session_tokens),
            ("introspection", self.introspection.is_some()),
            ("keys_usable_for", self.keys_usable_for.is_some()),
            ("accounts", self.accounts.is_some()),
            ("allow_private_addresses", self.allow_private_addresses),
        ];
        set.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key).collect()
    }

    /// The keys that are set and are about access tokens, which nobody brings where people only log in at the provider.
    pub(crate) fn keys_without_effect_for_broker(&self) -> Vec<&'static str> {
        // Of the claims, one says whose e-mail addresses are believed.
        let other_claims = self.claims.as_ref().is_some_and(Claims::has_more_than_email_always_verified);
        let about_access_tokens = ["audience", "require_typ", "session_tokens", "introspection", "accounts"];
        let mut keys: Vec<_> = self.keys_set().into_iter().filter(|key| about_access_tokens.contains(key)).collect();
        keys.extend(other_claims.then_some("claims"));
        keys
    }

    /// The keys that are set and say where metadata and keys are, and how they are used: people who log in at GitHub come
    /// without either.
    pub(crate) fn keys_without_effect_for_github(&self) -> Vec<&'static str> {
        let about_metadata = ["issuer", "metadata_url", "jwks_uri", "algorithms", "keys_usable_for"];
        self.keys_set().into_iter().filter(|key| about_metadata.contains(key)).collect()
    }
}
