//! What a person reads when connecting did not work, and what they can do. Words of the provider are shown as such.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use keyward_issuer::Issuer;
use keyward_issuer::page::{self, Page};
use keyward_vault::VaultError;
use keyward_vault::upstream::config::ConnectionConfig;
use keyward_vault::upstream::{ConnectError, RegistrationError, TokenError};
use maud::{Markup, html};

pub(super) fn unknown() -> Response {
    let paragraphs = ["There is no connection of this name here. Whoever runs this server may have removed it."];
    page::problem(StatusCode::NOT_FOUND, "Nothing here", &paragraphs)
}

pub(super) fn logged_out(issuer: &Issuer, config: &ConnectionConfig) -> Response {
    let body = html! {
        h1 { "You are logged out" }
        p { "Your login here ended while you were away, so " (config.name) " is not connected. Nothing was changed." }
    };
    offer_again(issuer, config, StatusCode::FORBIDDEN, "You are logged out", body)
}

/// The one mapping of what can go wrong to a page.
pub(super) fn page(issuer: &Issuer, config: &ConnectionConfig, error: &ConnectError) -> Response {
    let name = &config.name;
    let (status, title, words) = match error {
        ConnectError::Vault(error) => return ours(error),
        ConnectError::Unknown => return unknown(),
        ConnectError::Denied => (
            StatusCode::OK,
            "Not connected",
            html! { p { "Access was not allowed at " (name) ". Nothing was changed here." } },
        ),
        ConnectError::NoQuestion => (
            StatusCode::BAD_REQUEST,
            "This link can’t be used any more",
            html! { p { "It was used before, it is older than ten minutes, or it does not come from this server." } },
        ),
        ConnectError::OtherSession => (
            StatusCode::FORBIDDEN,
            "This belongs to another login",
            html! {
                p { "It was begun in another browser, by another person, or before you logged in anew. Nothing was connected." }
                p { "If you have not begun this yourself, somebody may have sent you the link: go no further." }
            },
        ),
        ConnectError::AccountClosed => {
            (StatusCode::FORBIDDEN, "Your account is closed", html! { p { "Ask whoever runs this server." } })
        }
        ConnectError::OtherIssuer => (
            StatusCode::BAD_GATEWAY,
            "The answer is from somebody else",
            html! {
                p { "The answer does not come from the provider that you were sent to, so it was thrown away." }
                p { "If this happens again, tell whoever runs this server; the cause is in its log." }
            },
        ),
        ConnectError::Refused { error, description } => (
            StatusCode::BAD_GATEWAY,
            "The provider refused",
            html! {
                p { (name) " answered with the error " code { (error) } "." }
                @if let Some(description) = description {
                    p { "In its own words: “" bdi data-provider-words { (description) } "”" }
                }
                p { "If this happens again, tell whoever runs this server." }
            },
        ),
        ConnectError::NoCode => (StatusCode::BAD_GATEWAY, "The provider’s answer is incomplete", operator(name)),
        ConnectError::Discovery(_) => (StatusCode::BAD_GATEWAY, "The provider can’t be reached", operator(name)),
        ConnectError::Registration(RegistrationError::Busy) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Try again in a minute",
            html! { p { "This server is introducing itself to " (name) " at this moment." } },
        ),
        ConnectError::Registration(_) => {
            (StatusCode::BAD_GATEWAY, "This server is not known to the provider", operator(name))
        }
        ConnectError::Token(TokenError::Refused(refused)) => (
            StatusCode::BAD_GATEWAY,
            "The provider gave no token",
            html! {
                p { "You were let in, and then this happened: " bdi data-provider-words { (refused) } "." }
                (operator(name))
            },
        ),
        ConnectError::Token(_) => (StatusCode::BAD_GATEWAY, "The provider gave no token", operator(name)),
    };
    let body = html! { h1 { (title) } (words) };
    offer_again(issuer, config, status, title, body)
}

/// When the database or the cabinet is at fault.
pub(super) fn ours(error: &VaultError) -> Response {
    tracing::error!(%error, "a connection page failed");
    let paragraphs = [
        "The server could not do this just now. Try again in a minute.",
        "If it stays like this, tell whoever runs this server; the cause is in its log.",
    ];
    page::problem(StatusCode::SERVICE_UNAVAILABLE, "Something went wrong here", &paragraphs)
}

fn operator(name: &str) -> Markup {
    html! {
        p { (name) " is not connected. Try again in a minute." }
        p { "If it stays like this, tell whoever runs this server; the cause is in its log." }
    }
}

fn offer_again(issuer: &Issuer, config: &ConnectionConfig, status: StatusCode, title: &str, body: Markup) -> Response {
    let body = html! {
        (body)
        p.after {
            a href=(issuer.config.path(&format!("/connect/{}", config.id))) { "Try again" } " · "
            a href=(issuer.config.path("/account")) { "Your account" }
        }
    };
    Page { status, host: Some(issuer.config.host()), ..Page::new(title, body) }.into_response()
}
