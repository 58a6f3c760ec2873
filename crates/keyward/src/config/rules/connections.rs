//! Rules of `[[connections]]`: each says once where its provider is, and as whom Keyward is known there.

use std::collections::BTreeSet;

use keyward_vault::upstream::LOGIN;

use super::Rules;
use crate::config::connections::{AuthMethod, Connection};
use crate::config::suggest;

/// Parameters of an authorization request that are Keyward's to set.
const OWN_PARAMETERS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "resource",
];

impl Rules<'_> {
    pub(super) fn connections(&mut self) {
        // Positions are those of the file only when no element was left out.
        if self.torn.contains("connections") {
            return;
        }
        let mut ids = BTreeSet::new();
        for (index, connection) in self.config.connections.iter().enumerate() {
            let index = index.to_string();
            let at = |key: &'static str| ["connections", &index, key].map(str::to_owned);
            let mut found = Vec::new();
            if connection.id.0.as_str() == LOGIN {
                found
                    .push((at("id"), format!("`{LOGIN}` is where people log in: call this connection something else")));
            }
            if !ids.insert(&connection.id.0) {
                found.push((at("id"), format!("there are two connections `{}`", connection.id.0)));
            }
            found.extend(place(connection).map(|wrong| (at("id"), wrong)));
            found.extend(client(connection).map(|(key, wrong)| (at(key), wrong)));
            let own = connection.authorization_parameters.keys().filter(|name| OWN_PARAMETERS.contains(&name.as_str()));
            found
                .extend(own.map(|name| (at("authorization_parameters"), format!("`{name}` is set by Keyward itself"))));
            for (path, wrong) in found {
                self.report(&path.each_ref().map(String::as_str), wrong);
            }
        }
    }

    /// A server refers to a connection that there is.
    pub(super) fn connection_is_there(&mut self, server: usize, id: &str) {
        let login = self.config.broker().map(|_| LOGIN);
        let ids = self.config.connections.iter().map(|connection| connection.id.0.as_str()).chain(login);
        let ids: Vec<&str> = ids.collect();
        if !self.torn.contains("connections") && !ids.contains(&id) {
            let advice = suggest::advice(id, ids);
            let path = ["servers", &server.to_string(), "credential", "connection"];
            self.report(&path, format!("there is no connection `{id}`")).advice = advice;
        }
    }
}

/// Where the provider is: by one way of several.
fn place(connection: &Connection) -> Option<String> {
    let endpoints = (&connection.authorization_endpoint, &connection.token_endpoint);
    let has_endpoints = endpoints.0.is_some() || endpoints.1.is_some();
    if has_endpoints && (endpoints.0.is_none() || endpoints.1.is_none()) {
        return Some("`authorization_endpoint` and `token_endpoint` go together".to_owned());
    }
    if connection.revocation_endpoint.is_some() && !has_endpoints {
        return Some("`revocation_endpoint` goes with `token_endpoint`; elsewhere metadata has it".to_owned());
    }
    // With endpoints, an issuer is what answers name the provider by; with a resource, the one that it may name.
    let by_issuer = connection.issuer.is_some() && !has_endpoints && connection.resource.is_none();
    let ways = [connection.preset.is_some(), connection.resource.is_some(), has_endpoints, by_issuer];
    match ways.into_iter().filter(|way| *way).count() {
        1 => None,
        0 => Some("a connection needs `preset`, `issuer`, `resource`, or the provider's endpoints".to_owned()),
        _ => Some("`preset`, `issuer`, `resource` and endpoints are different ways to say one thing".to_owned()),
    }
}

/// As whom Keyward is known.
fn client(connection: &Connection) -> Option<(&'static str, String)> {
    let registers = connection.preset.is_none() && connection.token_endpoint.is_none();
    if connection.client_id.is_none() {
        if !registers {
            return Some(("id", "this provider takes no registrations: `client_id` is needed".to_owned()));
        }
        if connection.client_secret.is_some() {
            return Some(("client_secret", "`client_secret` is nothing without `client_id`".to_owned()));
        }
    }
    if connection.client_secret.is_some() && connection.resource.is_some() && connection.issuer.is_none() {
        let why = "the metadata of `resource` would decide who gets this secret: add `issuer`, the provider that has given it";
        return Some(("client_secret", why.to_owned()));
    }
    let method = connection.token_endpoint_auth_method;
    match (method, connection.client_secret.is_some()) {
        (Some(AuthMethod::None), true) => {
            Some(("token_endpoint_auth_method", "with \"none\" no secret is sent: leave one of them out".to_owned()))
        }
        (Some(AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost), false) => {
            Some(("token_endpoint_auth_method", "this method needs `client_secret`".to_owned()))
        }
        _ => None,
    }
}
