//! Reads from a body which methods it calls, on which tools. Strict where parsers are known to differ, since upstream
//! must not see another call than the one that was decided on.

mod visit;

use super::method::McpMethod;

/// More messages than this in one batch (MCP 2025-03-26) are refused.
const MAX_BATCH: usize = 256;

/// A body that no decision can be based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageError {
    /// Not JSON (RFC 8259) in UTF-8, or a member that the decision needs has another type than it must have.
    #[error("the body is not a JSON-RPC message")]
    Malformed,
    /// A member occurs twice, or in two spellings that some parsers take for one.
    #[error("the member \"{0}\" occurs twice or in a misleading spelling")]
    Ambiguous(&'static str),
    /// A tool is called and not named.
    #[error("tools/call without the name of a tool")]
    ToolNotNamed,
    /// Too many messages in one batch.
    #[error("more than {MAX_BATCH} messages in one batch")]
    BatchTooLong,
}

/// The `id` of a request, to be put into an error's.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub(crate) enum MessageId {
    /// An integer or another number.
    Number(serde_json::Number),
    /// A text.
    Text(Box<str>),
}

/// What one message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Absent in notifications.
    pub(crate) id: Option<MessageId>,
    /// Absent in responses.
    pub(crate) method: Option<McpMethod>,
    /// `params.name` or `params.uri`, whichever the method is about.
    pub(crate) name: Option<Box<str>>,
}

impl Message {
    /// The tool that it calls.
    pub(crate) fn tool(&self) -> Option<&str> {
        self.method.as_ref().filter(|method| method.calls_tool()).and(self.name.as_deref())
    }
}

/// What one body is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Messages {
    /// One message.
    One(Message),
    /// Several at once (MCP 2025-03-26 only; other revisions' servers refuse it themselves).
    Batch(Vec<Message>),
}

impl Messages {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Message> {
        match self {
            Self::One(message) => std::slice::from_ref(message).iter(),
            Self::Batch(messages) => messages.iter(),
        }
    }
}

/// Reads a body.
pub(crate) fn read(body: &[u8]) -> Result<Messages, MessageError> {
    // The whole of it, also within texts that are skipped: a lenient parser could take bad UTF-8 for something else.
    let text = std::str::from_utf8(body).map_err(|_| MessageError::Malformed)?;
    match serde_json::from_str::<visit::Body<'_>>(text).map_err(|_| MessageError::Malformed)? {
        visit::Body::One(raw) => raw.check().map(Messages::One),
        visit::Body::Batch(raw) => {
            raw.into_iter().map(visit::Raw::check).collect::<Result<_, _>>().map(Messages::Batch)
        }
        visit::Body::TooLong => Err(MessageError::BatchTooLong),
    }
}

#[cfg(test)]
mod tests;
