//! Trying a new value before it is stored: one call of a URL that says whether the service takes it.

use http::{Method, StatusCode};
use keyward_core::secret::Secret;
use keyward_outbound::{Client, OutboundError};
use url::Url;

use crate::credential::{Credential, CredentialError, CredentialSpec};
use crate::store::{NewToken, OpenedToken};

/// How a new value of a token is tried.
#[derive(Clone, Debug)]
pub struct TokenCheck {
    /// Asked with GET.
    pub url: Url,
    /// The answer of a service that takes the value.
    pub expect: StatusCode,
    /// How the value is written into the request.
    pub spec: CredentialSpec,
}

/// A value that was tried and is not to be stored. No text here holds it, or a URL that it may be in.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It cannot be written as the rule asks.
    #[error(transparent)]
    Form(#[from] CredentialError),
    /// The service says something else.
    #[error("{host} answered {found}, and {expected} was expected: the service does not take this value")]
    Refused {
        /// Whose answer.
        host: String,
        /// The status.
        found: StatusCode,
        /// What it was to be.
        expected: StatusCode,
    },
    /// The service was not reached.
    #[error("{host} could not be asked whether it takes this value: {cause}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What went wrong.
        cause: OutboundError,
    },
}

impl CredentialSpec {
    /// Whether a new value can be written as this rule asks, before it is stored.
    pub fn check_form(&self, token: &NewToken) -> Result<(), CredentialError> {
        credential(self, token).map(drop)
    }
}

fn credential(spec: &CredentialSpec, token: &NewToken) -> Result<Credential, CredentialError> {
    let value = Secret::new(token.value().expose_secret().to_vec());
    Credential::new(spec, &OpenedToken { value, version: 0, expires_at: None })
}

impl TokenCheck {
    /// Asks the service.
    pub async fn run(&self, client: &Client, token: &NewToken) -> Result<(), CheckError> {
        let credential = credential(&self.spec, token)?;
        let too_long = || CredentialError::NotForQuery(self.spec.token().clone());
        let (url, headers) = credential.request(&self.url).ok_or_else(too_long)?;
        let answer = client.send(Method::GET, &url, headers, bytes::Bytes::new()).await;
        let host = self.host();
        match answer {
            Ok(answer) if answer.status == self.expect => Ok(()),
            Ok(answer) => Err(CheckError::Refused { host, found: answer.status, expected: self.expect }),
            Err(cause) => Err(CheckError::Unreachable { host, cause }),
        }
    }

    /// Who is asked, for messages.
    pub fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }
}
