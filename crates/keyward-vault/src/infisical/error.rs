//! Why Infisical did not do what it was asked. No text here holds a value, a credential or an answer's body.

use keyward_outbound::OutboundError;

use super::answer::InvalidAnswer;
use crate::name::TokenName;
use crate::secret_source::SecretSourceError;

/// Why Infisical did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum InfisicalError {
    // The configuration, or rights that Infisical did not give.
    /// Universal auth does not take the client id and the client secret.
    #[error("Infisical does not let this client in: check client_id and client_secret ({0})")]
    LoginRefused(String),
    /// There is no client secret where the configuration says it is.
    #[error("the client secret of Infisical")]
    ClientSecret(#[from] SecretSourceError),
    /// A login was refused a moment ago; more of them would lock the identity out.
    #[error("Infisical refused the login a moment ago; it is tried again in {seconds} s")]
    LoginHeldBack {
        /// Seconds until the next try.
        seconds: u64,
    },
    /// The machine identity may not do this.
    #[error("Infisical does not allow it: give the machine identity the right to ({0})")]
    Denied(String),
    /// There is no such project or environment.
    #[error("Infisical knows no such project or environment: check project_id and environment")]
    NoEnvironment,
    /// The project asks for approval of changes, so nothing was changed.
    #[error(
        "a policy of the Infisical project asks for approval of this change; it is not done before somebody approves"
    )]
    NeedsApproval,
    /// Infisical does not take the request, for another reason.
    #[error("Infisical refused it: {0}")]
    Refused(String),

    // The value.
    /// What is stored is not sealed, and only sealed values are taken.
    #[error(
        "token {0} is in Infisical as a plain value, which somebody else put there: put it in with `keyward token set`, or set seal = false"
    )]
    NotSealed(TokenName),
    /// The secret has no value.
    #[error("token {0} is in Infisical without a value")]
    Empty(TokenName),
    /// An unsealed value that Infisical would change.
    #[error(
        "without sealing, Infisical keeps text only, and none that begins or ends with white space: set seal = true"
    )]
    NotKept,
    /// Labels that do not fit into Infisical's metadata.
    #[error(
        "Infisical keeps labels of at most 200 bytes with values of at most 1,000, without white space at the ends"
    )]
    Labels,
    /// What was read back is not what was written.
    #[error("Infisical gave back something else than was written to {0}: look at its history there")]
    ReadBack(TokenName),
    /// Somebody who does not go through Keyward wrote at the same moment.
    #[error(
        "somebody outside Keyward wrote {name} in Infisical at the same moment; version {ours}, written here, came after it, and Infisical's history keeps theirs"
    )]
    Raced {
        /// The token.
        name: TokenName,
        /// The version that was written here.
        ours: i64,
    },
    /// Another Keyward process has been writing the same token all along.
    #[error("another Keyward process is writing {0}; try again")]
    Busy(TokenName),

    // Infisical, or the way to it; another try may help.
    /// Too many requests.
    #[error("Infisical takes no more requests for {seconds} s")]
    RateLimited {
        /// How long to wait.
        seconds: u64,
    },
    /// It did not answer.
    #[error("Infisical cannot be reached")]
    Unreachable(#[source] OutboundError),
    /// It had an error of its own.
    #[error("Infisical answers with status {0}")]
    Broken(u16),
    /// It took too long, all in all.
    #[error("Infisical took too long")]
    Deadline,
    /// What came back is no answer of this API.
    #[error(transparent)]
    Answer(#[from] InvalidAnswer),
    /// The database of Keyward could not be asked for the lock that one writer holds at a time.
    #[error(transparent)]
    Storage(#[from] keyward_storage::StorageError),
}

impl InfisicalError {
    /// Whether another try gives the same: the caller, the configuration or the rights have to change.
    pub fn is_refusal(&self) -> bool {
        use InfisicalError::{
            Broken, Busy, Deadline, Denied, LoginHeldBack, NeedsApproval, NoEnvironment, NotKept, RateLimited, Storage,
            Unreachable,
        };
        match self {
            RateLimited { .. }
            | Unreachable(_)
            | Broken(_)
            | Deadline
            | Busy(_)
            | Storage(_)
            | LoginHeldBack { .. } => false,
            Denied(_) | NeedsApproval | NoEnvironment | NotKept => true,
            Self::LoginRefused(_) | Self::Refused(_) | Self::NotSealed(_) | Self::Empty(_) | Self::Labels => true,
            Self::ClientSecret(_) | Self::ReadBack(_) | Self::Raced { .. } | Self::Answer(_) => false,
        }
    }
}
