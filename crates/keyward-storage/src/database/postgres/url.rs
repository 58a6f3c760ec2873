//! `postgres://…` as libpq reads it, with the forms of `sslmode` that ask for a verified server.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, Host, SslMode};

use crate::error::StorageError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a URL says.
pub(super) struct Target {
    pub(super) config: Config,
    /// A PEM file of roots to trust instead of the system's (`sslrootcert`).
    pub(super) roots: Option<PathBuf>,
}

/// Takes out what the driver does not know and lets it read the rest. Whenever there is TLS, the certificate and the host's
/// name in it are verified: `require` means `verify-full`. With no mode named, a server elsewhere must have TLS, one on this
/// machine is taken without.
pub(super) fn parse(url: &str) -> Result<Target, StorageError> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut mode, mut roots, mut others) = (None, None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value),
            Some(("sslrootcert", "system")) => roots = None,
            Some(("sslrootcert", path)) => {
                roots = Some(percent_decode_str(path).decode_utf8_lossy().into_owned().into())
            }
            _ => others.push(pair),
        }
    }
    let rest = if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
    let mut config: Config = rest.parse().map_err(|error| StorageError::Url { reason: reason(&error) })?;
    config.ssl_mode(match mode {
        Some("disable") => SslMode::Disable,
        Some("prefer") => SslMode::Prefer,
        Some("require" | "verify-full") => SslMode::Require,
        None if config.get_hosts().iter().all(is_local) => SslMode::Disable,
        None => SslMode::Require,
        Some(other) => {
            let reason = format!("sslmode is disable, prefer, require or verify-full, not {other:?}");
            return Err(StorageError::Url { reason });
        }
    });
    if config.get_application_name().is_none() {
        config.application_name("keyward");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    Ok(Target { config, roots })
}

fn is_local(host: &Host) -> bool {
    match host {
        #[cfg(unix)]
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    }
}

/// The driver says which part it does not understand, and repeats no value.
fn reason(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn asks_for_tls_as_the_mode_and_the_place_say() {
        for (url, mode) in [
            ("postgres://u@localhost/db", SslMode::Disable),
            ("postgres://u@127.0.0.1,[::1]:5433/db", SslMode::Disable),
            ("postgres://u@%2Frun%2Fpostgresql/db", SslMode::Disable),
            ("postgres://u@localhost,db.example.com/db", SslMode::Require),
            ("postgres://u:sslmode=disable@db.example.com/db", SslMode::Require),
            ("postgres://u@db.example.com/db?sslmode=disable", SslMode::Disable),
            ("postgres://u@localhost/db?connect_timeout=3&sslmode=verify-full", SslMode::Require),
            ("postgres://u@db.example.com/db?sslmode=prefer", SslMode::Prefer),
        ] {
            assert_eq!(target(url).config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn takes_roots_from_a_file() {
        let path = |url| target(url).roots;
        let file = "postgres://u@h/db?sslrootcert=%2Fetc%2Fpki%2Fca.pem&sslmode=verify-full";
        assert_eq!(path(file), Some(PathBuf::from("/etc/pki/ca.pem")));
        assert_eq!(path("postgres://u@h/db?sslrootcert=system"), None);
    }

    #[test]
    fn says_what_is_wrong_and_not_the_password() {
        for (query, part) in [("sslmode=verify-ca", "verify-ca"), ("colour=red", "colour")] {
            let error = parse(&format!("postgres://u:hunter2@h/db?{query}")).err().expect("refused").to_string();
            assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
        }
    }
}
