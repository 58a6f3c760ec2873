//! Where people log in when `[issuer]` is a broker: a connection of its own, and what its word is good for.

use std::time::Duration;

use anyhow::Context;
use keyward_core::clock::Clock;
use keyward_issuer::account::email::EmailAddress;
use keyward_issuer::login::provider::{AccountRules, EmailTrust, Identity, LoginProvider, SignUp};
use keyward_resource::preset::OfflineAccess;
use keyward_resource::{Algorithm, EmailRule, Provider, RelyingParty};
use keyward_vault::upstream::config::{self as upstream, ConnectionConfig};
use keyward_vault::upstream::{Connections, LOGIN};
use url::Url;

use super::connections::{NamedClient, github, used_by};
use super::issuers::{self, Use};
use super::layout::Layout;
use crate::config::{self, ElsewhereIssuer, IssuerPreset, Loaded, TextValue};

/// How far the clocks of a provider may differ from ours.
const LEEWAY: Duration = Duration::from_secs(60);

/// The provider, as a connection; `None` when people log in by password.
pub(crate) fn connection(loaded: &Loaded, layout: &Layout) -> anyhow::Result<Option<ConnectionConfig>> {
    let Some(named) = loaded.config.broker() else { return Ok(None) };
    let broker = &loaded.config.issuer.broker;
    let is_github = named.provider.preset == Some(IssuerPreset::Github);
    let id = LOGIN.parse().context("the id of the login")?;
    let client = NamedClient {
        of: "issuer",
        client_id: broker.client_id.clone().context("broker = true needs client_id in [issuer]")?,
        secret: broker.client_secret.as_ref().map(|place| &place.0),
        method: broker.token_endpoint_auth_method,
        is_github,
    };
    // Without any, those that an OpenID provider needs.
    let scopes = match is_github && broker.scopes.is_empty() {
        true => "read:user user:email".parse()?,
        false => broker.scopes.iter().map(|scope| scope.0.clone()).collect(),
    };
    let mut parameters: Vec<(String, String)> = broker.authorization_parameters.clone().into_iter().collect();
    // Without it Google gives no refresh token, and would never be heard to say that an account was closed.
    if named.provider.preset == Some(IssuerPreset::Google)
        && !broker.authorization_parameters.contains_key("access_type")
    {
        parameters.push(("access_type".to_owned(), "offline".to_owned()));
    }
    Ok(Some(ConnectionConfig {
        name: name(named),
        used_by: used_by(layout, &id),
        provider: if is_github { github()? } else { place(named)? },
        client: Some(client.read(loaded)?),
        scopes,
        parameters,
        allow_private_addresses: named.provider.allow_private_addresses,
        id,
    }))
}

/// Where its endpoints are named, and how it gives refresh tokens.
fn place(named: ElsewhereIssuer<'_>) -> anyhow::Result<upstream::ProviderConfig> {
    let given = named.provider.metadata_url.as_ref().map(|given| Url::parse(&given.0.to_text()));
    let offline_access = match named.preset().map(|preset| preset.offline_access) {
        Some(OfflineAccess::Scope) => upstream::OfflineAccess::Scope,
        Some(OfflineAccess::Otherwise) => upstream::OfflineAccess::Otherwise,
        Some(OfflineAccess::Consented) | None => upstream::OfflineAccess::Consented,
    };
    let metadata_url = given.transpose().context("metadata_url of [issuer]")?;
    Ok(upstream::ProviderConfig::OpenId { issuer: named.issuer(), metadata_url, offline_access })
}

/// The provider whose ID tokens are read, to be looked after; GitHub gives none, and `None` stands for passwords, too.
pub(crate) fn provider(loaded: &Loaded, clock: &Clock) -> anyhow::Result<Option<Provider>> {
    let Some(named) = loaded.config.broker().filter(|named| named.provider.preset != Some(IssuerPreset::Github)) else {
        return Ok(None);
    };
    issuers::provider(loaded, named, algorithms(named), Use::Logins, clock).map(Some)
}

/// The same as the authorization server sees it.
pub(crate) fn login(
    loaded: &Loaded,
    connections: &Connections,
    provider: Option<&Provider>,
) -> anyhow::Result<Option<LoginProvider>> {
    let Some(named) = loaded.config.broker() else { return Ok(None) };
    let broker = &loaded.config.issuer.broker;
    let identity = match provider {
        None => Identity::Github {
            user: Url::parse("https://api.github.com/user")?,
            emails: Url::parse("https://api.github.com/user/emails")?,
        },
        Some(provider) => Identity::OpenId(RelyingParty {
            issuer: named.issuer(),
            client_id: broker.client_id.clone().unwrap_or_default(),
            keys: provider.keys(),
            algorithms: algorithms(named),
            leeway: LEEWAY,
        }),
    };
    let allowed_emails = broker.allowed_emails.iter().map(|email| EmailAddress::parse(email));
    Ok(Some(LoginProvider {
        name: name(named),
        connections: connections.clone(),
        identity,
        accounts: AccountRules {
            sign_up: match broker.sign_up {
                Some(config::SignUp::Open) => SignUp::Open,
                Some(config::SignUp::Invited) | None => SignUp::Invited,
            },
            allowed_domains: broker.allowed_domains.clone(),
            allowed_emails: allowed_emails.collect::<Result<_, _>>().context("in issuer.allowed_emails")?,
            link_by_email: broker.link_by_email,
            email: email_trust(named),
        },
        resource: broker.resource_parameter.clone(),
    }))
}

/// ID tokens may be signed with others than access tokens; a key serves one only.
fn algorithms(named: ElsewhereIssuer<'_>) -> Vec<Algorithm> {
    let given = named.provider.algorithms.as_ref();
    given.map_or_else(|| Algorithm::ALL.to_vec(), |given| given.iter().map(issuers::algorithm).collect())
}

fn email_trust(named: ElsewhereIssuer<'_>) -> EmailTrust {
    if named.provider.preset == Some(IssuerPreset::Google) {
        return EmailTrust::Google;
    }
    let given = named.provider.claims.as_ref().is_some_and(|claims| claims.email_always_verified);
    let always = given || named.preset().is_some_and(|preset| preset.email_rule == EmailRule::Always);
    match named.provider.preset {
        _ if always => EmailTrust::Always,
        Some(IssuerPreset::Entra) => EmailTrust::Entra,
        _ => EmailTrust::Verified,
    }
}

/// What people call it: by its preset, or by its host.
fn name(named: ElsewhereIssuer<'_>) -> String {
    if named.provider.preset == Some(IssuerPreset::Github) {
        return "GitHub".to_owned();
    }
    if let Some(preset) = named.preset() {
        return preset.title.to_owned();
    }
    let issuer = named.issuer();
    let host = Url::parse(&issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or(issuer)
}
