//! A server of OpenBao: where it is, whom it is trusted by, how Keyward logs in.

use anyhow::Context;
use http::HeaderValue;
use keyward_outbound::TlsConnector;
use keyward_vault::{OpenBaoAuth, OpenBaoConfig, SecretSource};

use super::vault::secret;
use crate::config::{Loaded, OpenBaoAuthKind, OpenBaoServer, SecretPlace, Text};

/// The server of a section that is called `name`.
pub(crate) fn server(loaded: &Loaded, name: &str, section: &OpenBaoServer) -> anyhow::Result<OpenBaoConfig> {
    let namespace = section.namespace.as_ref().map(|namespace| HeaderValue::from_str(&namespace.0.0)).transpose();
    let tls = match &section.ca_file {
        None => TlsConnector::system(),
        Some(path) => {
            let path = loaded.resolve(path);
            let pem = std::fs::read(&path).with_context(|| format!("[{name}] ca_file {}", path.display()))?;
            TlsConnector::with_pem_roots(&pem).with_context(|| format!("[{name}] ca_file {}", path.display()))?
        }
    };
    Ok(OpenBaoConfig {
        address: section.address.0.0.parse().with_context(|| format!("[{name}] address"))?,
        namespace: namespace.with_context(|| format!("[{name}] namespace"))?,
        auth: auth(loaded, section).with_context(|| format!("[{name}] lacks what its auth needs"))?,
        tls,
    })
}

fn auth(loaded: &Loaded, section: &OpenBaoServer) -> Option<OpenBaoAuth> {
    let place =
        |place: &Option<Text<SecretPlace>>| -> Option<SecretSource> { Some(secret(loaded, &place.as_ref()?.0)) };
    let mount = |usual: &str| section.auth_mount.as_ref().map_or_else(|| usual.to_owned(), |mount| mount.0.0.clone());
    Some(match section.auth {
        OpenBaoAuthKind::Token => OpenBaoAuth::Token { token: place(&section.token)? },
        OpenBaoAuthKind::AppRole => OpenBaoAuth::AppRole {
            mount: mount("approle"),
            role_id: place(&section.role_id)?,
            secret_id: place(&section.secret_id)?,
        },
        OpenBaoAuthKind::Kubernetes => OpenBaoAuth::Kubernetes {
            mount: mount("kubernetes"),
            role: section.role.clone()?,
            jwt: secret(loaded, &section.jwt.0),
        },
    })
}
