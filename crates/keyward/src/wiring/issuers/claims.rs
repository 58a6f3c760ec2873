//! How an issuer's claims are read.

use keyward_resource::preset::{Preset, STYTCH_SESSION};
use keyward_resource::{ClaimMap, ClaimPath, EmailRule, NamedClaim, TokenForm};

use crate::config::{self, ElsewhereIssuer};

/// From the preset, and from the configuration over it.
pub(super) fn map(named: ElsewhereIssuer<'_>) -> anyhow::Result<ClaimMap> {
    let (preset, section) = (named.preset(), named.provider.claims.clone().unwrap_or_default());
    let paths = |given: Option<Vec<config::Text<ClaimPath>>>| given.map(|given| given.into_iter().map(|path| path.0));
    let of_preset = |prefix: &str| {
        let named = preset.map_or(&[][..], |preset| preset.named).iter();
        named
            .filter(|(_, begins)| *begins == prefix)
            .map(|(claim, _)| claim.parse())
            .collect::<Result<Vec<ClaimPath>, _>>()
    };
    let (role, group) = ("role:", "group:");
    let roles = paths(section.roles).map_or_else(|| of_preset(role), |given| Ok(given.collect()))?;
    let groups = paths(section.groups).map_or_else(|| of_preset(group), |given| Ok(given.collect()))?;
    let with_prefix = |claims: Vec<ClaimPath>, given: Option<String>, usual: &str| {
        let prefix: Box<str> = given.as_deref().unwrap_or(usual).into();
        claims.into_iter().map(move |claim| NamedClaim { claim, prefix: prefix.clone() }).collect::<Vec<_>>()
    };
    let mut all = with_prefix(roles, section.role_prefix, role);
    all.extend(with_prefix(groups, section.group_prefix, group));
    let scopes = match paths(section.scopes) {
        Some(given) => given.collect(),
        None => preset
            .map_or(&[][..], |preset| preset.scopes)
            .iter()
            .map(|claim| claim.parse())
            .collect::<Result<_, _>>()?,
    };
    let usual = preset.map_or(EmailRule::Verified, |preset| preset.email_rule);
    Ok(ClaimMap {
        scopes,
        scope_prefix: section.scope_prefix.map(Into::into),
        named: all,
        email_rule: match (section.email_always_verified, &section.email_verified) {
            (true, _) => EmailRule::Always,
            (false, Some(_)) => EmailRule::Verified,
            (false, None) => usual,
        },
        email: section.email.map(|path| path.0),
        email_verified: section.email_verified.map(|path| path.0),
        forms: forms(named, preset, section.required, section.refused),
    })
}

fn forms(
    named: ElsewhereIssuer<'_>,
    preset: Option<&Preset>,
    required: Option<Vec<String>>,
    refused: Option<Vec<String>>,
) -> Vec<TokenForm> {
    let (must, must_not) = preset.and_then(|preset| preset.form).unwrap_or_default();
    let names = |given: Option<Vec<String>>, usual: &[&str]| match given {
        Some(given) => given.into_iter().map(Into::into).collect(),
        None => usual.iter().map(|&name| name.into()).collect::<Vec<Box<str>>>(),
    };
    let access = TokenForm { required: names(required, must), refused: names(refused, must_not) };
    if access == TokenForm::default() {
        return Vec::new();
    }
    let session = TokenForm { required: vec![STYTCH_SESSION.into()], refused: Vec::new() };
    if named.provider.session_tokens { vec![access, session] } else { vec![access] }
}
