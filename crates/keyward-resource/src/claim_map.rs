//! Where an issuer writes what a token may do and whose it is, when not where RFC 9068 has it.

mod path;

use keyward_core::scope::{Scope, ScopeSet};
use serde_json::Value;

use crate::error::TokenError;
use crate::jwt::{Claims, FurtherClaims};
pub use path::{ClaimPath, InvalidClaimPath};

/// How an issuer's claims are read. The default is RFC 9068: `scope` (or `scp`, as many write it), and no e-mail.
#[derive(Clone, Debug, Default)]
pub struct ClaimMap {
    /// The claims that hold scopes; what several of them say is taken together. Empty: `scope`, or `scp` without it.
    pub scopes: Vec<ClaimPath>,
    /// What the issuer leaves out at the front of the scopes in its tokens.
    pub scope_prefix: Option<Box<str>>,
    /// Roles, groups and the like: each of their names counts as a scope.
    pub named: Vec<NamedClaim>,
    /// The claim that holds the person's e-mail. None: `email`.
    pub email: Option<ClaimPath>,
    /// The claim that says whether the e-mail is verified. None: `email_verified`.
    pub email_verified: Option<ClaimPath>,
    /// When an e-mail is believed.
    pub email_rule: EmailRule,
    /// The forms that the issuer's access tokens have. When there are any, a token must have one of them.
    pub forms: Vec<TokenForm>,
}

/// A claim that lists names: a text, a list of texts, or an object whose members have the names.
#[derive(Clone, Debug)]
pub struct NamedClaim {
    /// Where it is.
    pub claim: ClaimPath,
    /// What is written before each name to make the scope of it, so that `admin` among roles is not the scope `admin`.
    pub prefix: Box<str>,
}

/// When the e-mail in a token is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailRule {
    /// Never: it is whatever the person typed there.
    #[default]
    Never,
    /// When the token says that it is verified.
    Verified,
    /// Always: the issuer has no others.
    Always,
}

/// A form of tokens, told by the names of their claims: for issuers that sign other things with the same `iss`, `aud` and
/// keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenForm {
    /// Claims that must be there, and not be `null`.
    pub required: Vec<Box<str>>,
    /// Claims that must not be there, whatever they hold.
    pub refused: Vec<Box<str>>,
}

impl ClaimMap {
    /// Whether a claim is looked at beyond those that every token is read for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.paths().any(|path| path.first() == name)
            || self.forms.iter().any(|form| form.required.iter().chain(&form.refused).any(|claim| **claim == *name))
    }

    /// Whether any is; where not, a token is read once only.
    pub(crate) fn wants_any(&self) -> bool {
        self.paths().next().is_some() || !self.forms.is_empty()
    }

    fn paths(&self) -> impl Iterator<Item = &ClaimPath> {
        let named = self.named.iter().map(|named| &named.claim);
        self.scopes.iter().chain(named).chain(&self.email).chain(&self.email_verified)
    }

    /// The token has one of the forms.
    pub(crate) fn check_form(&self, further: &FurtherClaims) -> Result<(), TokenError> {
        let fits = |form: &TokenForm| {
            form.required.iter().all(|name| further.top(name).is_some_and(|value| !value.is_null()))
                && form.refused.iter().all(|name| further.top(name).is_none())
        };
        if self.forms.is_empty() || self.forms.iter().any(fits) { Ok(()) } else { Err(TokenError::Form) }
    }

    /// What the token may do. What is no scope grants nothing.
    pub(crate) fn scopes_of(&self, claims: &Claims, further: &FurtherClaims) -> ScopeSet {
        let mut scopes = ScopeSet::empty();
        let left_out = self.scope_prefix.as_deref().unwrap_or_default();
        // Some issuers leave it out of some tokens only.
        let prefix = |name: &str| if name.starts_with(left_out) { "" } else { left_out };
        if self.scopes.is_empty() {
            claims.scopes().for_each(|name| insert(&mut scopes, prefix(name), name));
        }
        for value in self.scopes.iter().filter_map(|path| further.at(path)) {
            texts(value).flat_map(|list| list.split(' ')).for_each(|name| insert(&mut scopes, prefix(name), name));
        }
        for named in &self.named {
            if let Some(value) = further.at(&named.claim) {
                let members = value.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str));
                texts(value).chain(members).for_each(|name| insert(&mut scopes, &named.prefix, name));
            }
        }
        scopes
    }

    /// The person's e-mail, if it is believed.
    pub(crate) fn email_of(&self, claims: &mut Claims, further: &FurtherClaims) -> Option<String> {
        let verified = || match &self.email_verified {
            Some(path) => further.at(path).is_some_and(is_yes),
            None => claims.email_is_verified(),
        };
        let believed = match self.email_rule {
            EmailRule::Never => false,
            EmailRule::Verified => verified(),
            EmailRule::Always => true,
        };
        match &self.email {
            _ if !believed => None,
            Some(path) => further.at(path).and_then(Value::as_str).map(str::to_owned),
            None => claims.email.take(),
        }
    }
}

fn insert(scopes: &mut ScopeSet, prefix: &str, name: &str) {
    let scope = match (prefix, name) {
        (_, "") => return,
        ("", name) => name.parse::<Scope>(),
        (prefix, name) => format!("{prefix}{name}").parse(),
    };
    if let Ok(scope) = scope {
        scopes.insert(scope);
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter_map(Value::as_str)
}

/// Issuers write it as a boolean, as a text, or as a number.
fn is_yes(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value == "true" || value == "1" || *value == 1)
}
