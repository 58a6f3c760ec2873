//! Hooks: a command or an HTTP call that gives a new value for a token, or takes news of one to somebody.

mod answer;
mod command;
mod http;

use std::time::Duration;

use keyward_core::secret::Secret;
use keyward_outbound::{Client, OutboundError};
use url::Url;

pub use answer::{InvalidAnswer, NewValue};

use crate::environment::Environment;
use crate::secret_source::{SecretSource, SecretSourceError};
use crate::store::MAX_VALUE_LEN;

/// The most that is read of what a hook says: the longest value, as JSON in its longest form.
const MAX_ANSWER: usize = 6 * MAX_VALUE_LEN + 1024;

/// A hook.
#[derive(Clone, Debug)]
pub struct Hook {
    /// What it is.
    pub kind: HookKind,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a hook is.
#[derive(Clone, Debug)]
pub enum HookKind {
    /// A program, started without a shell.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The variables that it gets of Keyward's environment; no others.
        environment: Vec<String>,
    },
    /// A POST of JSON.
    Http {
        /// Where to.
        url: Url,
        /// What holds the value of its `Authorization` header.
        authorization: Option<SecretSource>,
    },
}

/// Why a hook did not do its work. Nothing that it wrote is repeated: it may hold secrets.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The program cannot be started.
    #[error("the program {program} cannot be started: {cause}")]
    CannotStart {
        /// The program.
        program: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The program was started, and talking to it failed.
    #[error("the program cannot be talked to: {0}")]
    Io(#[from] std::io::Error),
    /// The program says by its exit that it failed.
    #[error("the program ended with {0}; what it wrote to standard error is not kept")]
    Failed(std::process::ExitStatus),
    /// It took too long, and was ended.
    #[error("it took longer than {} s and was ended", .0.as_secs())]
    TooSlow(Duration),
    /// It said more than any token has.
    #[error("it wrote more than any token has")]
    TooLong,
    /// Its authorization is not where it should be.
    #[error("its authorization: {0}")]
    NoAuthorization(#[from] SecretSourceError),
    /// Its authorization is no value of a header.
    #[error("its authorization cannot stand in a header")]
    BadAuthorization,
    /// The current value cannot go into JSON.
    #[error(
        "the token's current value is not UTF-8 text, which is all that JSON carries: nothing was sent. Use hook.command, or \
         leave out give_current"
    )]
    NotText,
    /// It could not be called.
    #[error("it cannot be called: {0}")]
    Outbound(#[from] OutboundError),
    /// It answered with an error.
    #[error("it answered with status {0}")]
    Status(::http::StatusCode),
}

/// What hooks are run with.
#[derive(Clone, Debug)]
pub struct HookRunner {
    /// For variables that hooks are given.
    pub environment: Environment,
    /// For HTTP.
    pub client: Client,
}

impl HookRunner {
    /// Runs a hook to its end: `facts`, a JSON object, and perhaps a secret go in; what it says comes out.
    pub(crate) async fn run(&self, hook: &Hook, facts: &str, stdin: Option<&Secret>) -> Result<Secret, HookError> {
        let running = async {
            match &hook.kind {
                HookKind::Command { argv, environment } => {
                    command::run(argv, environment, &self.environment, facts, stdin).await
                }
                HookKind::Http { url, authorization } => {
                    http::run(&self.client, url, authorization.as_ref(), facts, stdin).await
                }
            }
        };
        tokio::time::timeout(hook.timeout, running).await.unwrap_or(Err(HookError::TooSlow(hook.timeout)))
    }
}
