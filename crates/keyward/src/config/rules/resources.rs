//! Rules of `[[resources]]`: somebody here issues tokens for them, and none of them is anything else that has a name.

use keyward_core::resource::ResourceUri;
use keyward_core::scope::{ScopeHierarchy, ScopeSet};

use super::Rules;
use crate::config::suggest;
use crate::config::text::TextValue;

impl Rules<'_> {
    pub(super) fn resources(&mut self) {
        if self.config.resources.is_empty() || self.torn.contains("resources") {
            return;
        }
        if !self.torn.contains("issuer") && !self.torn.contains("trusted_issuers") {
            self.resources_have_an_issuer();
        }
        if !self.torn.contains("servers") {
            self.resources_apart();
        }
        self.default_scopes_of_resources();
    }

    fn resources_have_an_issuer(&mut self) {
        if !self.config.serves_authorization_server() {
            let message = "tokens are issued elsewhere: Keyward issues none that a resource could take";
            self.report(&["resources", "0"], message).advice = Some(
                "leave [[resources]] out and set it up at that issuer, or write kind = \"embedded\" or broker = true in [issuer]"
                    .to_owned(),
            );
        }
    }

    /// None has the id or the address of a server, of Keyward itself, or of another.
    fn resources_apart(&mut self) {
        let config = self.config;
        // Where the port is still to be found, so is the address.
        let base = if config.server.public_url.is_none() && config.server.listen.0.port() == 0 {
            None
        } else {
            Some(config.server.url(None))
        };
        let servers = base.iter().flat_map(|base| {
            config.servers.iter().filter_map(move |server| {
                Some((ResourceUri::parse(&format!("{base}{}", server.path.0.to_text())).ok()?, server))
            })
        });
        let servers: Vec<_> = servers.collect();
        let own = base.as_ref().and_then(|base| ResourceUri::parse(base).ok());
        for (at, resource) in config.resources.iter().enumerate() {
            let index = at.to_string();
            let before = &config.resources[..at];
            if config.servers.iter().any(|server| server.id == resource.id) {
                let message = format!("there is a server `{}` already", resource.id.0);
                self.report(&["resources", &index, "id"], message);
            } else if before.iter().any(|other| other.id == resource.id) {
                self.report(&["resources", &index, "id"], format!("there are two resources `{}`", resource.id.0));
            }
            let identifier = resource.resource.0.as_str();
            let wrong = if let Some((_, server)) = servers.iter().find(|(url, _)| url.is_meant_by(identifier)) {
                Some(format!("this is the server `{}`, which is behind this Keyward", server.id.0))
            } else if own.as_ref().is_some_and(|own| own.is_meant_by(identifier) || own.has_origin(identifier)) {
                Some("this is Keyward itself, which clients may name for its default server".to_owned())
            } else {
                let same = before.iter().find(|other| other.resource.0.is_meant_by(identifier));
                same.map(|other| format!("this is the resource `{}` already", other.id.0))
            };
            if let Some(wrong) = wrong {
                self.report(&["resources", &index, "resource"], wrong).advice =
                    Some("write the identifier of something elsewhere, or leave this out".to_owned());
            }
        }
    }

    fn default_scopes_of_resources(&mut self) {
        let config = self.config;
        let declared = config.scopes.iter().filter_map(|(name, meaning)| {
            Some((name.parse().ok()?, meaning.includes.iter().map(|scope| scope.0.clone()).collect()))
        });
        let hierarchy = ScopeHierarchy::new(declared.collect());
        for (index, resource) in config.resources.iter().enumerate() {
            let scopes: ScopeSet = resource.scopes.iter().map(|scope| scope.0.clone()).collect();
            let included = hierarchy.expand(&scopes);
            for (at, scope) in resource.default_scopes.iter().flatten().enumerate() {
                let alone = ScopeSet::from_iter([scope.0.clone()]);
                if !included.contains(scope.0.as_str()) && hierarchy.expand(&alone).intersection(&scopes).is_empty() {
                    let advice = suggest::advice(scope.0.as_str(), included.iter().map(|known| known.as_str()));
                    let path = ["resources", &index.to_string(), "default_scopes", &at.to_string()];
                    self.report(&path, format!("`{}` is no scope of this resource", scope.0)).advice = advice;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::mistakes;

    #[test]
    fn each_rule_of_resources() {
        insta::assert_snapshot!(mistakes(
            r#"
[server]
public_url = "https://mcp.example.com"
default_server = "notes"
[scopes.admin]
includes = ["write"]
[scopes.write]
includes = ["read"]
[[servers]]
id = "coda"
path = "/coda/mcp"
upstream = "http://127.0.0.1:3000/mcp"
[[resources]]
id = "notes"
resource = "https://notes.example.com/mcp"
scopes = ["write"]
default_scopes = ["read", "admin", "raed"]
[[resources]]
id = "coda"
resource = "https://notes.example.com/mcp/"
[[resources]]
id = "notes"
resource = "https://MCP.example.com/coda/mcp/"
[[resources]]
id = "keyward"
resource = "https://mcp.example.com/"
[[resources]]
id = "apart"
resource = "https://mcp.example.com/coda/mcp/more"
"#,
            &[],
        ), @r#"
    keyward.toml:4:18: `notes` is a resource elsewhere
      4 | default_server = "notes"
        |                  ^^^^^^^
        the default is a server here; what is elsewhere clients get by naming it
    keyward.toml:17:36: `raed` is no scope of this resource
      17 | default_scopes = ["read", "admin", "raed"]
         |                                    ^^^^^^
        did you mean `read`?
    keyward.toml:19:6: there is a server `coda` already
      19 | id = "coda"
         |      ^^^^^^
    keyward.toml:20:12: this is the resource `notes` already
      20 | resource = "https://notes.example.com/mcp/"
         |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        write the identifier of something elsewhere, or leave this out
    keyward.toml:22:6: there are two resources `notes`
      22 | id = "notes"
         |      ^^^^^^^
    keyward.toml:23:12: this is the server `coda`, which is behind this Keyward
      23 | resource = "https://MCP.example.com/coda/mcp/"
         |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        write the identifier of something elsewhere, or leave this out
    keyward.toml:26:12: this is Keyward itself, which clients may name for its default server
      26 | resource = "https://mcp.example.com/"
         |            ^^^^^^^^^^^^^^^^^^^^^^^^^^
        write the identifier of something elsewhere, or leave this out
    7 mistakes in the configuration
    "#);
    }

    #[test]
    fn without_a_public_url_the_address_counts() {
        const SERVER: &str = "[[servers]]\nid = 'coda'\npath = '/coda/mcp'\nupstream = 'http://127.0.0.1:3000/mcp'\n";
        const RESOURCE: &str = "[[resources]]\nid = 'notes'\nresource = 'http://127.0.0.1:8080/coda/mcp'\n";
        insta::assert_snapshot!(mistakes(&format!("{SERVER}{RESOURCE}"), &[]), @r#"
    keyward.toml:7:12: this is the server `coda`, which is behind this Keyward
      7 | resource = 'http://127.0.0.1:8080/coda/mcp'
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        write the identifier of something elsewhere, or leave this out
    1 mistake in the configuration
    "#);
        for listen in ["127.0.0.1:8081", "127.0.0.1:0"] {
            let listen = [("KEYWARD__SERVER__LISTEN", listen)];
            assert_eq!(mistakes(&format!("{SERVER}{RESOURCE}"), &listen), "no mistakes", "{listen:?}");
        }
    }

    #[test]
    fn identifiers_are_as_their_owners_compare_them() {
        insta::assert_snapshot!(mistakes(
            r#"
[[resources]]
id = "b"
resource = "http://notes.example.com/mcp"
[[resources]]
id = "c"
resource = "https://notes.example.com/a/../mcp"
[[resources]]
id = "d"
resource = "https://notes.example.com/mcp#x"
[[resources]]
id = "e"
resource = "https://notes.example.com:443/mcp"
[[resources]]
id = "f"
"#,
            &[],
        ), @r#"
    keyward.toml:4:12: `resource`: a resource's identifier is https, except on this machine (127.0.0.1, [::1], localhost): tokens would travel in the clear
      4 | resource = "http://notes.example.com/mcp"
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    keyward.toml:7:12: `resource`: a resource's identifier is spelled https://notes.example.com/mcp
      7 | resource = "https://notes.example.com/a/../mcp"
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    keyward.toml:10:12: `resource`: a resource's identifier has no fragment
      10 | resource = "https://notes.example.com/mcp#x"
         |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    keyward.toml:13:12: `resource`: a resource's identifier is spelled https://notes.example.com/mcp
      13 | resource = "https://notes.example.com:443/mcp"
         |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    keyward.toml:14:1: `resources` has no `resource`
      14 | [[resources]]
         | ^^^^^^^^^^^^^
        for example resource = "https://notes.example.com/mcp"
    5 mistakes in the configuration
    "#);
    }

    #[test]
    fn a_resource_needs_an_issuer_here() {
        const RESOURCE: &str = "[[resources]]\nid = 'notes'\nresource = 'https://notes.example.com/mcp'\n";
        let direct = "[issuer]\nkind = 'oidc'\nissuer = 'https://login.example.com'\n";
        insta::assert_snapshot!(mistakes(&format!("{direct}{RESOURCE}"), &[]), @r#"
    keyward.toml:4:1: tokens are issued elsewhere: Keyward issues none that a resource could take
      4 | [[resources]]
        | ^^^^^^^^^^^^^
        leave [[resources]] out and set it up at that issuer, or write kind = "embedded" or broker = true in [issuer]
    1 mistake in the configuration
    "#);
        for good in [
            String::new(),
            format!("{direct}broker = true\nclient_id = 'keyward'\nclient_secret = 'env:SECRET'\n"),
            format!("{direct}[[trusted_issuers]]\nkind = 'embedded'\n"),
        ] {
            assert_eq!(mistakes(&format!("{good}{RESOURCE}"), &[]), "no mistakes", "{good}");
        }
    }
}
