//! `keyward.toml` for a test: what a person would write, no more.

use std::fmt::Write;

/// A configuration, put together.
#[derive(Clone, Debug)]
pub struct Configuration {
    storage: String,
    server: String,
    issuer: String,
    rest: String,
}

impl Default for Configuration {
    fn default() -> Self {
        Self::sqlite()
    }
}

impl Configuration {
    /// On a SQLite file of its own.
    pub fn sqlite() -> Self {
        Self::on("sqlite:keyward.db")
    }

    /// On this database.
    pub fn on(storage_url: &str) -> Self {
        let rest = "[log]\nlevel = \"debug\"\n".into();
        Self { storage: storage_url.into(), server: String::new(), issuer: String::new(), rest }
    }

    /// Lines of the section `[server]`.
    #[must_use]
    pub fn server(mut self, lines: &str) -> Self {
        self.server.push_str(lines);
        self.server.push('\n');
        self
    }

    /// Lines of the section `[issuer]`.
    #[must_use]
    pub fn issuer(mut self, lines: &str) -> Self {
        self.issuer.push_str(lines);
        self.issuer.push('\n');
        self
    }

    /// Whole sections.
    #[must_use]
    pub fn section(mut self, text: &str) -> Self {
        self.rest.push_str(text);
        self.rest.push('\n');
        self
    }

    /// An MCP server behind Keyward.
    #[must_use]
    pub fn behind(self, server: &Server) -> Self {
        let text = server.text();
        self.section(&text)
    }

    /// The file.
    pub fn text(&self) -> String {
        let Self { storage, server, issuer, rest } = self;
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n{server}\n[storage]\nurl = {storage:?}\n\n[issuer]\n{issuer}\n{rest}"
        )
    }
}

/// One of `[[servers]]`.
#[derive(Clone, Debug)]
pub struct Server {
    id: String,
    upstream: String,
    scopes: Vec<String>,
    tool_scopes: Vec<(String, String)>,
    token: Option<String>,
    connection: Option<String>,
}

impl Server {
    /// A server at the path `/{id}/mcp` whose calls need the scope `{id}:read`.
    pub fn new(id: &str, upstream: &str) -> Self {
        let scopes = vec![format!("{id}:read")];
        Self {
            id: id.into(),
            upstream: upstream.into(),
            scopes,
            tool_scopes: Vec::new(),
            token: None,
            connection: None,
        }
    }

    /// Calls of these tools need this scope too.
    #[must_use]
    pub fn tool_scope(mut self, tools: &str, scope: &str) -> Self {
        self.tool_scopes.push((tools.into(), scope.into()));
        self
    }

    /// Calls carry this token of the cabinet, as a bearer token.
    #[must_use]
    pub fn credential(mut self, token: &str) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Calls carry the caller's own access token at this connection.
    #[must_use]
    pub fn connection(mut self, id: &str) -> Self {
        self.connection = Some(id.into());
        self
    }

    fn text(&self) -> String {
        let Self { id, upstream, scopes, tool_scopes, token, connection } = self;
        let mut text =
            format!("[[servers]]\nid = {id:?}\npath = \"/{id}/mcp\"\nupstream = {upstream:?}\nscopes = {scopes:?}\n");
        let mut write = |line: std::fmt::Arguments<'_>| text.write_fmt(line).expect("a text takes everything");
        if !tool_scopes.is_empty() {
            write(format_args!("[servers.tool_scopes]\n"));
        }
        for (tools, scope) in tool_scopes {
            write(format_args!("{tools:?} = [{scope:?}]\n"));
        }
        if let Some(connection) = connection {
            write(format_args!("[servers.credential]\nconnection = {connection:?}\n"));
        }
        if let Some(token) = token {
            write(format_args!(
                "[servers.credential]\ntoken = {token:?}\nheader = \"Authorization\"\nformat = \"Bearer {{token}}\"\n"
            ));
        }
        text
    }
}
