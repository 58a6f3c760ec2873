//! Why OpenBao did not do what it was asked. No text here holds a token or a value.

use keyward_outbound::OutboundError;

use crate::name::TokenName;
use crate::secret_source::SecretSourceError;

/// Why OpenBao did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum OpenBaoError {
    // Another try may succeed.
    /// No answer: it is not there, does not answer in time, or its certificate is not trusted.
    #[error("OpenBao cannot be reached: {0}")]
    Unreachable(#[source] OutboundError),
    /// It answers that it cannot do it now: it is sealed, starting, or has too much to do.
    #[error("OpenBao is not available (HTTP {status}): {said}")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// What it says.
        said: String,
    },

    // Somebody must do something first.
    /// What Keyward logs in with is not where it should be.
    #[error("Keyward cannot log in to OpenBao: {0}")]
    NoSecret(#[from] SecretSourceError),
    /// What Keyward logs in with cannot stand in a request.
    #[error("Keyward cannot log in to OpenBao: the {0} has characters that none has")]
    BadSecret(&'static str),
    /// It does not take what Keyward logs in with.
    #[error("OpenBao refuses Keyward's login by {method} (HTTP {status}): {said}")]
    LoginRefused {
        /// How Keyward logs in.
        method: &'static str,
        /// The HTTP status.
        status: u16,
        /// What it says.
        said: String,
    },
    /// The policy of Keyward's token does not allow it.
    #[error("OpenBao denies {operation} on {path}: the policy of Keyward's token must allow it")]
    Denied {
        /// What was asked for.
        operation: &'static str,
        /// Where.
        path: String,
    },
    /// The version there is another than the writer believed.
    #[error("the version in OpenBao is not the expected one")]
    CheckAndSet,
    /// It refuses for another reason, such as a mount that is not there.
    #[error("OpenBao refuses {operation} on {path} (HTTP {status}): {said}")]
    Refused {
        /// What was asked for.
        operation: &'static str,
        /// Where.
        path: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        said: String,
    },
    /// The answer is not what the documentation of its API says.
    #[error(
        "the answer of OpenBao to {operation} on {path} is not understood: is it OpenBao, and the mount of the right kind?"
    )]
    Unreadable {
        /// What was asked for.
        operation: &'static str,
        /// Where.
        path: String,
    },

    // What is stored.
    /// What is stored is not sealed, and only sealed values are taken.
    #[error("token {0} is in OpenBao as a plain value: put it in with `keyward token set`, or set seal = false")]
    NotSealed(TokenName),
    /// The secret holds no value, or none of a known form.
    #[error("token {name} is in OpenBao and cannot be used: {why}")]
    NoValue {
        /// The token.
        name: TokenName,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl OpenBaoError {
    /// Whether another try gives the same: the caller, the configuration or the rights have to change.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Unreachable(_) | Self::Unavailable { .. } | Self::Unreadable { .. })
    }
}
