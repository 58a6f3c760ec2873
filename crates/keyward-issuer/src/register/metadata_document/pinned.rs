//! Copies of well-known clients' documents, for when their servers refuse to be fetched from where Keyward runs.

use super::fetch::read_document;
use crate::register::metadata::Metadata;

const DOCUMENTS: [(&str, &str); 3] = [
    (
        "https://claude.ai/oauth/mcp-oauth-client-metadata",
        r#"{
            "client_id": "https://claude.ai/oauth/mcp-oauth-client-metadata",
            "client_name": "Claude",
            "client_uri": "https://claude.ai",
            "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none"
        }"#,
    ),
    (
        "https://claude.ai/oauth/claude-code-client-metadata",
        r#"{
            "client_id": "https://claude.ai/oauth/claude-code-client-metadata",
            "client_name": "Claude Code",
            "client_uri": "https://claude.ai",
            "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none"
        }"#,
    ),
    (
        "https://chatgpt.com/oauth/client.json",
        r#"{
            "client_id": "https://chatgpt.com/oauth/client.json",
            "client_name": "ChatGPT",
            "client_uri": "https://chatgpt.com/",
            "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg": "RS256",
            "jwks_uri": "https://chatgpt.com/oauth/jwks.json"
        }"#,
    ),
];

/// The copy of the document at `client_id`.
pub(super) fn find(client_id: &str) -> Option<Metadata> {
    let (id, document) = DOCUMENTS.iter().find(|(id, _)| *id == client_id)?;
    read_document(id, document.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_copy_describes_its_client() {
        for (id, _) in DOCUMENTS {
            assert!(find(id).is_some(), "{id}");
        }
        assert!(find("https://other.example/client.json").is_none());
    }
}
