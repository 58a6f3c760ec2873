//! Rules of `[issuer]` and `[[trusted_issuers]]`: each says what its kind needs, and nothing that its kind has not.

use std::collections::BTreeSet;
use std::time::Duration;

use keyward_resource::preset::{DirectUse, PresetAudience};

use super::Rules;
use crate::config::issuer::IssuerKind;
use crate::config::issuers::{ElsewhereIssuer, NamedIssuer};
use crate::config::provider::{IssuerPreset, Provider};
use crate::config::text::TextValue;
use crate::config::{mistake::Mistake, suggest};

impl Rules<'_> {
    pub(super) fn issuers(&mut self) {
        let config = self.config;
        if !self.torn.contains("issuer") {
            self.broker();
            self.issuer(&["issuer"], config.issuer.kind, &config.issuer.provider, config.issuer.broker.broker);
        }
        // Positions are those of the file only when no element was left out.
        if !self.torn.contains("trusted_issuers") {
            for (index, trusted) in config.trusted_issuers.iter().enumerate() {
                self.issuer(&["trusted_issuers", &index.to_string()], trusted.kind, &trusted.provider, false);
            }
            self.issuers_apart();
            self.opaque_tokens_apart();
        }
        if !["issuer", "trusted_issuers", "servers"].iter().any(|section| self.torn.contains(*section)) {
            self.issuers_of_servers();
            self.audiences_of_servers_apart();
            self.servers_apart_by_tokens();
        }
    }

    /// The issuer at `path`.
    fn issuer(&mut self, path: &[&str], kind: IssuerKind, provider: &Provider, broker: bool) {
        let at = |key: &'static str| [path, &[key]].concat();
        if kind == IssuerKind::Embedded {
            for key in provider.keys_set() {
                let message = format!("`{key}` is nothing for Keyward's own issuer");
                self.report(&at(key), message).advice =
                    Some("write kind = \"oidc\" or \"stytch\" for an issuer elsewhere".to_owned());
            }
            return;
        }
        let issuer = ElsewhereIssuer { kind, provider };
        if kind == IssuerKind::Stytch {
            self.stytch(path, provider);
        } else {
            if provider.project_id.is_some() {
                self.report(&at("project_id"), "`project_id` goes with kind = \"stytch\"");
            }
            if provider.session_tokens {
                self.report(&at("session_tokens"), "`session_tokens` goes with kind = \"stytch\"");
            }
            if issuer.issuer().is_empty() && provider.preset != Some(IssuerPreset::Github) {
                let example = issuer.preset().map_or("https://login.example.com", |preset| match preset.issuer {
                    keyward_resource::preset::PresetIssuer::Fixed(issuer)
                    | keyward_resource::preset::PresetIssuer::Like(issuer) => issuer,
                });
                self.report(&at("kind"), "an issuer elsewhere needs `issuer`, its identifier").advice =
                    Some(format!("for example issuer = \"{example}\""));
            }
        }
        if !broker {
            self.direct(path, issuer);
        }
        let entra = provider.preset == Some(IssuerPreset::Entra);
        if entra && ["/common/", "/organizations/", "/consumers/"].iter().any(|all| issuer.issuer().contains(all)) {
            self.report(&at("issuer"), "this is no issuer: every tenant's tokens name the tenant").advice =
                Some("write the issuer of your own tenant, with its id in the place of that word".to_owned());
        }
        if let Some(period) = &provider.keys_usable_for {
            let (least, most) = (Duration::from_secs(60), Duration::from_secs(30 * 86_400));
            if period.0.0 < least || period.0.0 > most {
                self.report(&at("keys_usable_for"), "`keys_usable_for` is from 1m to 30d");
            }
        }
        if provider.audience.iter().any(|audience| audience.trim().is_empty()) {
            self.report(&at("audience"), "an audience is never empty");
        }
        let clients = client_ids(self.config);
        if let Some(audience) = provider.audience.iter().find(|audience| clients.contains(audience.as_str())) {
            let message = format!("{audience} is the id of an OAuth client, which ID tokens have in `aud`");
            self.report(&at("audience"), message).advice =
                Some("write the identifier of an API or a project".to_owned());
        }
        self.email(path, provider);
    }

    /// What the usual claim says is said of the usual e-mail only.
    fn email(&mut self, path: &[&str], provider: &Provider) {
        let Some(claims) = &provider.claims else { return };
        if claims.takes_unverified_email() {
            let message =
                "nothing says of this e-mail whether it is verified: `email_verified` speaks of the claim `email`";
            self.report(&[path, &["claims", "email"]].concat(), message).advice =
                Some("write the claim that does as `email_verified`, or email_always_verified = true".to_owned());
        }
    }

    fn stytch(&mut self, path: &[&str], provider: &Provider) {
        let at = |key: &'static str| [path, &[key]].concat();
        if provider.project_id.as_ref().is_none_or(|id| id.trim().is_empty()) {
            self.report(&at("kind"), "kind = \"stytch\" needs `project_id`").advice =
                Some("for example project_id = \"project-live-00000000-0000-0000-0000-000000000000\"".to_owned());
        }
        if provider.issuer.is_none() {
            self.report(&at("kind"), "kind = \"stytch\" needs `issuer`, the project's domain").advice = Some(
                "for example issuer = \"https://word-word-1234.customers.stytch.com\", or your custom domain"
                    .to_owned(),
            );
        }
        if provider.preset.is_some() {
            self.report(&at("preset"), "kind = \"stytch\" says all that a preset would");
        }
    }

    /// What an issuer needs for its tokens to be taken.
    fn direct(&mut self, path: &[&str], issuer: ElsewhereIssuer<'_>) {
        let at = |key: &'static str| [path, &[key]].concat();
        let to_broker =
            || Some("write broker = true in [issuer]: people log in there, and Keyward issues the tokens".to_owned());
        if issuer.provider.preset == Some(IssuerPreset::Github) {
            self.report(&at("preset"), "GitHub's tokens are for GitHub's own API, and nobody else can verify them")
                .advice = to_broker();
        }
        let Some(preset) = issuer.preset() else { return };
        if let DirectUse::No(why) = preset.direct {
            self.report(&at("preset"), format!("{} cannot issue tokens for MCP servers: {why}", preset.title)).advice =
                to_broker();
        } else if let PresetAudience::Own(what) = preset.audience
            && issuer.kind != IssuerKind::Stytch
            && issuer.shared_audiences().next().is_none()
            && self.config.servers.iter().any(|server| server.audiences.is_empty())
        {
            self.report(&at("preset"), format!("tokens of {} name in `aud` {what}", preset.title)).advice =
                Some("write it as audience = [\"…\"], or as `audiences` of each server".to_owned());
        }
    }

    fn broker(&mut self) {
        let section = &self.config.issuer;
        if section.broker.broker {
            if section.kind == IssuerKind::Embedded {
                self.report(&["issuer", "kind"], "`broker` needs to know where people log in").advice =
                    Some("write kind = \"oidc\" or \"stytch\", and the issuer's keys".to_owned());
            }
            if section.broker.client_id.is_none() {
                self.report(&["issuer", "broker"], "`broker` needs `client_id`, as what the provider knows Keyward");
            }
            for key in section.provider.keys_without_effect_for_broker() {
                self.report(&["issuer", key], format!("`{key}` is about access tokens of the provider")).advice =
                    Some("with broker = true none is taken from clients: leave this out".to_owned());
            }
            if section.provider.preset == Some(IssuerPreset::Github) {
                for key in section.provider.keys_without_effect_for_github() {
                    self.report(&["issuer", key], format!("`{key}` is nothing for GitHub, whose places are known"))
                        .advice = Some("it has no metadata and signs no ID tokens: leave this out".to_owned());
                }
            }
            if self.config.trusted_issuers.iter().any(|trusted| trusted.kind == IssuerKind::Embedded) {
                self.report(&["issuer", "broker"], "with `broker` Keyward's own issuer is the primary one already");
            }
        } else {
            for key in section.broker.keys_set() {
                self.report(&["issuer", key], format!("`{key}` goes with broker = true"));
            }
        }
    }

    fn issuers_apart(&mut self) {
        let mut seen = BTreeSet::new();
        for (position, issuer) in self.config.issuers().enumerate() {
            let index = position.checked_sub(1).map(|index| index.to_string());
            let path = match (&index, issuer) {
                (None, _) => vec!["issuer", "issuer"],
                (Some(index), NamedIssuer::Elsewhere(_)) => vec!["trusted_issuers", index, "issuer"],
                (Some(index), NamedIssuer::Embedded) => vec!["trusted_issuers", index, "kind"],
            };
            let name = issuer.name();
            let own = self.config.server.public_url.as_ref().is_some_and(|url| url.0.to_text() == name);
            if own {
                let advice = if index.is_some() && !self.config.serves_authorization_server() {
                    Some("write kind = \"embedded\" instead".to_owned())
                } else {
                    None
                };
                self.report(&path, "this is Keyward itself, which needs no entry").advice = advice;
            } else if !name.is_empty() && !seen.insert(name.clone()) {
                let message = match issuer {
                    NamedIssuer::Embedded => "Keyward's own issuer is here twice".to_owned(),
                    NamedIssuer::Elsewhere(_) => format!("the issuer {name} is here twice"),
                };
                self.report(&path, message);
            }
        }
    }

    /// An opaque token is shown to one issuer, which its beginning must tell.
    fn opaque_tokens_apart(&mut self) {
        let mut seen = BTreeSet::new();
        for (position, issuer) in self.config.issuers().enumerate() {
            let NamedIssuer::Elsewhere(ElsewhereIssuer { provider, .. }) = issuer else { continue };
            let Some(introspection) = &provider.introspection else { continue };
            if seen.insert(introspection.prefix.clone().unwrap_or_default()) {
                continue;
            }
            let index = position.checked_sub(1).map(|index| index.to_string());
            let path = index.as_ref().map_or_else(|| vec!["issuer"], |index| vec!["trusted_issuers", index]);
            let message = "several issuers would be asked about the same opaque tokens, and each see the other's";
            self.report(&[path, vec!["introspection"]].concat(), message).advice =
                Some("give each `introspection` the `prefix` that its issuer's tokens begin with".to_owned());
        }
    }

    /// Each of a server's issuers is one of those that there are.
    fn issuers_of_servers(&mut self) {
        let names: Vec<String> = self.config.issuers().map(|issuer| issuer.name()).collect();
        let mut found = Vec::new();
        for (index, server) in self.config.servers.iter().enumerate() {
            for (at, named) in server.issuers.iter().flatten().enumerate() {
                if !names.contains(named) {
                    let path = ["servers".to_owned(), index.to_string(), "issuers".to_owned(), at.to_string()];
                    found.push((
                        path,
                        format!("there is no issuer `{named}`"),
                        suggest::advice(named, names.iter().map(String::as_str)),
                    ));
                }
            }
        }
        for (path, message, advice) in found {
            self.report(&path.each_ref().map(String::as_str), message).advice = advice;
        }
    }

    /// A server's own audience is nothing that stands for other servers, or for a client.
    fn audiences_of_servers_apart(&mut self) {
        let config = self.config;
        let clients = client_ids(config);
        let base = config.server.public_url.as_ref().map(|url| url.0.to_text());
        for (index, server) in config.servers.iter().enumerate() {
            let others = config.servers.iter().filter(|other| other.id.0 != server.id.0);
            let urls = base.iter().flat_map(|base| {
                others.clone().map(move |other| (format!("{base}{}", other.path.0.to_text()), other.id.0.to_string()))
            });
            let urls: Vec<(String, String)> = urls.collect();
            for audience in &server.audiences {
                let shared = config.issuers().find_map(|issuer| match issuer {
                    NamedIssuer::Elsewhere(it) => it.shared_audiences().any(|it| it == audience).then(|| issuer.name()),
                    NamedIssuer::Embedded => None,
                });
                let url = urls.iter().find(|(url, _)| url == audience);
                let wrong = if let Some(issuer) = shared {
                    format!("the audience {audience} stands for several servers in tokens of {issuer}")
                } else if let Some((_, other)) = url {
                    format!("the audience {audience} is the URL of the server `{other}`")
                } else if clients.contains(audience.as_str()) {
                    format!("{audience} is the id of an OAuth client, which ID tokens have in `aud`")
                } else {
                    continue;
                };
                self.report(&["servers", &index.to_string(), "audiences"], wrong).advice =
                    Some("write what tokens for this server alone have in `aud`".to_owned());
            }
        }
    }

    /// No token for one server is good for another, unless their scopes say so.
    fn servers_apart_by_tokens(&mut self) {
        let config = self.config;
        let mut seen = BTreeSet::new();
        for (index, server) in config.servers.iter().enumerate() {
            for audience in &server.audiences {
                let path = ["servers", &index.to_string(), "audiences"];
                if audience.trim().is_empty() {
                    self.report(&path, "an audience is never empty");
                } else if !seen.insert(audience) {
                    self.report(&path, format!("two servers have the audience {audience}")).advice =
                        Some("write it as `audience` of the issuer, and tell the servers apart by scopes".to_owned());
                }
            }
        }
        let mut found: Vec<(usize, Mistake)> = Vec::new();
        for issuer in config.issuers() {
            let NamedIssuer::Elsewhere(elsewhere) = issuer else { continue };
            let Some(audience) = elsewhere.shared_audiences().next() else { continue };
            let sharing = config.servers.iter().enumerate();
            let sharing: Vec<_> =
                sharing.filter(|(_, server)| server.audiences.is_empty() && issuer.serves(server)).collect();
            for (index, server) in sharing.iter().filter(|_| sharing.len() > 1) {
                let mut others = sharing.iter().filter(|(other, _)| other != index);
                let known_to = |other: &crate::config::McpServer, scope| {
                    let defaults = other.default_scopes.iter().flatten();
                    other
                        .scopes
                        .iter()
                        .chain(other.tool_scopes.values().flatten())
                        .chain(defaults)
                        .any(|known| known == scope)
                };
                let own = |scope| !others.clone().any(|(_, other)| known_to(other, scope));
                if !server.scopes.iter().any(own) && others.next().is_some() {
                    let path = ["servers", &index.to_string(), "id"];
                    let message = format!(
                        "tokens of {} say {audience} in `aud` for several servers, so nothing keeps a token for another from \
                         being used at `{}`",
                        issuer.name(),
                        server.id.0
                    );
                    let mut mistake = Mistake::new(self.root.locate(&path), message);
                    mistake.advice = Some(
                        "write a scope into `scopes` that no other server has, or an audience of its own as `audiences`, or \
                         `issuers` without this one"
                            .to_owned(),
                    );
                    found.push((*index, mistake));
                }
            }
        }
        found.sort_by_key(|(index, _)| *index);
        self.mistakes.extend(found.into_iter().map(|(_, mistake)| mistake));
    }
}

/// As what clients Keyward is known at issuers.
fn client_ids(config: &crate::config::Config) -> BTreeSet<&str> {
    let trusted = config.trusted_issuers.iter().map(|trusted| &trusted.provider);
    let providers = std::iter::once(&config.issuer.provider).chain(trusted);
    // An issuer that is asked about each token knows its ID tokens apart itself.
    let asked = providers.filter_map(|provider| provider.introspection.as_ref()).filter(|it| !it.signed_tokens);
    let introspecting = asked.map(|introspection| introspection.client_id.as_str());
    introspecting.chain(config.issuer.broker.client_id.as_deref()).collect()
}
