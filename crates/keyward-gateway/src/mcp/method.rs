//! JSON-RPC methods of MCP.

use std::fmt;

/// The `method` of a message. The known ones cost no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum McpMethod {
    /// A method that the specification names.
    Known(&'static str),
    /// Any other.
    Other(Box<str>),
}

/// Methods that clients send, of all revisions (the MCP schema's `ClientRequest` and `ClientNotification`).
const KNOWN: [&str; 20] = [
    "tools/call",
    "tools/list",
    "initialize",
    "notifications/initialized",
    "ping",
    "server/discover",
    "subscriptions/listen",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/elicitation/complete",
    "notifications/progress",
    "notifications/roots/list_changed",
];

/// What `Mcp-Name` mirrors (MCP 2026-07-28, Streamable HTTP, "Standard Request Headers").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameSource {
    /// `params.name`.
    Name,
    /// `params.uri`.
    Uri,
}

impl McpMethod {
    pub(crate) fn new(text: &str) -> Self {
        match KNOWN.iter().find(|known| **known == text) {
            Some(known) => Self::Known(known),
            None => Self::Other(text.into()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Known(text) => text,
            Self::Other(text) => text,
        }
    }

    /// Whether it calls a tool.
    pub(crate) fn calls_tool(&self) -> bool {
        self.as_str() == "tools/call"
    }

    pub(crate) fn name_source(&self) -> Option<NameSource> {
        match self.as_str() {
            "tools/call" | "prompts/get" => Some(NameSource::Name),
            "resources/read" => Some(NameSource::Uri),
            _ => None,
        }
    }
}

impl fmt::Display for McpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
