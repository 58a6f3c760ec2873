//! Rules between sections: what no single value can get wrong alone.

mod connections;
mod issuers;
mod keys;
mod openbao;
mod resources;
mod token_store;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::mistake::Mistake;
use super::text::{Text, TextValue};
use super::tree::{Node, Source};
use super::{Config, CredentialRule, suggest};

/// The mistakes between sections. `torn` names the sections of which parts were left out for mistakes of their own:
/// what refers to these is not judged.
pub(crate) fn check(config: &Config, root: &Node, torn: &BTreeSet<String>) -> Vec<Mistake> {
    let mut rules = Rules { config, root, torn, mistakes: Vec::new() };
    rules.public_url();
    rules.lifetimes();
    rules.storage();
    rules.token_store();
    rules.keys();
    rules.issuers();
    rules.resources();
    rules.hooks();
    rules.connections();
    if !torn.contains("servers") {
        rules.servers_apart();
        rules.default_server();
        rules.default_scopes();
        rules.credentials();
    }
    if !torn.contains("servers") && !torn.contains("resources") {
        rules.scopes_known();
    }
    rules.mistakes
}

struct Rules<'a> {
    config: &'a Config,
    root: &'a Node,
    torn: &'a BTreeSet<String>,
    mistakes: Vec<Mistake>,
}

