//! What a connection needs to know of its authorization server.

use keyward_discovery::{AuthorizationServerMetadata, InvalidMetadata};
use url::Url;

/// An authorization server at which a person can be asked for a grant.
#[derive(Clone, Debug)]
pub(crate) struct ServerMetadata {
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) revocation_endpoint: Option<Url>,
    pub(crate) registration_endpoint: Option<Url>,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
    /// `None` where it does not say, which means `client_secret_basic` (RFC 8414 §2).
    pub(crate) auth_methods: Option<Vec<String>>,
    /// Whether its answers name it (RFC 9207 §3).
    pub(crate) iss_supported: bool,
    /// Whether it says that it takes PKCE by S256.
    pub(crate) s256: Option<bool>,
    pub(crate) scopes_supported: Vec<String>,
}

impl TryFrom<AuthorizationServerMetadata> for ServerMetadata {
    type Error = InvalidMetadata;

    /// Refuses one that lacks an endpoint or rules PKCE out.
    fn try_from(metadata: AuthorizationServerMetadata) -> Result<Self, InvalidMetadata> {
        let (authorization_endpoint, token_endpoint) = metadata.code_endpoints()?;
        Ok(Self {
            authorization_endpoint: authorization_endpoint.clone(),
            token_endpoint: token_endpoint.clone(),
            s256: metadata.takes_s256(),
            revocation_endpoint: metadata.revocation_endpoint,
            registration_endpoint: metadata.registration_endpoint,
            userinfo_endpoint: metadata.userinfo_endpoint,
            end_session_endpoint: metadata.end_session_endpoint,
            auth_methods: metadata.token_endpoint_auth_methods_supported,
            iss_supported: metadata.authorization_response_iss_parameter_supported,
            scopes_supported: metadata.scopes_supported,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(members: &str) -> Result<ServerMetadata, InvalidMetadata> {
        let json = format!(r#"{{"issuer":"https://as.example",{members}}}"#);
        AuthorizationServerMetadata::parse(json.as_bytes(), "https://as.example", false)?.try_into()
    }

    const ENDPOINTS: &str =
        r#""authorization_endpoint":"https://as.example/a","token_endpoint":"https://as.example/t""#;

    #[test]
    fn both_endpoints_are_needed() {
        assert!(server(ENDPOINTS).is_ok());
        for (name, other) in
            [("authorization_endpoint", "token_endpoint"), ("token_endpoint", "authorization_endpoint")]
        {
            let error = server(&format!(r#""{other}":"https://as.example/x""#)).expect_err(name);
            assert_eq!(error, InvalidMetadata::Missing(name));
        }
    }

    #[test]
    fn pkce_must_not_be_ruled_out() {
        let takes = |methods: &str| server(&format!(r#"{ENDPOINTS},"code_challenge_methods_supported":{methods}"#));
        assert_eq!(takes(r#"["plain"]"#).err(), Some(InvalidMetadata::NoPkce));
        assert_eq!(takes(r#"["plain","S256"]"#).expect("metadata").s256, Some(true));
    }

    /// The documents as providers serve them, of those that people log in at by way of Keyward.
    #[test]
    fn people_can_be_sent_to_providers_as_they_are() {
        let tenant = "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0";
        for (issuer, document, s256, logs_out) in [
            // It takes PKCE, which is always sent, and does not say so.
            (tenant, include_str!("../../../keyward-resource/src/preset/discovery/entra.json"), None, true),
            (
                "https://accounts.google.com",
                include_str!("../../../keyward-resource/src/preset/discovery/google.json"),
                Some(true),
                false,
            ),
            (
                "https://login.example.com/realms/main",
                include_str!("../../../keyward-resource/src/preset/discovery/keycloak.json"),
                Some(true),
                true,
            ),
        ] {
            let read = AuthorizationServerMetadata::parse(document.as_bytes(), issuer, false).expect(issuer);
            let server = ServerMetadata::try_from(read).expect(issuer);
            assert_eq!((server.s256, server.end_session_endpoint.is_some()), (s256, logs_out), "{issuer}");
            assert!(server.userinfo_endpoint.is_some(), "{issuer}");
            assert!(
                server.auth_methods.expect(issuer).iter().any(|method| method == "client_secret_basic"),
                "{issuer}"
            );
        }
    }
}
