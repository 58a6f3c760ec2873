//! Names: of servers, scopes, paths, tokens, variables.

use keyward_core::id::{ConnectionId, ServerId};
use keyward_core::scope::Scope;
use keyward_vault::TokenName;

use super::TextValue;

impl TextValue for ServerId {
    const FORMAT: &'static str = "keyward-server-id";
    const NOUN: &'static str = "a server's id";
    const EXAMPLE: &'static str = "coda";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "has 1 to 63 characters a-z, 0-9, '-' and '_', the first a letter or digit".to_owned())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

impl TextValue for ConnectionId {
    const FORMAT: &'static str = "keyward-connection-id";
    const NOUN: &'static str = "a connection's id";
    const EXAMPLE: &'static str = "github";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "has 1 to 63 characters a-z, 0-9, '-' and '_', the first a letter or digit".to_owned())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

impl TextValue for Scope {
    const FORMAT: &'static str = "keyward-scope";
    const NOUN: &'static str = "a scope";
    const EXAMPLE: &'static str = "coda:read";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "has 1 to 255 printable ASCII characters without space, '\"' and '\\'".to_owned())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// The first parts of paths that Keyward itself answers.
const RESERVED_PATHS: &[&str] = &[
    ".well-known",
    "authorize",
    "token",
    "register",
    "revoke",
    "introspect",
    "jwks",
    "userinfo",
    "login",
    "logout",
    "invite",
    "account",
    "admin",
    "connect",
    "consent",
    "healthz",
    "readyz",
    "metrics",
];

/// The path of a server on Keyward: `/coda/mcp`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(pub(crate) String);

impl TextValue for Path {
    const FORMAT: &'static str = "keyward-path";
    const NOUN: &'static str = "a server's path";
    const EXAMPLE: &'static str = "/coda/mcp";

    fn parse(text: &str) -> Result<Self, String> {
        check_path(text).map(|()| Self(text.to_owned()))
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

/// Refuses paths that can be spelled in several ways, and those that Keyward answers itself.
pub(super) fn check_path(text: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let segments = text.strip_prefix('/').unwrap_or("");
    let dots = |segment: &str| segment == "." || segment == "..";
    if segments.split('/').any(|segment| segment.is_empty() || dots(segment) || !segment.bytes().all(plain)) {
        return Err("begins with a slash, ends without one, and has letters, digits and -._~ between".to_owned());
    }
    match RESERVED_PATHS.iter().find(|reserved| segments.split('/').next() == Some(reserved)) {
        Some(reserved) => Err(format!("is not below /{reserved}, which Keyward answers itself")),
        None => Ok(()),
    }
}

impl TextValue for TokenName {
    const FORMAT: &'static str = "keyward-token-name";
    const NOUN: &'static str = "a token's name";
    const EXAMPLE: &'static str = "coda/api_token";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|wrong: keyward_vault::InvalidTokenName| format!("does not fit: {wrong}"))
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// A tool's name, in which `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ToolPattern(pub(crate) String);

impl TextValue for ToolPattern {
    const FORMAT: &'static str = "keyward-tool-pattern";
    const NOUN: &'static str = "a tool pattern";
    const EXAMPLE: &'static str = "delete_*";

    fn parse(text: &str) -> Result<Self, String> {
        let allowed = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '?' | '[' | ']' | '{' | '}');
        if !text.is_empty() && text.len() <= 256 && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is a tool's name, in which * stands for any text and nothing else is special".to_owned())
        }
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

/// The name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvironmentName(pub(crate) String);

impl TextValue for EnvironmentName {
    const FORMAT: &'static str = "keyward-environment-name";
    const NOUN: &'static str = "a variable's name";
    const EXAMPLE: &'static str = "CODA_API_TOKEN";

    fn parse(text: &str) -> Result<Self, String> {
        let form = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if form && text.starts_with(|c: char| !c.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("has letters, digits and '_', the first no digit".to_owned())
        }
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

/// What is logged: a level, or levels by module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFilter(pub(crate) String);

impl TextValue for LogFilter {
    const FORMAT: &'static str = "keyward-log-filter";
    const NOUN: &'static str = "a log level";
    const EXAMPLE: &'static str = "info";

    fn parse(text: &str) -> Result<Self, String> {
        let level = |word: &str| matches!(word, "off" | "error" | "warn" | "info" | "debug" | "trace");
        let part =
            |part: &str| part.split_once('=').map_or(level(part), |(module, word)| !module.is_empty() && level(word));
        if text.split(',').all(part) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is off, error, warn, info, debug or trace, also by module: info,keyward_gateway=debug".to_owned())
        }
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_leave_keywards_own_alone() {
        for good in ["/mcp", "/coda/mcp", "/accounts"] {
            assert!(Path::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "mcp", "/mcp/", "/a//b", "/a/../b", "/mcp?x", "/authorize", "/.well-known/x", "/a b"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn log_levels_by_module() {
        for good in ["info", "warn,keyward_gateway=debug"] {
            assert!(LogFilter::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "verbose", "=info", "info,"] {
            assert!(LogFilter::parse(bad).is_err(), "{bad}");
        }
    }
}
