//! What is known of certain providers: how their access tokens look, and what has to be set there.

mod auth0;
mod better_auth;
mod entra;
mod google;
mod keycloak;
mod logto;
mod okta;
mod ory;
mod stytch;
#[cfg(test)]
mod tests;
mod workos;
mod zitadel;

use crate::claim_map::{ClaimMap, EmailRule, NamedClaim, TokenForm};
use crate::jwt::{Algorithm, TypeRule};

/// What is known of a provider.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name in configurations.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// An issuer identifier of it, or the only one there is.
    pub issuer: PresetIssuer,
    /// The algorithms that its access tokens are signed with.
    pub algorithms: &'static [Algorithm],
    /// What their `typ` is.
    pub type_rule: TypeRule,
    /// What their `aud` is.
    pub audience: PresetAudience,
    /// The claims that hold scopes; none: `scope`, or `scp`.
    pub scopes: &'static [&'static str],
    /// The claims that hold roles and the like, each with what is written before a name of it.
    pub named: &'static [(&'static str, &'static str)],
    /// When an e-mail is believed.
    pub email_rule: EmailRule,
    /// The claims that an access token must have, and those that it must not.
    pub form: Option<(&'static [&'static str], &'static [&'static str])>,
    /// Whether clients can log in there for Keyward's servers.
    pub direct: DirectUse,
    /// How it gives refresh tokens to whom its people log in at.
    pub offline_access: OfflineAccess,
    /// What has to be set there, a sentence each.
    pub steps: &'static [&'static str],
}

/// A provider's issuer identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresetIssuer {
    /// There is only this.
    Fixed(&'static str),
    /// Each customer has another; this is an example.
    Like(&'static str),
}

/// What a provider writes into `aud`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresetAudience {
    /// The resource's identifier, or what it can be told to write there.
    Resource,
    /// Something of its own, which the configuration must name; the text says what.
    Own(&'static str),
}

/// Whether a provider's access tokens can be for Keyward's servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectUse {
    /// They can.
    Yes,
    /// Only those of clients that somebody set up there by hand; others need the broker. The text says why.
    PreparedClients(&'static str),
    /// They cannot: people can only log in there through the broker. The text says why.
    No(&'static str),
}

/// How a provider gives refresh tokens to those at whom its people log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineAccess {
    /// For the scope `offline_access` and the person's consent each time, `prompt=consent` (OpenID Connect Core §11).
    Consented,
    /// For that scope; asking for the consent too would be a page more at each login, or more than people may give.
    Scope,
    /// Not for that scope.
    Otherwise,
}

impl Preset {
    /// Every provider there is one for.
    pub const ALL: &[Self] = &[
        stytch::PRESET,
        keycloak::PRESET,
        auth0::PRESET,
        better_auth::PRESET,
        workos::PRESET,
        entra::PRESET,
        okta::PRESET,
        google::PRESET,
        logto::PRESET,
        zitadel::PRESET,
        ory::PRESET,
    ];

    /// By its name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|preset| preset.name == name)
    }

    /// How its claims are read. `session_tokens`: whether Stytch's session JWTs are access tokens, too.
    pub fn claim_map(&self, session_tokens: bool) -> ClaimMap {
        let names = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        let access =
            self.form.map(|(required, refused)| TokenForm { required: names(required), refused: names(refused) });
        let session = TokenForm { required: names(&[stytch::SESSION]), refused: Vec::new() };
        let forms = access.into_iter().chain(session_tokens.then_some(session));
        let named =
            |(claim, prefix): &(&str, &str)| Some(NamedClaim { claim: claim.parse().ok()?, prefix: (*prefix).into() });
        ClaimMap {
            scopes: self.scopes.iter().filter_map(|claim| claim.parse().ok()).collect(),
            named: self.named.iter().filter_map(named).collect(),
            email_rule: self.email_rule,
            forms: forms.collect(),
            ..ClaimMap::default()
        }
    }

    /// One that keeps to the standards: RFC 9068, and OpenID Connect for the e-mail.
    pub(crate) const STANDARD: Self = Self {
        name: "",
        title: "",
        issuer: PresetIssuer::Like("https://login.example.com"),
        algorithms: &[Algorithm::Rs256],
        type_rule: TypeRule::Required,
        audience: PresetAudience::Resource,
        scopes: &[],
        named: &[],
        email_rule: EmailRule::Verified,
        form: None,
        direct: DirectUse::Yes,
        offline_access: OfflineAccess::Consented,
        steps: &[],
    };
}
