//! What the demo tells the person who started it.

use std::fmt;

use super::directory::Directory;

/// What to paste where, and what to look at.
pub(crate) struct Guide<'a> {
    pub(crate) url: &'a str,
    /// The link for the first account; `None` when there is one.
    pub(crate) invite: Option<&'a str>,
    pub(crate) fingerprint: &'a str,
    pub(crate) directory: &'a Directory,
}

impl fmt::Display for Guide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, invite, fingerprint, directory } = self;
        let place = directory.path().display();
        writeln!(f, "\nKeyward is running, with a small MCP server behind it.\n")?;
        writeln!(f, "  MCP server     {url}")?;
        if let Some(link) = invite {
            writeln!(f, "  First account  {link}")?;
        }
        writeln!(f, "  Service token  demo/api_token, fingerprint {fingerprint}\n")?;
        writeln!(f, "What to do next")?;
        let mut step = 1..;
        let mut next = || step.next().unwrap_or_default();
        if invite.is_some() {
            writeln!(f, "  {}. Open the link of the first account, and choose an address and a password.", next())?;
        }
        writeln!(f, "  {}. Give the MCP server's URL to a client. Claude Code, for example:", next())?;
        writeln!(f, "       claude mcp add --transport http keyward-demo {url}")?;
        writeln!(f, "     then type /mcp there and log in. The MCP Inspector: npx @modelcontextprotocol/inspector")?;
        writeln!(f, "  {}. Let it call the tool `whoami`: the server got the token of that fingerprint from", next())?;
        writeln!(f, "     the cabinet, and never the client's. `delete_note` asks you for one more permission.")?;
        writeln!(f, "  {}. See what was recorded: keyward --config {place}/keyward.toml audit list\n", next())?;
        match directory.was_used {
            true => writeln!(f, "State of an earlier run was found in {place}; it goes on from there.")?,
            false => writeln!(f, "State is kept in {place}; the next run goes on from there.")?,
        }
        write!(f, "Ctrl-C stops it.")
    }
}