impl Rules<'_> {
    fn report(&mut self, path: &[&str], message: impl Into<String>) -> &mut Mistake {
        self.mistakes.push(Mistake::new(self.root.locate(path), message));
        let last = self.mistakes.len() - 1;
        &mut self.mistakes[last]
    }

    fn public_url(&mut self) {
        let server = &self.config.server;
        if server.public_url.is_none() && !server.listen.0.ip().is_loopback() && !self.torn.contains("server") {
            self.report(&["server", "listen"], "`listen` is open to the network, and there is no `public_url`")
                .advice = Some("add public_url = \"https://…\", the URL under which clients reach Keyward".to_owned());
        }
    }

    fn lifetimes(&mut self) {
        let issuer = &self.config.issuer;
        let bounds = [
            ("access_token_lifetime", issuer.access_token_lifetime.0.0, 1, 86_400),
            ("refresh_token_lifetime", issuer.refresh_token_lifetime.0.0, 1, 366 * 86_400),
            ("grant_lifetime", issuer.grant_lifetime.0.0, 1, 3_660 * 86_400),
            ("code_lifetime", issuer.code_lifetime.0.0, 1, 600),
            ("refresh_grace", issuer.refresh_grace.0.0, 0, 600),
            ("session_idle_lifetime", issuer.session_idle_lifetime.0.0, 60, 366 * 86_400),
            ("session_lifetime", issuer.session_lifetime.0.0, 60, 366 * 86_400),
        ];
        for (key, value, least, most) in bounds {
            if value < Duration::from_secs(least) || value > Duration::from_secs(most) {
                let text = |seconds| super::text::Period::seconds(seconds).to_text();
                self.report(&["issuer", key], format!("`{key}` is from {} to {}", text(least), text(most)));
            }
        }
    }

    fn storage(&mut self) {
        let url = &self.config.storage.url.0;
        if url.holds_password() && matches!(self.root.locate(&["storage", "url"]), Source::File(_)) {
            self.report(&["storage", "url"], "a password does not belong into this file").advice =
                Some("put the URL into a variable or a file and write url = \"env:NAME\" or \"file:PATH\"".to_owned());
        }
    }

    fn servers_apart(&mut self) {
        let (mut ids, mut paths) = (BTreeSet::new(), BTreeSet::new());
        for (index, server) in self.config.servers.iter().enumerate() {
            let index = index.to_string();
            if !ids.insert(&server.id.0) {
                self.report(&["servers", &index, "id"], format!("there are two servers `{}`", server.id.0));
            }
            if !paths.insert(&server.path.0) {
                let message = format!("two servers have the path {}", server.path.0.to_text());
                self.report(&["servers", &index, "path"], message);
            }
        }
    }

    fn hooks(&mut self) {
        let mut found = Vec::new();
        for (name, section) in &self.config.tokens {
            if let Some(Err(wrong)) = section.rotation.as_ref().map(|rotation| rotation.hook.kind()) {
                found.push((vec!["tokens", name, "rotation", "hook"], wrong));
            }
        }
        if let Some(Err(wrong)) = self.config.reminders.hook.as_ref().map(super::hook::Hook::kind) {
            found.push((vec!["reminders", "hook"], wrong));
        }
        for (path, wrong) in found {
            if !self.torn.contains(path[0]) {
                self.report(&path, wrong);
            }
        }
    }

    fn credentials(&mut self) {
        for (index, server) in self.config.servers.iter().enumerate() {
            let Some(credential) = &server.credential else { continue };
            match credential.rule() {
                Err(wrong) => drop(self.report(&["servers", &index.to_string(), "credential"], wrong.to_string())),
                Ok(CredentialRule::Grant(rule)) => self.connection_is_there(index, rule.connection().as_str()),
                Ok(CredentialRule::Token(_)) => {}
            }
        }
    }

    fn default_server(&mut self) {
        let Some(default) = &self.config.server.default_server else { return };
        let ids: Vec<&str> = self.config.servers.iter().map(|server| server.id.0.as_str()).collect();
        if !ids.contains(&default.0.as_str()) {
            let elsewhere = self.config.resources.iter().any(|resource| resource.id == *default);
            let (message, advice) = if elsewhere {
                let message = format!("`{}` is a resource elsewhere", default.0);
                (message, Some("the default is a server here; what is elsewhere clients get by naming it".to_owned()))
            } else {
                (format!("there is no server `{}`", default.0), suggest::advice(default.0.as_str(), ids))
            };
            self.report(&["server", "default_server"], message).advice = advice;
        }
    }

    fn default_scopes(&mut self) {
        for (index, server) in self.config.servers.iter().enumerate() {
            let mut usable = server.scopes.iter().chain(server.tool_scopes.values().flatten());
            for (at, scope) in server.default_scopes.iter().flatten().enumerate() {
                if !usable.clone().any(|known| known == scope) && !self.config.scopes.contains_key(scope.0.as_str()) {
                    let advice = suggest::advice(scope.0.as_str(), usable.by_ref().map(|known| known.0.as_str()));
                    let path = ["servers", &index.to_string(), "default_scopes", &at.to_string()];
                    self.report(&path, format!("`{}` is no scope of this server", scope.0)).advice = advice;
                }
            }
        }
    }

    /// Every scope of `[scopes]` is used, by a server or a resource elsewhere, or included in one that is, and includes only
    /// scopes that exist.
    fn scopes_known(&mut self) {
        let of_servers = self.config.servers.iter().flat_map(|server| {
            let defaults = server.default_scopes.iter().flatten();
            server.scopes.iter().chain(server.tool_scopes.values().flatten()).chain(defaults)
        });
        let of_resources = self
            .config
            .resources
            .iter()
            .flat_map(|resource| resource.scopes.iter().chain(resource.default_scopes.iter().flatten()));
        let used: BTreeSet<&str> = of_servers.chain(of_resources).map(scope_text).collect();
        let declared: BTreeMap<&str, &Vec<Text<_>>> =
            self.config.scopes.iter().map(|(name, meaning)| (name.as_str(), &meaning.includes)).collect();
        let mut found = Vec::new();
        for (name, includes) in &declared {
            for (at, scope) in includes.iter().enumerate() {
                if !used.contains(scope_text(scope)) && !declared.contains_key(scope_text(scope)) {
                    let known = used.iter().chain(declared.keys()).copied();
                    let advice = suggest::advice(scope_text(scope), known.collect::<BTreeSet<_>>());
                    let message = format!("no server uses the scope `{}`", scope.0);
                    found.push((
                        vec!["scopes".to_owned(), (*name).to_owned(), "includes".to_owned(), at.to_string()],
                        message,
                        advice,
                    ));
                }
            }
            // A scope that only includes others that are used is a role: it is good for asking.
            if !used.contains(name) && !includes.iter().any(|scope| used.contains(scope_text(scope))) {
                let advice = suggest::advice(name, used.iter().copied());
                let message = format!("no server uses the scope `{name}`");
                found.push((vec!["scopes".to_owned(), (*name).to_owned()], message, advice));
            }
        }
        for (path, message, advice) in found {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            self.report(&path, message).advice = advice;
        }
    }
}

fn scope_text(scope: &Text<keyward_core::scope::Scope>) -> &str {
    scope.0.as_str()
}
