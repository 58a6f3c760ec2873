//! `/connect/{id}`: a person connects an account of theirs at another authorization server, for servers that are called in
//! their name. Nothing leaves for there by a link alone: the page names the provider and what it is for, and its form has
//! a CSRF token.

mod back;
mod end;
mod go;
mod problem;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use keyward_core::id::ConnectionId;
use keyward_issuer::page::failure::PageFailure;
use keyward_issuer::page::{Forms, Page};
use keyward_issuer::session::{self, LoggedIn};
use keyward_issuer::{Issuer, login};
use keyward_vault::upstream::config::{ConnectionConfig, ProviderConfig};
use keyward_vault::upstream::{ConnectedGrant, Connections, LOGIN, Traveller};
use maud::{Markup, html};

use crate::when::day;

pub(crate) use back::arrive;
pub(crate) use end::submit as end;
pub(crate) use go::submit as go;

/// `GET /connect/{id}`.
pub(crate) async fn show(
    State(issuer): State<Issuer>,
    State(connections): State<Connections>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, PageFailure> {
    let Some(config) = configured(&connections, &id) else { return Ok(problem::unknown()) };
    let path = issuer.config.path(&format!("/connect/{}", config.id));
    let Some(person) = session::current(&issuer, &headers).await? else { return Ok(login::redirect(&issuer, &path)) };
    let grants = connections.of_user(person.user_id).await?;
    let grant = grants.into_iter().find(|grant| grant.connection == config.id.as_str());
    let connected = grant.as_ref().is_some_and(|grant| grant.broken.is_none());
    let title = if connected { "Connected" } else { "Connect your account" };
    let body = html! {
        (introduction(config, grant.as_ref(), &person))
        p { "The servers that use it, in your name and for nobody else:" }
        ul.ticks {
            @for server in &config.used_by { li { (server) } }
            @if config.used_by.is_empty() { li { "None yet" } }
        }
        dl {
            dt { "Provider" }
            dd data-provider-host { (provider_host(config)) }
            dt { "Permissions" }
            @match &grant {
                Some(grant) if connected => { (scopes(&grant.scope)) }
                _ if config.scopes.is_empty() => { dd { "Those that the provider names; it will show you" } }
                _ => { (scopes(&config.scopes.to_string())) }
            }
        }
        form method="post" action=(path) {
            input type="hidden" name="csrf" value=(person.csrf);
            @if connected {
                button.quiet type="submit" { "Connect again" }
            } @else {
                button type="submit" { "Go to " (config.name) }
            }
        }
        @if grant.is_some() {
            form method="post" action={ (path) "/end" } {
                input type="hidden" name="csrf" value=(person.csrf);
                button.danger type="submit" { "Disconnect" }
            }
        }
        p.after { a href=(issuer.config.path("/account")) { "Your account" } }
    };
    let page = Page { forms: Forms::LeadAway, host: Some(issuer.config.host()), ..Page::new(title, body) };
    Ok(page.into_response())
}

fn introduction(config: &ConnectionConfig, grant: Option<&ConnectedGrant>, person: &LoggedIn) -> Markup {
    html! {
        @match grant {
            Some(grant) if grant.broken.is_none() => {
                h1 { (config.name) " is connected" }
                p data-connected { "Since " (day(grant.created_at)) ". You can go back to the program that you came from and try again." }
            }
            Some(grant) => {
                h1 { "Connect " (config.name) " again" }
                @if let Some(reason) = grant.broken {
                    div.notice { p data-broken=(reason) { "The connection has ended: " (reason.explanation()) "." } }
                }
            }
            None => { h1 { "Connect your account at " (config.name) } }
        }
        p.soft { "You are logged in here as " strong { (person.email) } "." }
        p {
            "You log in at " (config.name) " itself. Your password stays there; this server keeps an encrypted token, and gives \
             it to no client."
        }
    }
}

fn scopes(text: &str) -> Markup {
    html! { dd { @for scope in text.split(' ').filter(|scope| !scope.is_empty()) { code data-scope=(scope) { (scope) } " " } } }
}

fn provider_host(config: &ConnectionConfig) -> String {
    let host = |url: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        rest.split(['/', '?']).next().unwrap_or_default().to_owned()
    };
    match &config.provider {
        ProviderConfig::Endpoints { authorization_endpoint, .. } => host(authorization_endpoint.as_str()),
        ProviderConfig::Issuer(issuer) | ProviderConfig::OpenId { issuer, .. } => host(issuer),
        ProviderConfig::Resource { issuer: Some(issuer), .. } => host(issuer),
        ProviderConfig::Resource { resource, issuer: None } => {
            format!("{}, or whoever protects it", host(resource.as_str()))
        }
    }
}

fn configured<'c>(connections: &'c Connections, id: &str) -> Option<&'c ConnectionConfig> {
    // What a login hangs on is changed by logging in, and by nothing else.
    connections.config(&id.parse::<ConnectionId>().ok().filter(|id| id.as_str() != LOGIN)?)
}

fn traveller(person: &LoggedIn) -> Traveller {
    Traveller { user_id: person.user_id, email: person.email.clone(), session_id: person.session_id }
}
