//! What is done for tokens besides keeping them, from the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use http::StatusCode;
use keyward_outbound::{Client, ClientConfig, Guard, Ports, TlsConnector};
use keyward_vault::{
    CredentialSpec, Environment, Hook, HookKind, HookRunner, Reminders, RotationRule, TokenCheck, TokenName, Upkeep,
    Vault,
};

use super::vault;
use crate::config::{self, Loaded};

/// The longest value as JSON in its longest form, and a little.
const MAX_ANSWER: usize = (6 << 20) + 1024;

/// All of it, to run beside the calls.
pub(crate) fn upkeep(loaded: &Loaded, vault: &Vault) -> anyhow::Result<Upkeep> {
    let names: Vec<TokenName> = loaded.config.tokens.keys().filter_map(|name| name.parse().ok()).collect();
    let rules = names.iter().filter_map(|name| rule(loaded, name).transpose()).collect::<anyhow::Result<_>>()?;
    let section = &loaded.config.reminders;
    let reminders = Reminders {
        before: section.before.iter().map(|before| before.0.0).collect(),
        hook: section.hook.as_ref().map(|section| hook(loaded, section)).transpose()?,
    };
    Ok(Upkeep { vault: vault.clone(), runner: runner(), rules, reminders })
}

/// What hooks and checks are run with. The operator names where they go; an address inside the own network is as good
/// as any.
pub(crate) fn runner() -> HookRunner {
    let config = ClientConfig {
        guard: Guard::Any,
        ports: Ports::Any,
        // Each hook has a limit of its own.
        deadline: Duration::from_secs(30),
        max_body_bytes: MAX_ANSWER,
    };
    HookRunner { environment: Environment::Process, client: Client::new(config, TlsConnector::system()) }
}

/// How a token gets new values by itself, if it does.
pub(crate) fn rule(loaded: &Loaded, name: &TokenName) -> anyhow::Result<Option<RotationRule>> {
    let section = loaded.config.tokens.get(&name.to_string()).and_then(|token| token.rotation.as_ref());
    let Some(section) = section.filter(|_| name.owner().is_none()) else { return Ok(None) };
    Ok(Some(RotationRule {
        token: name.clone(),
        every: section.every.as_ref().map(|every| every.0.0),
        before_expiry: section.before_expiry.as_ref().map(|before| before.0.0),
        grace: section.grace.0.0,
        hook: hook(loaded, &section.hook)?,
        gives_current: section.give_current,
        check: check(loaded, name)?,
    }))
}

/// How a new value of a token is tried, if it is.
pub(crate) fn check(loaded: &Loaded, name: &TokenName) -> anyhow::Result<Option<TokenCheck>> {
    let section = loaded.config.tokens.get(&name.to_string()).and_then(|token| token.check.as_ref());
    let Some(section) = section else { return Ok(None) };
    let spec = match specs(loaded, name)?.into_iter().next() {
        Some(spec) => spec,
        None => CredentialSpec::bearer(name.clone())?,
    };
    let expect = StatusCode::from_u16(section.expect_status).context("expect_status")?;
    Ok(Some(TokenCheck { url: section.url.0.0.clone(), expect, spec }))
}

/// The ways in which servers send a token.
pub(crate) fn specs(loaded: &Loaded, name: &TokenName) -> anyhow::Result<Vec<CredentialSpec>> {
    let credentials = loaded.config.servers.iter().filter_map(|server| server.credential.as_ref());
    let mut specs = Vec::new();
    for credential in credentials {
        if let config::CredentialRule::Token(spec) = credential.rule()?
            && (spec.token().service(), spec.token().key()) == (name.service(), name.key())
        {
            specs.push(spec);
        }
    }
    Ok(specs)
}

fn hook(loaded: &Loaded, section: &config::Hook) -> anyhow::Result<Hook> {
    let kind = match section.kind().map_err(anyhow::Error::msg)? {
        config::HookKind::Command => HookKind::Command {
            argv: section.command.clone(),
            environment: section.environment.iter().map(|name| name.0.0.clone()).collect(),
        },
        config::HookKind::Http => HookKind::Http {
            url: section.url.as_ref().context("a hook without `url`")?.0.0.clone(),
            authorization: section.authorization.as_ref().map(|place| vault::secret(loaded, &place.0)),
        },
    };
    Ok(Hook { kind, timeout: section.timeout.0.0 })
}

/// The kinds of credential in which servers send each token, for listings.
pub(crate) fn kinds(loaded: &Loaded) -> BTreeMap<(String, String), config::CredentialKind> {
    let credentials = loaded.config.servers.iter().filter_map(|server| server.credential.as_ref());
    let named = credentials.filter_map(|credential| {
        let name = &credential.token.as_ref()?.0;
        Some(((name.service().to_owned(), name.key().to_owned()), credential.kind().ok()?))
    });
    named.collect()
}
