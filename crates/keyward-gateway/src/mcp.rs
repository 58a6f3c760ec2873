//! What the gateway must understand of MCP: the revision, the method, the tool. Nothing else of a message is looked at.

mod header;
mod message;
mod method;
mod revision;
mod tool;

pub(crate) use header::{HeaderMismatch, check_headers};
pub(crate) use message::{Message, MessageError, MessageId, Messages, read};
pub(crate) use revision::Revision;
pub(crate) use tool::ToolRules;
