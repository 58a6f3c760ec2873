//! Rules of a server of OpenBao: the way to log in has what it needs.

use super::Rules;
use crate::config::openbao::{OpenBaoAuthKind, OpenBaoServer};

impl Rules<'_> {
    /// For the section at `path`.
    pub(super) fn openbao_auth(&mut self, path: &[&str], server: &OpenBaoServer) {
        let (kind, needed) = match server.auth {
            OpenBaoAuthKind::Token => ("token", vec![("token", server.token.is_some())]),
            OpenBaoAuthKind::AppRole => {
                ("approle", vec![("role_id", server.role_id.is_some()), ("secret_id", server.secret_id.is_some())])
            }
            OpenBaoAuthKind::Kubernetes => ("kubernetes", vec![("role", server.role.is_some())]),
        };
        for (key, _) in needed.into_iter().filter(|(_, is_there)| !is_there) {
            let message = format!("auth = \"{kind}\" needs `{key}`");
            let example = if key == "role" { "\"keyward\"" } else { "\"env:NAME\" or \"file:PATH\"" };
            self.report(&[path, &["auth"]].concat(), message).advice = Some(format!("add {key} = {example}"));
        }
    }
}
