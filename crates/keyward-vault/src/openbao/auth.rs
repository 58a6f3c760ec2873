//! How Keyward logs in: a token, AppRole, or the service account of a Kubernetes pod.

use http::StatusCode;
use keyward_core::secret::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Connection;
use super::error::OpenBaoError;
use super::session::Session;
use super::wire::{Answer, Ask};
use crate::secret_source::SecretSource;

/// How Keyward logs in.
#[derive(Clone, Debug)]
pub enum OpenBaoAuth {
    /// With a token that somebody made for it.
    Token {
        /// The token.
        token: SecretSource,
    },
    /// As an AppRole.
    AppRole {
        /// Where the method is mounted: `approle`, as a rule.
        mount: String,
        /// The role's id.
        role_id: SecretSource,
        /// A secret id of the role.
        secret_id: SecretSource,
    },
    /// With the token of a Kubernetes service account.
    Kubernetes {
        /// Where the method is mounted: `kubernetes`, as a rule.
        mount: String,
        /// The role.
        role: String,
        /// The service account's token. Kubernetes replaces the file, so it is read at each login.
        jwt: SecretSource,
    },
}

/// `auth` in the answers to logins and renewals.
#[derive(Deserialize)]
pub(super) struct Granted {
    pub(super) auth: Grant,
}

/// A token and its lease, in seconds; 0 is for ever.
#[derive(Deserialize)]
pub(super) struct Grant {
    pub(super) client_token: String,
    pub(super) lease_duration: u64,
    pub(super) renewable: bool,
}

#[derive(Deserialize)]
struct LookedUp {
    data: Lookup,
}

#[derive(Deserialize)]
struct Lookup {
    ttl: u64,
    renewable: bool,
}

impl OpenBaoAuth {
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::AppRole { .. } => "AppRole",
            Self::Kubernetes { .. } => "Kubernetes",
        }
    }

    /// Whether another login gives another token.
    pub(super) fn gives_new_tokens(&self) -> bool {
        !matches!(self, Self::Token { .. })
    }

    pub(super) async fn log_in(&self, connection: &Connection) -> Result<Session, OpenBaoError> {
        match self {
            Self::Token { token } => {
                let session = Session::new(&token.read().await?, 0, false)?;
                let ask = Ask::read("auth/token/lookup-self");
                let answer = connection.send(&ask, Some(&session)).await?;
                let known: LookedUp = self.granted(&answer, &ask)?;
                Ok(session.lasting(known.data.ttl, known.data.renewable))
            }
            Self::AppRole { mount, role_id, secret_id } => {
                #[derive(Serialize)]
                struct Login<'a> {
                    role_id: &'a str,
                    secret_id: &'a str,
                }
                let (role_id, secret_id) = (role_id.read().await?, secret_id.read().await?);
                let login = Login { role_id: text(&role_id, "role id")?, secret_id: text(&secret_id, "secret id")? };
                self.log_in_at(connection, mount, &login).await
            }
            Self::Kubernetes { mount, role, jwt } => {
                #[derive(Serialize)]
                struct Login<'a> {
                    role: &'a str,
                    jwt: &'a str,
                }
                let jwt = jwt.read().await?;
                self.log_in_at(connection, mount, &Login { role, jwt: text(&jwt, "service account token")? }).await
            }
        }
    }

    async fn log_in_at(
        &self,
        connection: &Connection,
        mount: &str,
        login: &impl Serialize,
    ) -> Result<Session, OpenBaoError> {
        let ask = Ask::write(&format!("auth/{mount}/login"), login);
        let answer = connection.send(&ask, None).await?;
        let granted: Granted = self.granted(&answer, &ask)?;
        granted.auth.session()
    }

    /// Errors of a login are about what Keyward logs in with, whatever their status, unless the server is at fault.
    fn granted<T: DeserializeOwned>(&self, answer: &Answer, ask: &Ask) -> Result<T, OpenBaoError> {
        let refused = || OpenBaoError::LoginRefused {
            method: self.method(),
            status: answer.status.as_u16(),
            said: answer.said(),
        };
        match answer.found(ask) {
            Ok(Some(granted)) => Ok(granted),
            Ok(None) => Err(refused()),
            Err(OpenBaoError::Denied { .. } | OpenBaoError::Refused { .. }) => Err(refused()),
            // A login that its backend cannot check: Kubernetes answers for a token it does not know.
            Err(OpenBaoError::Unavailable { .. }) if answer.status == StatusCode::INTERNAL_SERVER_ERROR => {
                Err(refused())
            }
            Err(error) => Err(error),
        }
    }
}

impl Grant {
    pub(super) fn session(self) -> Result<Session, OpenBaoError> {
        let token = Secret::from_text(self.client_token);
        Session::new(&token, self.lease_duration, self.renewable)
    }
}

fn text<'a>(secret: &'a Secret, what: &'static str) -> Result<&'a str, OpenBaoError> {
    secret.expose_text().ok_or(OpenBaoError::BadSecret(what))
}
