//! What `[issuer]` and `[[trusted_issuers]]` come to: whose tokens are taken, and whose for which server.

use keyward_resource::preset::{Preset, PresetIssuer};

use super::Config;
use super::issuer::IssuerKind;
use super::provider::Provider;
use super::servers::McpServer;
use super::text::TextValue;

/// What Keyward's own issuer is called in `servers.issuers`.
pub(crate) const EMBEDDED: &str = "embedded";

/// An issuer of the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NamedIssuer<'a> {
    /// Keyward's own.
    Embedded,
    /// Another.
    Elsewhere(ElsewhereIssuer<'a>),
}

/// An issuer elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ElsewhereIssuer<'a> {
    pub(crate) kind: IssuerKind,
    pub(crate) provider: &'a Provider,
}

impl Config {
    /// Those whose tokens are taken, the primary one first.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = NamedIssuer<'_>> {
        let named = |kind, provider| match kind {
            IssuerKind::Embedded => NamedIssuer::Embedded,
            IssuerKind::Stytch | IssuerKind::Oidc => NamedIssuer::Elsewhere(ElsewhereIssuer { kind, provider }),
        };
        // With a broker, people log in elsewhere, but the tokens are Keyward's own.
        let kind = if self.issuer.broker.broker { IssuerKind::Embedded } else { self.issuer.kind };
        let trusted = self.trusted_issuers.iter().map(move |trusted| named(trusted.kind, &trusted.provider));
        std::iter::once(named(kind, &self.issuer.provider)).chain(trusted)
    }

    /// The issuers elsewhere of whose people nobody is an account here, whatever their address is.
    pub(crate) fn issuers_without_accounts(&self) -> Vec<String> {
        let without = self.issuers().filter(|issuer| match issuer {
            NamedIssuer::Embedded => false,
            NamedIssuer::Elsewhere(elsewhere) => elsewhere.provider.accounts.is_none(),
        });
        without.map(|issuer| issuer.name()).collect()
    }

    /// Where people log in for tokens of Keyward's own, if that is not here.
    pub(crate) fn broker(&self) -> Option<ElsewhereIssuer<'_>> {
        let (kind, provider) = (self.issuer.kind, &self.issuer.provider);
        self.issuer.broker.broker.then_some(ElsewhereIssuer { kind, provider })
    }

    /// Whether Keyward's own authorization server is among them.
    pub(crate) fn serves_authorization_server(&self) -> bool {
        self.issuers().any(|issuer| matches!(issuer, NamedIssuer::Embedded))
    }

    /// Whether development tokens are taken: where anybody can come, only if the configuration says so.
    pub(crate) fn static_tokens_are_on(&self) -> bool {
        let on_this_machine = || {
            let url = self.server.public_url.as_ref().map(|url| url.0.to_text());
            url.is_none_or(|url| url.starts_with("http://"))
        };
        self.issuer.static_tokens.unwrap_or_else(on_this_machine)
    }
}

impl NamedIssuer<'_> {
    /// What it is called in `servers.issuers`.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Embedded => EMBEDDED.to_owned(),
            Self::Elsewhere(elsewhere) => elsewhere.issuer(),
        }
    }

    /// Whether a server takes its tokens.
    pub(crate) fn serves(&self, server: &McpServer) -> bool {
        server.issuers.as_ref().is_none_or(|issuers| issuers.contains(&self.name()))
    }
}

impl ElsewhereIssuer<'_> {
    /// What is known of it.
    pub(crate) fn preset(&self) -> Option<&'static Preset> {
        match self.kind {
            IssuerKind::Stytch => Preset::by_name("stytch"),
            _ => self.provider.preset.and_then(|preset| Preset::by_name(preset.name())),
        }
    }

    /// Its identifier; empty when the configuration says none.
    pub(crate) fn issuer(&self) -> String {
        let given = self.provider.issuer.as_ref().map(|issuer| issuer.0.to_text());
        let fixed = || match self.preset()?.issuer {
            PresetIssuer::Fixed(issuer) => Some(issuer.to_owned()),
            PresetIssuer::Like(_) => None,
        };
        given.or_else(fixed).unwrap_or_default()
    }

    /// What stands for several servers in the `aud` of its tokens.
    pub(crate) fn shared_audiences(&self) -> impl Iterator<Item = &str> {
        self.provider.project_id.iter().chain(&self.provider.audience).map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
