//! What can go wrong: on the way of a browser, and on the way of a call.

use std::sync::Arc;

use keyward_core::id::{ConnectionId, InvalidConnectionId};
use keyward_core::random::RandomFailed;
use keyward_storage::StorageError;

use super::client::RegistrationError;
use super::token_endpoint::TokenError;
use crate::error::VaultError;
use crate::seal::SealFailed;

/// Why a person could not connect. No variant holds a secret; words of the provider are tamed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    // The person's, or whoever sent their browser.
    /// There is no such connection in the configuration.
    #[error("there is no such connection")]
    Unknown,
    /// The answer belongs to no question: it came before, came too late, or was never asked for.
    #[error("the answer is to no question that is open")]
    NoQuestion,
    /// The question was asked in another session.
    #[error("the question was asked in another browser or by another person")]
    OtherSession,
    /// The account was closed meanwhile.
    #[error("the account is closed")]
    AccountClosed,
    /// The person, or the provider for them, said no (RFC 6749 §4.1.2.1, `access_denied`).
    #[error("access was denied")]
    Denied,

    // The provider's.
    /// The answer is not of the provider that was asked (RFC 9207 §2.4).
    #[error("the answer is of another issuer than the one that was asked")]
    OtherIssuer,
    /// It answered with an error (RFC 6749 §4.1.2.1).
    #[error("the provider answered {error}{}", .description.as_deref().map(|text| format!(": {text}")).unwrap_or_default())]
    Refused {
        /// Its code.
        error: String,
        /// Its words.
        description: Option<String>,
    },
    /// It answered with neither a code nor an error.
    #[error("the provider's answer has no code")]
    NoCode,
    /// It cannot be found.
    #[error(transparent)]
    Discovery(#[from] Arc<keyward_discovery::DiscoveryError>),
    /// Keyward is not known there.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// It gave no tokens for the code.
    #[error(transparent)]
    Token(#[from] TokenError),

    // Ours.
    /// Nothing can be stored, sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<StorageError> for ConnectError {
    fn from(error: StorageError) -> Self {
        Self::Vault(error.into())
    }
}

impl From<RandomFailed> for ConnectError {
    fn from(error: RandomFailed) -> Self {
        Self::Vault(SealFailed::from(error).into())
    }
}

impl From<InvalidConnectionId> for ConnectError {
    fn from(_: InvalidConnectionId) -> Self {
        Self::Unknown
    }
}

/// Where a person connects again, or for the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconnect {
    /// The connection's name for people.
    pub name: String,
    /// The page.
    pub url: String,
}

/// Why a call cannot be made in a person's name.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Nobody with an account here is calling.
    #[error("the caller is no person with an account here")]
    NoPerson(Reconnect),
    /// The person has not connected.
    #[error("the person has not connected {}", .0.name)]
    NotConnected(Reconnect),
    /// The person has to connect again.
    #[error("the person's grant of {} is broken: {reason}", .at.name)]
    Broken {
        /// Where.
        at: Reconnect,
        /// Why.
        reason: BreakReason,
    },
    /// The token ended, and could not be refreshed so far.
    #[error("the access token of {connection} cannot be refreshed now: {cause}")]
    NotRefreshed {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        cause: String,
    },
    /// The grant cannot be read or opened.
    #[error("the grant of {connection} is not available: {cause}")]
    Unavailable {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        cause: VaultError,
    },
    /// The token cannot stand in a header.
    #[error("the access token of {0} cannot be sent in a header")]
    NotForHeaders(ConnectionId),
}

/// Why a grant can be refreshed no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakReason {
    /// The provider says that it has ended: revoked, expired, or used up by somebody else.
    Refused,
    /// The provider had taken the refresh token, and its answer was lost: Keyward or the network broke off in between.
    Interrupted,
    /// The access token ended, and there is no refresh token.
    Expired,
    /// The client that it was given to is configured no more, or the provider has forgotten it.
    ClientGone,
    /// The connection is configured for another provider now.
    ProviderChanged,
}

impl BreakReason {
    /// Those there are.
    pub const ALL: [Self; 5] =
        [Self::Refused, Self::Interrupted, Self::Expired, Self::ClientGone, Self::ProviderChanged];

    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
            Self::Expired => "expired",
            Self::ClientGone => "client_gone",
            Self::ProviderChanged => "provider_changed",
        }
    }

    /// In words for the person.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Refused => "it was revoked there, or had expired",
            Self::Interrupted => "a renewal was cut off after the other side had already used up the old token",
            Self::Expired => "it had a limited time, which is over",
            Self::ClientGone => "this server is registered there anew",
            Self::ProviderChanged => "this server’s configuration names another provider now",
        }
    }

    /// From the word as stored; one that is not known was written by a newer Keyward.
    pub(crate) fn from_stored(word: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|reason| Some(reason.as_str()) == word).unwrap_or(Self::Refused)
    }
}

impl std::fmt::Display for BreakReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
