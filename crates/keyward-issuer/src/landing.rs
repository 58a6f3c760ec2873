//! `/`: what this server is, and what to paste into a client.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use maud::html;

use crate::page::Page;
use crate::page::failure::PageFailure;
use crate::session;
use crate::state::Issuer;

/// `GET /`.
pub(crate) async fn show(State(issuer): State<Issuer>, headers: HeaderMap) -> Result<Response, PageFailure> {
    let person = session::current(&issuer, &headers).await?;
    let config = &issuer.config;
    let body = html! {
        h1 { "MCP servers on " (config.host()) }
        @if config.servers.is_empty() {
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
            ul.plain.rows {
                @for server in &config.servers {
                    li data-server=(server.id) {
                        p { strong { (server.name) } }
                        span.url.code { (server.resource) }
                    }
                }
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
