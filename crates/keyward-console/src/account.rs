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
use maud::{Markup, html};

use crate::browser;
use crate::when::{ago, day};

pub(crate) async fn show(State(issuer): State<Issuer>, headers: HeaderMap) -> Result<Response, PageFailure> {
    let config = &issuer.config;
    let Some(person) = session::current(&issuer, &headers).await? else {
        return Ok(login::redirect(&issuer, &config.path("/account")));
    };
    let now = issuer.clock.now();
    let connections = issuer.list_connections(person.user_id).await?;
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
        h2 { "Connections" }
        @if connections.is_empty() {
            p.soft {
                "No client is connected yet. " a href=(config.path("/")) { "See which addresses to paste into one" } "."
            }
        } @else {
            ul.plain.rows {
                @for connection in &connections { li { (connection_row(&issuer, &person, connection, now)) } }
            }
        }
        h2 { "Where you are logged in" }
        ul.plain.rows {
            @for session in &sessions { li { (session_row(&issuer, &person, session, now)) } }
        }
    };
    let page = Page { width: Width::Wide, host: Some(config.host()), ..Page::new("Your account", body) };
    Ok(page.into_response())
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
