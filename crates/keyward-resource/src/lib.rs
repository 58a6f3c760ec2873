//! The resource server's half of OAuth 2.1 for MCP: metadata, challenges, token verification.
