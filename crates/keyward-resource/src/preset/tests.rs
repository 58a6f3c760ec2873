use keyward_discovery::AuthorizationServerMetadata;

use super::*;

#[test]
fn each_has_a_name_and_says_what_to_do() {
    for preset in Preset::ALL {
        assert_eq!(Preset::by_name(preset.name).map(|found| found.title), Some(preset.title));
        assert!(
            !preset.steps.is_empty() && !preset.algorithms.is_empty() && !preset.title.is_empty(),
            "{}",
            preset.name
        );
        let (PresetIssuer::Fixed(issuer) | PresetIssuer::Like(issuer)) = preset.issuer;
        assert!(issuer.starts_with("https://"), "{issuer}");
        for claim in preset.scopes.iter().chain(preset.named.iter().map(|(claim, _)| claim)) {
            assert!(claim.parse::<crate::ClaimPath>().is_ok(), "{claim}");
        }
    }
    let names: std::collections::BTreeSet<_> = Preset::ALL.iter().map(|preset| preset.name).collect();
    assert_eq!(names.len(), Preset::ALL.len());
    assert!(Preset::by_name("Keycloak").is_none());
}

/// The document, its keys' address, and whether clients can register.
const DOCUMENTS: [(&str, &str, &str, bool); 10] = [
    (
        "keycloak",
        include_str!("discovery/keycloak.json"),
        "https://login.example.com/realms/main/protocol/openid-connect/certs",
        true,
    ),
    ("auth0", include_str!("discovery/auth0.json"), "https://example.eu.auth0.com/.well-known/jwks.json", true),
    (
        "entra",
        include_str!("discovery/entra.json"),
        "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/discovery/v2.0/keys",
        false,
    ),
    ("okta", include_str!("discovery/okta.json"), "https://example.okta.com/oauth2/default/v1/keys", true),
    ("google", include_str!("discovery/google.json"), "https://www.googleapis.com/oauth2/v3/certs", false),
    ("workos", include_str!("discovery/workos.json"), "https://example.authkit.app/oauth2/jwks", true),
    ("logto", include_str!("discovery/logto.json"), "https://example.logto.app/oidc/jwks", false),
    ("zitadel", include_str!("discovery/zitadel.json"), "https://example.zitadel.cloud/oauth/v2/keys", false),
    ("ory", include_str!("discovery/ory.json"), "https://example.projects.oryapis.com/.well-known/jwks.json", true),
    (
        "stytch",
        include_str!("discovery/stytch.json"),
        "https://word-word-1234.customers.stytch.dev/.well-known/jwks.json",
        false,
    ),
];

#[test]
fn the_documents_of_providers_are_read() {
    for (name, document, jwks_uri, registers) in DOCUMENTS {
        let preset = Preset::by_name(name).expect(name);
        let (PresetIssuer::Fixed(issuer) | PresetIssuer::Like(issuer)) = preset.issuer;
        let metadata = AuthorizationServerMetadata::parse(document.as_bytes(), issuer, false);
        let metadata = metadata.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(metadata.jwks_uri.map(String::from).as_deref(), Some(jwks_uri), "{name}");
        assert!(metadata.authorization_endpoint.is_some() && metadata.token_endpoint.is_some(), "{name}");
        assert_eq!(metadata.registration_endpoint.is_some(), registers, "{name}");
        // What ID tokens are signed with is, there, what access tokens are.
        let signed = metadata.id_token_signing_alg_values_supported;
        let pinned = preset.algorithms.iter().any(|algorithm| signed.iter().any(|name| name == algorithm.name()));
        assert!(signed.is_empty() || pinned, "{name}: {signed:?}");
        let foreign = AuthorizationServerMetadata::parse(document.as_bytes(), "https://other.example", false);
        assert!(foreign.is_err(), "{name}");
    }
}
