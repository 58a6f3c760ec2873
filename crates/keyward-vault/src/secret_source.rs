//! Where a secret of the configuration is. It is never in the configuration file itself.

use std::fmt;
use std::io;
use std::path::PathBuf;

use keyward_core::secret::Secret;

use crate::environment::Environment;

/// A place that holds a secret. It is read each time the secret is needed, so that whoever renews it tells nobody.
#[derive(Clone)]
pub enum SecretSource {
    /// A variable, `env:NAME`.
    Environment {
        /// Where variables come from.
        environment: Environment,
        /// Its name.
        variable: String,
    },
    /// A file, `file:PATH`. White space at its end does not count.
    File(PathBuf),
}

/// A secret that is not where it should be.
#[derive(Debug, thiserror::Error)]
pub enum SecretSourceError {
    /// The variable is not set, or set to nothing.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// The file cannot be read.
    #[error("the file {path} cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file is empty.
    #[error("the file {0} is empty")]
    Empty(String),
}

impl SecretSource {
    /// The secret, as it is there now.
    pub async fn read(&self) -> Result<Secret, SecretSourceError> {
        match self {
            Self::Environment { environment, variable } => {
                environment.get(variable).ok_or_else(|| SecretSourceError::NotSet(variable.clone()))
            }
            Self::File(path) => {
                let shown = || path.display().to_string();
                let read = tokio::fs::read(path).await;
                let whole = Secret::new(read.map_err(|cause| SecretSourceError::Unreadable { path: shown(), cause })?);
                match whole.expose_secret().trim_ascii_end() {
                    [] => Err(SecretSourceError::Empty(shown())),
                    trimmed => Ok(Secret::new(trimmed.to_vec())),
                }
            }
        }
    }
}

/// As the configuration writes it.
impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment { variable, .. } => write!(f, "env:{variable}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_what_is_there_now() {
        let variable = |name: &str| SecretSource::Environment {
            environment: Environment::of([("SET", "s3cret"), ("EMPTY", "")]),
            variable: name.to_owned(),
        };
        assert_eq!(variable("SET").read().await.expect("set").expose_secret(), b"s3cret");
        assert!(matches!(variable("EMPTY").read().await, Err(SecretSourceError::NotSet(name)) if name == "EMPTY"));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let file = SecretSource::File(path.clone());
        assert!(matches!(file.read().await, Err(SecretSourceError::Unreadable { .. })));
        for (content, secret) in [("one\n", Some("one")), ("  two\r\n\n", Some("  two")), ("\n", None)] {
            std::fs::write(&path, content).expect("written");
            let read = file.read().await.ok();
            assert_eq!(read.as_ref().and_then(Secret::expose_text), secret, "{content:?}");
        }
    }
}
