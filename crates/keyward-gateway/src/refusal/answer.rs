//! From a refusal to an HTTP answer.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use keyward_vault::CredentialError;
use keyward_vault::upstream::GrantError;
use serde::Serialize;

use super::Refusal;
use crate::body::GatewayBody;
use crate::mcp::{MessageError, MessageId};
use crate::server::Server;

/// When to try again where the token's issuer cannot be reached; Keyward itself tries at least as often when calls come.
const ISSUER_RETRY_AFTER_S: &str = "5";

/// What was known of the call when it was refused.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Context<'a> {
    /// The server that it was for.
    pub(crate) server: Option<&'a Server>,
    /// The `id` of its JSON-RPC request.
    pub(crate) message_id: Option<&'a MessageId>,
}

/// RFC 6750 §3, as JSON.
#[derive(Serialize)]
struct OauthError<'a> {
    error: &'a str,
    error_description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// JSON-RPC 2.0 §5.1; without an `id` where none is known, as the MCP schema has it.
#[derive(Serialize)]
struct JsonRpcError<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a MessageId>,
    error: ErrorObject<'a>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: i32,
    message: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'a str>,
    /// Where the person connects their account.
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_url: Option<&'a str>,
}

impl Refusal {
    /// The answer.
    pub(crate) fn answer(&self, context: Context<'_>) -> Response<GatewayBody> {
        let mut response = Response::new(GatewayBody::whole(self.body(context)));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.challenge(context, headers);
        response
    }

    fn challenge(&self, context: Context<'_>, headers: &mut HeaderMap) {
        if let Self::MethodNotAllowed { allow } = self {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if matches!(self, Self::Token(error) if error.status() == StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(ISSUER_RETRY_AFTER_S));
        }
        let Some(resource) = context.server.map(Server::resource) else { return };
        let challenge = match self {
            Self::NoToken => resource.challenge_401(None),
            Self::Token(error) if error.status() == StatusCode::UNAUTHORIZED => resource.challenge_401(Some(*error)),
            Self::Credentials(error) => resource.challenge_request(*error),
            Self::InsufficientScope { needed } => resource.challenge_403(needed),
            _ => return,
        };
        headers.insert(WWW_AUTHENTICATE, challenge);
    }

    fn body(&self, context: Context<'_>) -> Bytes {
        let server = context.server.map(|server| server.id().as_str());
        let json = match self {
            Self::NoToken | Self::Token(_) | Self::Credentials(_) | Self::InsufficientScope { .. } => {
                serde_json::to_vec(&OauthError {
                    error: if matches!(self, Self::NoToken) { "invalid_token" } else { self.reason() },
                    error_description: self.text(server.unwrap_or_default()),
                    scope: match self {
                        Self::InsufficientScope { needed } => Some(needed.to_string()),
                        _ => None,
                    },
                })
            }
            _ => serde_json::to_vec(&JsonRpcError {
                jsonrpc: "2.0",
                id: context.message_id,
                error: ErrorObject {
                    code: self.code(),
                    message: self.text(server.unwrap_or_default()),
                    data: Data { reason: self.reason(), server, connect_url: self.connect_url() },
                },
            }),
        };
        // Texts, numbers and lists of them always serialize.
        json.unwrap_or_default().into()
    }

    fn connect_url(&self) -> Option<&str> {
        match self {
            Self::Grant(GrantError::NotConnected(at) | GrantError::Broken { at, .. })
            | Self::GrantRefused { at, .. } => Some(&at.url),
            _ => None,
        }
    }

    /// JSON-RPC 2.0 §5.1; -32020 is MCP's `HeaderMismatch`.
    fn code(&self) -> i32 {
        match self {
            Self::Message(MessageError::Malformed) => -32700,
            Self::Message(MessageError::ToolNotNamed) => -32602,
            Self::Message(_) | Self::NoHost | Self::UnsupportedMediaType => -32600,
            Self::Header(_) => -32020,
            Self::RandomFailed(_) => -32603,
            _ => -32000,
        }
    }

