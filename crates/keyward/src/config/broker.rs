//! Broker mode: people log in at a provider, and Keyward issues the tokens.

use std::collections::BTreeMap;

use keyward_core::scope::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::connections::AuthMethod;
use super::text::{SecretPlace, Text};

/// How people log in at a provider for tokens of Keyward's own.
// Unknown keys are found by the schema: serde cannot refuse them in a flattened part.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Broker {
    /// Whether Keyward issues the tokens, and the provider is only where people log in: for providers at which MCP clients
    /// cannot register, or whose access tokens are not for others.
    pub(crate) broker: bool,
    /// With `broker`: as what the provider knows Keyward. Register the redirect URI `PUBLIC_URL/login/callback` there.
    pub(crate) client_id: Option<String>,
    /// With `broker`: what holds the secret of that client.
    pub(crate) client_secret: Option<Text<SecretPlace>>,
    /// With `broker`: how Keyward proves to be that client. When absent: as the provider's metadata has it.
    pub(crate) token_endpoint_auth_method: Option<AuthMethod>,
    /// With `broker`: what to ask the provider for. When absent: `openid`, `profile` and `email`, and `offline_access` where its
    /// metadata names that.
    pub(crate) scopes: Vec<Text<Scope>>,
    /// With `broker`: further parameters of the authorization request.
    pub(crate) authorization_parameters: BTreeMap<String, String>,
    /// With `broker`: what to send as `resource` (RFC 8707). When absent it is not sent; some providers refuse it.
    pub(crate) resource_parameter: Option<String>,
    /// With `broker`: who gets an account by logging in.
    pub(crate) sign_up: Option<SignUp>,
    /// With `broker`: domains whose verified e-mail addresses get an account by logging in, without an invitation. Where this
    /// or `allowed_emails` is set, whoever was not invited must be on one of them, at each login.
    pub(crate) allowed_domains: Vec<String>,
    /// With `broker`: verified e-mail addresses that get an account by logging in, without an invitation.
    pub(crate) allowed_emails: Vec<String>,
    /// With `broker`: whether somebody who logs in with the verified e-mail of an account gets that account.
    pub(crate) link_by_email: bool,
}

/// Who gets an account by logging in at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SignUp {
    /// Everybody at the provider who has a verified e-mail address, which the lists of addresses name if there are any.
    Open,
    /// Whom `keyward user invite` has invited, and whom the lists of addresses name.
    Invited,
}

impl Broker {
    /// The keys that are set besides `broker`.
    pub(crate) fn keys_set(&self) -> Vec<&'static str> {
        let set = [
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("token_endpoint_auth_method", self.token_endpoint_auth_method.is_some()),
            ("scopes", !self.scopes.is_empty()),
            ("authorization_parameters", !self.authorization_parameters.is_empty()),
            ("resource_parameter", self.resource_parameter.is_some()),
            ("sign_up", self.sign_up.is_some()),
            ("allowed_domains", !self.allowed_domains.is_empty()),
            ("allowed_emails", !self.allowed_emails.is_empty()),
            ("link_by_email", self.link_by_email),
        ];
        set.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key).collect()
    }
}
