//! What a configuration may say and had better not: told by `keyward config check` and at each start.

use keyward_resource::preset::DirectUse;

use super::{Config, CredentialKind, NamedIssuer};

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
        let mut warnings: Vec<String> = self.servers.iter().filter(in_query).map(told).collect();
        for issuer in self.issuers() {
            let NamedIssuer::Elsewhere(elsewhere) = issuer else { continue };
            if let Some(DirectUse::PreparedClients(why)) = elsewhere.preset().map(|preset| preset.direct) {
                warnings.push(format!(
                    "issuer {}: MCP clients cannot log in there unless each was set up by hand, since {why}; for others write \
                     broker = true in [issuer]",
                    elsewhere.issuer()
                ));
            }
            if elsewhere.provider.session_tokens {
                warnings.push(format!(
                    "issuer {}: session JWTs are taken, which are made for your own pages and not for MCP clients",
                    elsewhere.issuer()
                ));
            }
        }
        warnings
    }
}
