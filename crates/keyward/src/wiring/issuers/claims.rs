//! How an issuer's claims are read.

use keyward_resource::{ClaimMap, ClaimPath, EmailRule, NamedClaim, TokenForm};

use crate::config::{ElsewhereIssuer, Text};

const ROLE: &str = "role:";
const GROUP: &str = "group:";

/// By the preset, and by the configuration over it.
pub(super) fn map(named: ElsewhereIssuer<'_>) -> ClaimMap {
    let session_tokens = named.provider.session_tokens;
    let mut map = named.preset().map_or_else(
        || ClaimMap { email_rule: EmailRule::Verified, ..ClaimMap::default() },
        |preset| preset.claim_map(session_tokens),
    );
    let Some(section) = named.provider.claims.clone() else { return map };
    let unverified = section.takes_unverified_email();
    if let Some(scopes) = section.scopes {
        map.scopes = paths(scopes).collect();
    }
    map.scope_prefix = section.scope_prefix.map(Into::into);
    rename(&mut map, section.roles, section.role_prefix, ROLE);
    rename(&mut map, section.groups, section.group_prefix, GROUP);
    if section.email_always_verified {
        map.email_rule = EmailRule::Always;
    } else if unverified {
        map.email_rule = EmailRule::Never;
    } else if section.email_verified.is_some() {
        map.email_rule = EmailRule::Verified;
    }
    map.email = section.email.map(|path| path.0);
    map.email_verified = section.email_verified.map(|path| path.0);
    if section.required.is_some() || section.refused.is_some() {
        let mut access = if map.forms.is_empty() { TokenForm::default() } else { map.forms.remove(0) };
        let required: Vec<Box<str>> = section.required.unwrap_or_default().into_iter().map(Into::into).collect();
        access.required.extend(required);
        access.refused.extend(section.refused.unwrap_or_default().into_iter().map(Into::into));
        map.forms.insert(0, access);
    }
    map
}

/// Names of one kind come from other claims, or get another prefix.
fn rename(map: &mut ClaimMap, claims: Option<Vec<Text<ClaimPath>>>, prefix: Option<String>, usual: &str) {
    let prefix: Box<str> = prefix.map_or_else(|| usual.into(), Into::into);
    let (ours, mut others): (Vec<_>, Vec<_>) = map.named.drain(..).partition(|named| *named.prefix == *usual);
    let claims: Vec<ClaimPath> = match claims {
        Some(claims) => paths(claims).collect(),
        None => ours.into_iter().map(|named| named.claim).collect(),
    };
    others.extend(claims.into_iter().map(|claim| NamedClaim { claim, prefix: prefix.clone() }));
    map.named = others;
}

fn paths(given: Vec<Text<ClaimPath>>) -> impl Iterator<Item = ClaimPath> {
    given.into_iter().map(|path| path.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NamedIssuer, parse};

    fn of(text: &str) -> ClaimMap {
        let config = parse("keyward.toml", text, []).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let map = config.issuers().find_map(|issuer| match issuer {
            NamedIssuer::Elsewhere(elsewhere) => Some(map(elsewhere)),
            NamedIssuer::Embedded => None,
        });
        map.expect("an issuer elsewhere")
    }

    fn named(map: &ClaimMap) -> Vec<String> {
        map.named.iter().map(|named| format!("{}{:?}", named.prefix, named.claim)).collect()
    }

    #[test]
    fn the_configuration_goes_over_the_preset() {
        let keycloak = "[issuer]\nkind = 'oidc'\npreset = 'keycloak'\nissuer = 'https://x.example/realms/a'\n";
        assert_eq!(named(&of(keycloak)), ["role:/realm_access/roles", "group:groups"]);
        let section =
            format!("{keycloak}[issuer.claims]\nroles = ['/resource_access/mcp/roles']\ngroup_prefix = 'team:'\n");
        let map = of(&section);
        assert_eq!(named(&map), ["role:/resource_access/mcp/roles", "team:groups"]);
        assert_eq!(map.email_rule, EmailRule::Verified);
        let map =
            of(&format!("{keycloak}[issuer.claims]\nroles = []\nemail_always_verified = true\nrequired = ['azp']\n"));
        assert_eq!((named(&map), map.email_rule), (vec!["group:groups".to_owned()], EmailRule::Always));
        assert_eq!(map.forms, [TokenForm { required: vec!["azp".into()], refused: Vec::new() }]);
    }

    #[test]
    fn session_tokens_are_a_form_of_their_own() {
        let stytch = "[issuer]\nkind = 'stytch'\nproject_id = 'p'\nissuer = 'https://x.example'\n";
        let session: Box<str> = "https://stytch.com/session".into();
        let access = TokenForm { required: vec!["scope".into(), "client_id".into()], refused: vec![session.clone()] };
        assert_eq!(of(stytch).forms, std::slice::from_ref(&access));
        let refused = of(&format!("{stytch}[issuer.claims]\nrefused = ['x']\n")).forms;
        assert_eq!(refused[0].refused, [session.clone(), "x".into()], "the preset's stay");
        let required = of(&format!("{stytch}[issuer.claims]\nrequired = ['x']\n")).forms;
        let all = ["scope".into(), "client_id".into(), "x".into()];
        assert_eq!((required[0].required.as_slice(), &required[0].refused), (&all[..], &access.refused));
        let both = of(&format!("{stytch}session_tokens = true\n")).forms;
        assert_eq!(both, [access, TokenForm { required: vec![session], refused: Vec::new() }]);
    }
}
