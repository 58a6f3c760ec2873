//! A thin client of Infisical: universal auth, and secrets and folders of one project's environment.
//!
//! Paths and bodies are those that Infisical's own SDK (`@infisical/sdk` 5.0) sends, so it works with every server that the
//! SDK works with: `/api/v3/secrets/raw` and `/api/v1/folders`. Imports are not followed and references in values
//! (`${…}`) not expanded: Keyward asks for what was stored.

pub mod answer;
mod error;
mod login;
mod request;

use std::fmt;

use arc_swap::ArcSwapOption;
use http::{Method, StatusCode};
use keyward_core::clock::{Clock, Timestamp};
use keyward_outbound::Client;
use serde::Serialize;
use url::Url;

pub use error::InfisicalError;

use crate::secret_source::SecretSource;
use answer::{Changed, ErrorAnswer, Listed, Metadata, One, SecretAnswer};
use login::Login;
use request::Reply;
pub(crate) use request::client_config;

/// Where Infisical is, and as whom Keyward asks.
#[derive(Clone, Debug)]
pub struct InfisicalConfig {
    /// The site, such as `https://app.infisical.com`.
    pub url: Url,
    /// The project.
    pub project_id: String,
    /// The slug of the environment.
    pub environment: String,
    /// The folder below which the tokens are: `/`, or `/a/b` without a slash at its end.
    pub path: String,
    /// The client id of the machine identity (universal auth).
    pub client_id: String,
    /// Its client secret.
    pub client_secret: SecretSource,
    /// Whether values are sealed before they leave Keyward.
    pub seal: bool,
}

/// The client.
pub(crate) struct Infisical {
    config: InfisicalConfig,
    http: Client,
    clock: Clock,
    login: Login,
    /// Until when nothing is sent, after a 429.
    paused_until: ArcSwapOption<Timestamp>,
}

/// What a secret becomes.
pub(crate) struct NewSecret<'a> {
    pub(crate) value: &'a str,
    pub(crate) metadata: &'a [Metadata],
    /// Whether the value may be repeated in an error: it is sealed.
    pub(crate) is_sealed: bool,
}

/// How making a secret ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// It is there, in this version.
    Version(i64),
    /// It was not made: most often, because it is there already.
    Refused(String),
    /// There is no such folder.
    NoFolder,
}

impl Infisical {
    pub(crate) fn new(config: InfisicalConfig, http: Client, clock: Clock) -> Self {
        Self { config, http, clock, login: Login::default(), paused_until: ArcSwapOption::empty() }
    }

    pub(crate) fn config(&self) -> &InfisicalConfig {
        &self.config
    }

    /// One secret, or one of its versions; without its value unless that is asked for.
    pub(crate) async fn get(
        &self,
        folder: &str,
        key: &str,
        version: Option<i64>,
        with_value: bool,
    ) -> Result<Option<SecretAnswer>, InfisicalError> {
        let version = version.map(|version| version.to_string());
        let mut query = vec![
            ("workspaceId", self.config.project_id.as_str()),
            ("environment", &self.config.environment),
            ("secretPath", folder),
            ("type", "shared"),
            ("viewSecretValue", if with_value { "true" } else { "false" }),
            ("expandSecretReferences", "false"),
        ];
        query.extend(version.as_deref().map(|version| ("version", version)));
        let url = self.url(&["api", "v3", "secrets", "raw", key], &query);
        match self.send(Method::GET, &url, None).await? {
            Reply { status: StatusCode::NOT_FOUND, .. } => Ok(None),
            reply => Ok(Some(reply.read::<One>()?.secret)),
        }
    }

    /// All secrets at `folder` and below, without their values; `None` when there is no such folder.
    pub(crate) async fn list(&self, folder: &str) -> Result<Option<Vec<SecretAnswer>>, InfisicalError> {
        let query = [
            ("workspaceId", self.config.project_id.as_str()),
            ("environment", &self.config.environment),
            ("secretPath", folder),
            ("recursive", "true"),
            ("viewSecretValue", "false"),
            ("expandSecretReferences", "false"),
            ("include_imports", "false"),
        ];
        match self.send(Method::GET, &self.url(&["api", "v3", "secrets", "raw"], &query), None).await? {
            Reply { status: StatusCode::NOT_FOUND, .. } => Ok(None),
            reply => Ok(Some(reply.read::<Listed>()?.secrets)),
        }
    }