    /// What the caller is told: what is wrong, and who can do what about it. No cause that only operators may know.
    fn text(&self, server: &str) -> String {
        match self {
            Self::NotFound => "Nothing is at this path.".to_owned(),
            Self::MethodNotAllowed { .. } => "This method is not allowed here.".to_owned(),
            Self::NoHost => "The request must have one Host header, and one Origin header at most.".to_owned(),
            Self::HostNotAllowed => {
                "The Host header does not name this gateway. If the name is right, list it in allowed_hosts.".to_owned()
            }
            Self::OriginNotAllowed => {
                "Pages of this origin may not call this gateway. If they should, list it in allowed_origins.".to_owned()
            }
            Self::NoToken => "An access token is required.".to_owned(),
            Self::Credentials(error) => sentence(error),
            Self::Token(error) => error.description().to_owned(),
            Self::InsufficientScope { .. } => {
                "The operation needs scopes that the access token does not have.".to_owned()
            }
            Self::NoAccount => format!(
                "Server \"{server}\" is called with each person's own token, and your access token belongs to no account here. Log in with an account of this gateway."
            ),
            Self::NoTokenOfTheirs(name) => format!(
                "Server \"{server}\" is called with each person's own token, and there is none of yours yet. Whoever runs this gateway puts it in: keyward token set {name} --owner YOUR-EMAIL"
            ),
            Self::ForeignSession => "Session not found".to_owned(),
            Self::BodyTooLarge { limit } => format!("The body is longer than the {limit} bytes that are allowed."),
            Self::BodyTooSlow => "The body did not arrive in time.".to_owned(),
            Self::BodyBrokeOff => "The body broke off.".to_owned(),
            Self::UnsupportedMediaType => {
                format!(
                    "Server \"{server}\" has rules for its tools: the body must be application/json, in UTF-8, not encoded."
                )
            }
            Self::Message(error) => format!("Server \"{server}\" has rules for its tools, and {error}."),
            Self::Header(error) => error.to_string(),
            Self::Unreachable(_) => {
                format!("Server \"{server}\" cannot be reached. The gateway works; the server behind it does not.")
            }
            Self::TooSlow => format!("Server \"{server}\" did not answer in time."),
            Self::Exchange(_) => {
                format!("Server \"{server}\" broke off before it answered, or did not answer in HTTP.")
            }
            Self::CredentialRefused(status) => format!(
                "Server \"{server}\" refused the gateway's own credential for it with status {}. Logging in again does not \
                 help; the operator must store a valid token.",
                status.as_u16()
            ),
            Self::GrantRefused { status, at } => format!(
                "Server \"{server}\" refused your own access token at {} with status {}. If your account there may use it, \
                 open {} in a browser and connect it again.",
                at.name,
                status.as_u16(),
                at.url
            ),
            Self::Redirected(status) => format!(
                "Server \"{server}\" redirects to another address with status {}. The operator must configure its final \
                 address.",
                status.as_u16()
            ),
            Self::Credential(CredentialError::Missing(_)) => {
                format!("The gateway has no token stored for server \"{server}\". The operator must store one.")
            }
            Self::Credential(_) => {
                format!("The gateway's token for server \"{server}\" is not available at the moment.")
            }
            Self::Grant(GrantError::NoPerson(at)) => format!(
                "Server \"{server}\" is called with each person's own account at {}, and your access token belongs to no \
                 account here. Log in with an account of this gateway.",
                at.name
            ),
            Self::Grant(GrantError::NotConnected(at)) => format!(
                "Server \"{server}\" is called with your own account at {}, which is not connected yet. Open {} in a \
                 browser, connect it, and try again.",
                at.name, at.url
            ),
            Self::Grant(GrantError::Broken { at, reason }) => format!(
                "Server \"{server}\" is called with your own account at {}, and the connection to it has ended: {}. Open \
                 {} in a browser, connect it again, and try again.",
                at.name,
                reason.explanation(),
                at.url
            ),
            Self::Grant(_) => format!(
                "Your access token for server \"{server}\" cannot be renewed at the moment. Try again in a minute."
            ),
            Self::AuditUnavailable => {
                "Nothing was done, since the audit log cannot be written at the moment.".to_owned()
            }
            Self::RandomFailed(_) => "The gateway failed.".to_owned(),
        }
    }
}

fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).chain(['.']).collect()
}

#[cfg(test)]
mod tests;
