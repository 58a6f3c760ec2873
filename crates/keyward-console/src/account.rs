//! `GET /account`: who I am, what I have connected, where I am logged in.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use keyward_core::clock::Timestamp;
use keyward_issuer::account::list_connections::Connection;
use keyward_issuer::page::failure::PageFailure;
use keyward_issuer::page::{Page, Width};
use keyward_issuer::session::{self, LoggedIn};
use keyward_issuer::{Issuer, login};
use keyward_storage::sessions::Session;
use keyward_vault::upstream::{ConnectedGrant, Connections, LOGIN};
use maud::{Markup, html};

use crate::browser;
use crate::when::{ago, day};

pub(crate) async fn show(
    State(issuer): State<Issuer>,
    State(upstream): State<Connections>,
    headers: HeaderMap,
) -> Result<Response, PageFailure> {
    let config = &issuer.config;
    let Some(person) = session::current(&issuer, &headers).await? else {
        return Ok(login::redirect(&issuer, &config.path("/account")));
    };
    let now = issuer.clock.now();
    let connections = issuer.list_connections(person.user_id).await?;
    let mut grants = upstream.of_user(person.user_id).await?;
    grants.retain(|grant| grant.connection != LOGIN);
    let sessions = issuer.list_sessions(person.user_id).await?;
    let body = html! {
        div.head {
            div {
                h1 { "Your account" }
                p {
                    span data-email { (person.email) } " "
                    @if person.is_admin { span.tag { "Administrator" } }
                }
            }
            form method="post" action=(config.path("/logout")) {
                (csrf_field(&person))
                button.quiet.slim type="submit" { "Log out" }
            }
        }
        h2 { "Connected clients" }
        @if connections.is_empty() {
            p.soft {
                "No client is connected yet. " a href=(config.path("/")) { "See which addresses to paste into one" } "."
            }
        } @else {
            ul.plain.rows {
                @for connection in &connections { li { (connection_row(&issuer, &person, connection, now)) } }
            }
        }
        (accounts_elsewhere(&issuer, &person, &upstream, &grants))
        h2 { "Where you are logged in" }
        ul.plain.rows {
            @for session in &sessions { li { (session_row(&issuer, &person, session, now)) } }
        }
    };
    let page = Page { width: Width::Wide, host: Some(config.host()), ..Page::new("Your account", body) };
    Ok(page.into_response())
}

/// What servers here use in the person's name: each connection of the configuration, and what is left of earlier ones.
fn accounts_elsewhere(issuer: &Issuer, person: &LoggedIn, upstream: &Connections, grants: &[ConnectedGrant]) -> Markup {
    let missing =
        upstream.configured().filter(|config| grants.iter().all(|grant| grant.connection != config.id.as_str()));
    let missing: Vec<_> = missing.collect();
    html! {
        @if !grants.is_empty() || !missing.is_empty() {
            h2 { "My connections" }
            p.soft { "Accounts of yours at other services, which servers here use in your name." }
            ul.plain.rows {
                @for grant in grants { li { (grant_row(issuer, person, grant)) } }
                @for config in missing {
                    li {
                        div.row data-connection=(config.id) {
                            div {
                                p { strong { (config.name) } }
                                p.small.soft { "Not connected" }
                            }
                            a href=(issuer.config.path(&format!("/connect/{}", config.id))) { "Connect" }
                        }
                    }
                }
            }
        }
    }
}

fn grant_row(issuer: &Issuer, person: &LoggedIn, grant: &ConnectedGrant) -> Markup {
    let path = issuer.config.path(&format!("/connect/{}", grant.connection));
    html! {
        div.row data-connection=(grant.connection) {
            div {
                p {
                    strong { (grant.name) } " "
                    @match grant.broken {
                        None => { span.tag data-state="connected" { "Connected" } }
                        Some(_) => { span.tag data-state="broken" { "Broken" } }
                    }
                }
                @if let Some(reason) = grant.broken {
                    p.small { "It has ended: " (reason.explanation()) ". " a href=(path) { "Reconnect" } }
                }
                p.small.soft {
                    @for scope in grant.scope.split(' ').filter(|scope| !scope.is_empty()) { code { (scope) } " " }
                }
                p.small.soft { "Since " (day(grant.created_at)) }
            }
            form method="post" action={ (path) "/end" } {
                (csrf_field(person))
                button.danger.slim type="submit" aria-label=(format!("Disconnect {}", grant.name)) { "Disconnect" }
            }
        }
    }
}

fn connection_row(issuer: &Issuer, person: &LoggedIn, connection: &Connection, now: Timestamp) -> Markup {
    let grant = &connection.grant;
    let label = format!("Disconnect {} from {}", connection.client_name, connection.server_name);
    html! {
        div.row {
            div {
                p {
                    strong data-client-name { (connection.client_name) }
                    @if let Some(host) = &connection.client_host { span.soft { " (" (host) ")" } }
                    " uses " (connection.server_name)
                }
                p.small.soft {
                    @for scope in grant.scope.iter() { code data-scope=(scope) { (scope) } " " }
                }
                p.small.soft { "Since " (day(grant.created_at)) " · last used " (ago(grant.last_used_at, now)) }
                @if let Some(longest) = &connection.outlives {
                    p.small.soft data-elsewhere { "Elsewhere: may go on there for up to " (longest) " after you disconnect" }
                }
            }
            form method="post" action=(issuer.config.path("/account/disconnect")) data-grant=(grant.id) {
                (csrf_field(person))
                input type="hidden" name="grant" value=(grant.id);
                button.danger.slim type="submit" aria-label=(label) { "Disconnect" }
            }
        }
    }
}

fn session_row(issuer: &Issuer, person: &LoggedIn, session: &Session, now: Timestamp) -> Markup {
    let is_this = session.id == person.session_id;
    html! {
        div.row {
            div {
                p {
                    (browser::describe(session.user_agent.as_deref())) " "
                    @if is_this { span.tag { "This browser" } }
                }
                p.small.soft { "Since " (day(session.created_at)) " · last used " (ago(session.last_activity, now)) }
            }
            @if !is_this {
                form method="post" action=(issuer.config.path("/account/end-session")) data-session=(session.id) {
                    (csrf_field(person))
                    input type="hidden" name="session" value=(session.id);
                    button.danger.slim type="submit" { "End" }
                }
            }
        }
    }
}

fn csrf_field(person: &LoggedIn) -> Markup {
    html! { input type="hidden" name="csrf" value=(person.csrf); }
}
