//! What a configuration may say and had better not: told by `keyward config check` and at each start.

use super::{Config, CredentialKind};

impl Config {
    /// The warnings, one sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let in_query = |server: &&super::McpServer| {
            server.credential.as_ref().is_some_and(|it| matches!(it.kind(), Ok(CredentialKind::Query)))
        };
        let told = |server: &super::McpServer| {
            format!(
                "server {}: its token goes into the query of the URL, which upstream and proxies before it may log; \
                 use another kind of credential if upstream takes one",
                server.id.0
            )
        };
        self.servers.iter().filter(in_query).map(told).collect()
    }
}
