//! Logging in at an identity provider, in place of passwords here. The provider is only how a person logs in: to clients
//! Keyward stays the issuer, with its own codes, tokens and `iss`, and what the provider gives is never shown to them.
//!
//! The order is what keeps other people's logins from being used: a client is allowed on a page of ours *before* anything
//! leaves for the provider, which knows one client for all of ours and may remember its own consent; only then does the
//! browser get the cookie that the answer must come back with (MCP security best practices, "Confused Deputy").
//!
//! Reading order: `leave`, `callback`; then `person` (who it is) and `account` (whose account that is); `ended`, what the
//! provider takes back.

mod account;
pub(crate) mod backchannel;
mod browser;
pub(crate) mod callback;
pub(crate) mod ended;
mod form;
pub(crate) mod fuzzing;
mod github;
mod leave;
mod person;
mod problem;
#[cfg(test)]
mod tests;

use keyward_resource::RelyingParty;
use keyward_vault::upstream::Connections;
use url::Url;

use crate::account::email::EmailAddress;

pub(crate) use form::{go, show};
pub(crate) use leave::{Afterwards, leave};
pub(crate) use problem::no_passwords;

/// How people log in, when not by password.
#[derive(Clone, Debug)]
pub struct LoginProvider {
    /// Its name for people.
    pub name: String,
    /// Where it is and what it gives: the connection with the id of [`LOGIN`].
    ///
    /// [`LOGIN`]: keyward_vault::upstream::LOGIN
    pub connections: Connections,
    /// How it says who somebody is.
    pub identity: Identity,
    /// Who has an account.
    pub accounts: AccountRules,
    /// The `resource` parameter of its requests (RFC 8707), for a provider that wants one.
    pub resource: Option<String>,
}

/// How a provider says who somebody is.
#[derive(Clone, Debug)]
pub enum Identity {
    /// By ID tokens (OpenID Connect Core).
    OpenId(RelyingParty),
    /// By its interface for programs, as GitHub does.
    Github {
        /// The person, `https://api.github.com/user`.
        user: Url,
        /// Their addresses, `https://api.github.com/user/emails`.
        emails: Url,
    },
}

/// Whose accounts there are and come to be. Somebody who has logged in before is known by issuer and subject; these rules
/// are for those who come for the first time, by the e-mail address that the provider has verified. The lists, if there are
/// any, are for everybody who was not invited, and at each login.
#[derive(Clone, Debug, Default)]
pub struct AccountRules {
    /// Who gets an account.
    pub sign_up: SignUp,
    /// Whose addresses get one, by the part after the `@`, to the letter; a subdomain is another.
    pub allowed_domains: Vec<String>,
    /// Addresses that get one.
    pub allowed_emails: Vec<EmailAddress>,
    /// Whether somebody new at the provider gets the account that has their address already.
    pub link_by_email: bool,
    /// When an address is believed.
    pub email: EmailTrust,
}

/// Who gets an account by logging in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignUp {
    /// Whom somebody has invited, and whom the lists of [`AccountRules`] name.
    #[default]
    Invited,
    /// Everybody at the provider who has a verified address, which the lists of [`AccountRules`] name if there are any.
    Open,
}

/// When an address is believed to be the person's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailTrust {
    /// When the provider says that it is verified.
    #[default]
    Verified,
    /// When Google, in addition, is who gives the address out: at gmail.com, or for a Workspace (`hd`).
    Google,
    /// When Microsoft Entra says in its own word (`xms_edov`), too, that the owner of the domain is verified.
    Entra,
    /// Always: the provider's operator gives all addresses out.
    Always,
}

impl AccountRules {
    /// Whether the lists say that only some addresses are wanted.
    fn has_lists(&self) -> bool {
        !self.allowed_emails.is_empty() || !self.allowed_domains.is_empty()
    }

    /// Whether nothing in the lists is against an address.
    fn admit(&self, email: &EmailAddress) -> bool {
        let domain = email.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
        !self.has_lists()
            || self.allowed_emails.contains(email)
            || self.allowed_domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain))
    }

    fn may_sign_up(&self, email: &EmailAddress) -> bool {
        self.admit(email) && (self.sign_up == SignUp::Open || self.has_lists())
    }
}