    /// Makes a secret where there is none.
    pub(crate) async fn create(&self, folder: &str, key: &str, new: &NewSecret<'_>) -> Result<Made, InfisicalError> {
        let reply = self.send(Method::POST, &self.secret_url(key), Some(&self.body(folder, new)?)).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(Made::NoFolder),
            StatusCode::BAD_REQUEST => Ok(Made::Refused(reason(&reply.body, new))),
            _ => version(reply).map(Made::Version),
        }
    }

    /// Puts a new version in; its number, or `None` when there is no such secret.
    pub(crate) async fn update(
        &self,
        folder: &str,
        key: &str,
        new: &NewSecret<'_>,
    ) -> Result<Option<i64>, InfisicalError> {
        let reply = self.send(Method::PATCH, &self.secret_url(key), Some(&self.body(folder, new)?)).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::BAD_REQUEST => Err(InfisicalError::Refused(reason(&reply.body, new))),
            _ => version(reply).map(Some),
        }
    }

    /// Deletes a secret; whether there was one.
    pub(crate) async fn delete(&self, folder: &str, key: &str) -> Result<bool, InfisicalError> {
        let body = request::json(&Placed {
            workspace_id: &self.config.project_id,
            environment: &self.config.environment,
            secret_path: folder,
            kind: "shared",
        })?;
        match self.send(Method::DELETE, &self.secret_url(key), Some(&body)).await? {
            Reply { status: StatusCode::NOT_FOUND, .. } => Ok(false),
            reply => version(reply).map(|_| true),
        }
    }

    /// Makes a folder, and those above it that are not there. One that is there already is as good.
    pub(crate) async fn make_folder(&self, above: &str, name: &str) -> Result<(), InfisicalError> {
        let body = request::json(&serde_json::json!({
            "workspaceId": self.config.project_id,
            "environment": self.config.environment,
            "path": above,
            "name": name,
        }))?;
        match self.send(Method::POST, &self.url(&["api", "v1", "folders"], &[]), Some(&body)).await?.status {
            StatusCode::NOT_FOUND => Err(InfisicalError::NoEnvironment),
            // 400: it exists. If it is anything else, the write that follows says so.
            _ => Ok(()),
        }
    }

    /// Whether the environment is there: without it, every secret would seem not to be.
    pub(crate) async fn check_environment(&self) -> Result<(), InfisicalError> {
        let query = [
            ("workspaceId", self.config.project_id.as_str()),
            ("environment", &self.config.environment),
            ("path", "/"),
        ];
        match self.send(Method::GET, &self.url(&["api", "v1", "folders"], &query), None).await?.status {
            StatusCode::NOT_FOUND => Err(InfisicalError::NoEnvironment),
            _ => Ok(()),
        }
    }

    fn secret_url(&self, key: &str) -> Url {
        self.url(&["api", "v3", "secrets", "raw", key], &[])
    }

    fn body(&self, folder: &str, new: &NewSecret<'_>) -> Result<request::Body, InfisicalError> {
        request::json(&Written {
            placed: Placed {
                workspace_id: &self.config.project_id,
                environment: &self.config.environment,
                secret_path: folder,
                kind: "shared",
            },
            secret_value: new.value,
            secret_metadata: new.metadata,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Placed<'a> {
    workspace_id: &'a str,
    environment: &'a str,
    secret_path: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(flatten)]
    placed: Placed<'a>,
    secret_value: &'a str,
    secret_metadata: &'a [Metadata],
}

fn version(reply: Reply) -> Result<i64, InfisicalError> {
    match reply.read::<Changed>()? {
        Changed::Done { secret } => Ok(secret.version),
        Changed::NeedsApproval { .. } => Err(InfisicalError::NeedsApproval),
    }
}

/// What Infisical says of a write it did not take. It may quote a part of the value, so that is only told of sealed ones.
fn reason(body: &[u8], new: &NewSecret<'_>) -> String {
    if new.is_sealed { ErrorAnswer::parse(body).told() } else { "see Infisical's own log".to_owned() }
}

impl fmt::Debug for Infisical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Infisical")
    }
}
