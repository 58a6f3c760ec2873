//! Keyward before one server, as most tests want it.

use anyhow::Result;
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::http::Request;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::upstream::notes::Notes;
use serde_json::{Value, json};

/// The service token in the cabinet that calls to the notes server carry.
pub(crate) const SERVICE_TOKEN: &str = "service-token-4f7c1d9e-of-the-notes-server";

/// Keyward before a notes server, of which `delete_*` needs a scope more.
pub(crate) struct Scene {
    pub(crate) keyward: Keyward,
    notes: Notes,
}

impl Scene {
    pub(crate) fn new(configuration: Configuration) -> Result<Self> {
        Self::with(configuration, |_| Ok(()))
    }

    /// The same, with something done before its first command.
    pub(crate) fn with(configuration: Configuration, prepare: impl FnOnce(&mut Keyward) -> Result<()>) -> Result<Self> {
        let notes = Notes::start()?;
        let mut keyward = Keyward::configured(&before(&notes, configuration))?;
        prepare(&mut keyward)?;
        keyward.put_token("notes/api_token", SERVICE_TOKEN)?;
        keyward.start()?;
        Ok(Self { keyward, notes })
    }

    /// Names another database in its configuration, and all else as it was.
    pub(crate) fn configure_anew(&self, configuration: Configuration) -> Result<()> {
        self.keyward.configure(&before(&self.notes, configuration).text())
    }

    /// What clients are given.
    pub(crate) fn resource(&self) -> String {
        self.keyward.resource("notes")
    }

    /// Calls the endpoint with this token as a client would begin; the status tells whether the token is taken.
    pub(crate) fn status_with(&self, token: &str) -> Result<u16> {
        Ok(self.keyward.send(&initialize("/notes/mcp").bearer(token))?.status)
    }
}

fn before(notes: &Notes, configuration: Configuration) -> Configuration {
    let server = Server::new("notes", &notes.url).tool_scope("delete_*", "notes:write").credential("notes/api_token");
    configuration.behind(&server)
}

/// A request that begins an MCP session.
pub(crate) fn initialize(path: &str) -> Request {
    Request::mcp(path, &initialize_message())
}

pub(crate) fn initialize_message() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "by hand", "version": "1.0.0" },
        },
    })
}

/// A call of a tool.
pub(crate) fn call(path: &str, tool: &str) -> Request {
    Request::mcp(path, &call_message(tool)).header("MCP-Protocol-Version", "2025-11-25")
}

pub(crate) fn call_message(tool: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": tool, "arguments": {} } })
}
