//! MCP servers to stand behind Keyward.

pub mod notes;
pub mod program;
pub mod scripted;
