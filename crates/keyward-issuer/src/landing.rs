//! `/`: what this server is, and what to paste into a client.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use maud::{Markup, html};

use crate::config::ProtectedResource;
use crate::page::Page;
use crate::page::failure::PageFailure;
use crate::session;
use crate::state::Issuer;

/// `GET /`.
pub(crate) async fn show(State(issuer): State<Issuer>, headers: HeaderMap) -> Result<Response, PageFailure> {
    let person = session::current(&issuer, &headers).await?;
    let config = &issuer.config;
    let body = html! {
        h1 {
            @match (&config.servers[..], &config.resources[..]) {
                ([], [_, ..]) => "MCP servers that log you in at ",
                _ => "MCP servers on ",
            }
            (config.host())
        }
        @if config.servers.is_empty() && config.resources.is_empty() {
            p.soft { "No server is set up here yet. Whoever runs this one adds them to its configuration." }
        } @else {
            p.soft {
                "To connect, paste an address into your MCP client, such as Claude, ChatGPT or an editor, as a custom \
                 connector or remote server. "
                @match config.elsewhere.first() {
                    Some(issuer) => { "It sends you to " (issuer) " to log in." }
                    None => { "It sends you back here to log in." }
                }
            }
            (addresses(&config.servers))
            @if !config.resources.is_empty() {
                @if !config.servers.is_empty() { h2 { "Elsewhere" } }
                p.soft { "These are not on this site, and you log in for them here." }
                (addresses(&config.resources))
            }
        }
        p.after {
            @match &person {
                Some(person) => { a href=(config.path("/account")) { "Your account and connections" } " (" (person.email) ")" }
                None => { a href=(config.path("/login")) { "Log in" } " to see and end your connections." }
            }
        }
    };
    Ok(Page { host: Some(config.host()), ..Page::new("MCP servers", body) }.into_response())
}

fn addresses(resources: &[ProtectedResource]) -> Markup {
    html! {
        @if !resources.is_empty() {
            ul.plain.rows {
                @for protected in resources {
                    li data-server=(protected.id) {
                        p { strong { (protected.name) } }
                        span.url.code { (protected.resource) }
                    }
                }
            }
        }
    }
}
