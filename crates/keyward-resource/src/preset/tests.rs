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
        assert!(issuer_of(preset).starts_with("https://"), "{}", preset.name);
        for claim in preset.scopes.iter().chain(preset.named.iter().map(|(claim, _)| claim)) {
            assert!(claim.parse::<crate::ClaimPath>().is_ok(), "{claim}");
        }
    }
    let names: std::collections::BTreeSet<_> = Preset::ALL.iter().map(|preset| preset.name).collect();
    assert_eq!(names.len(), Preset::ALL.len());
    assert!(Preset::by_name("Keycloak").is_none());
}

const fn issuer_of(preset: &Preset) -> &'static str {
    let (PresetIssuer::Fixed(issuer) | PresetIssuer::Like(issuer)) = preset.issuer;
    issuer
}

/// A provider's document, and what stands in it.
struct Served {
    preset: &'static str,
    document: &'static str,
    /// What most of its endpoints begin with; the others are written in full.
    base: &'static str,
    /// For authorization, tokens, keys, registration, introspection, revocation, claims about a person, logging out; empty
    /// where it has none.
    endpoints: [&'static str; 8],
    /// `S256`, `iss` in authorization answers, client ids that are URLs (`cimd`), word of logouts (`logout`), and the algorithms
    /// of ID tokens. What a provider can do and does not say is not in here.
    says: &'static str,
}

impl Served {
    fn read(&self, issuer: &str) -> Result<AuthorizationServerMetadata, keyward_discovery::InvalidMetadata> {
        AuthorizationServerMetadata::parse(self.document.as_bytes(), issuer, false)
    }

    fn preset(&self) -> &'static Preset {
        Preset::by_name(self.preset).expect(self.preset)
    }
}

const ENTRA: &str = "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000";

const SERVED: &[Served] = &[
    Served {
        preset: "keycloak",
        document: include_str!("discovery/keycloak.json"),
        base: "https://login.example.com/realms/main/protocol/openid-connect",
        endpoints: [
            "/auth",
            "/token",
            "/certs",
            "https://login.example.com/realms/main/clients-registrations/openid-connect",
            "/token/introspect",
            "/revoke",
            "/userinfo",
            "/logout",
        ],
        says: "S256 iss logout PS384 RS384 EdDSA ES384 HS256 HS512 ES256 RS256 HS384 ES512 PS256 PS512 RS512",
    },
    // It asks nobody about opaque tokens, and its answers do not name it.
    Served {
        preset: "auth0",
        document: include_str!("discovery/auth0.json"),
        base: "https://example.eu.auth0.com",
        endpoints: [
            "/authorize",
            "/oauth/token",
            "/.well-known/jwks.json",
            "/oidc/register",
            "",
            "/oauth/revoke",
            "/userinfo",
            "/oidc/logout",
        ],
        says: "S256 HS256 RS256 PS256",
    },
    // It takes PKCE and does not say so.
    Served {
        preset: "entra",
        document: include_str!("discovery/entra.json"),
        base: ENTRA,
        endpoints: [
            "/oauth2/v2.0/authorize",
            "/oauth2/v2.0/token",
            "/discovery/v2.0/keys",
            "",
            "",
            "",
            "https://graph.microsoft.com/oidc/userinfo",
            "/oauth2/v2.0/logout",
        ],
        says: "RS256",
    },
    // Its place of registration, the organisation's, wants a token of an administrator.
    Served {
        preset: "okta",
        document: include_str!("discovery/okta.json"),
        base: "https://example.okta.com/oauth2/default/v1",
        endpoints: [
            "/authorize",
            "/token",
            "/keys",
            "https://example.okta.com/oauth2/v1/clients",
            "/introspect",
            "/revoke",
            "/userinfo",
            "/logout",
        ],
        says: "S256 RS256",
    },
    // Nobody registers there, and nobody logs out.
    Served {
        preset: "google",
        document: include_str!("discovery/google.json"),
        base: "https://oauth2.googleapis.com",
        endpoints: [
            "https://accounts.google.com/o/oauth2/v2/auth",
            "/token",
            "https://www.googleapis.com/oauth2/v3/certs",
            "",
            "",
            "/revoke",
            "https://openidconnect.googleapis.com/v1/userinfo",
            "",
        ],
        says: "S256 RS256",
    },
    // Its two documents differ: registration and PKCE are in one, claims about a person and the algorithm in the other.
    Served {
        preset: "workos",
        document: include_str!("discovery/workos.json"),
        base: "https://example.authkit.app/oauth2",
        endpoints: ["/authorize", "/token", "/jwks", "/register", "/introspection", "", "", ""],
        says: "S256 cimd",
    },
    Served {
        preset: "workos",
        document: include_str!("discovery/workos_openid.json"),
        base: "https://example.authkit.app/oauth2",
        endpoints: ["/authorize", "/token", "/jwks", "", "/introspection", "", "/userinfo", ""],
        says: "RS256",
    },
    Served {
        preset: "logto",
        document: include_str!("discovery/logto.json"),
        base: "https://example.logto.app/oidc",
        endpoints: ["/auth", "/token", "/jwks", "", "/token/introspection", "/token/revocation", "/me", "/session/end"],
        says: "S256 iss logout ES384",
    },
    Served {
        preset: "zitadel",
        document: include_str!("discovery/zitadel.json"),
        base: "https://example.zitadel.cloud",
        endpoints: [
            "/oauth/v2/authorize",
            "/oauth/v2/token",
            "/oauth/v2/keys",
            "",
            "/oauth/v2/introspect",
            "/oauth/v2/revoke",
            "/oidc/v1/userinfo",
            "/oidc/v1/end_session",
        ],
        says: "S256 logout EdDSA RS256 RS384 RS512 ES256 ES384 ES512",
    },
    // Introspection is at its administrators' address, which it does not tell.
    Served {
        preset: "ory",
        document: include_str!("discovery/ory.json"),
        base: "https://example.projects.oryapis.com",
        endpoints: [
            "/oauth2/auth",
            "/oauth2/token",
            "/.well-known/jwks.json",
            "/oauth2/register",
            "",
            "/oauth2/revoke",
            "/userinfo",
            "/oauth2/sessions/logout",
        ],
        says: "S256 logout RS256",
    },
    // PKCE and registration are in its other document only; the login page is the customer's own.
    Served {
        preset: "stytch",
        document: include_str!("discovery/stytch.json"),
        base: "https://word-word-1234.customers.stytch.dev",
        endpoints: [
            "https://example.com/oauth2/authorize",
            "/v1/oauth2/token",
            "/.well-known/jwks.json",
            "",
            "",
            "",
            "/v1/oauth2/userinfo",
            "",
        ],
        says: "RS256",
    },
];

#[test]
fn the_documents_of_providers_are_read() {
    for served in SERVED {
        let name = served.preset;
        let read = served.read(issuer_of(served.preset())).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = [
            &read.authorization_endpoint,
            &read.token_endpoint,
            &read.jwks_uri,
            &read.registration_endpoint,
            &read.introspection_endpoint,
            &read.revocation_endpoint,
            &read.userinfo_endpoint,
            &read.end_session_endpoint,
        ];
        let expected = served.endpoints.map(|endpoint| match endpoint {
            "" => None,
            whole if whole.starts_with("https://") => Some(whole.to_owned()),
            path => Some(format!("{}{path}", served.base)),
        });
        assert_eq!(found.map(|url| url.as_ref().map(ToString::to_string)), expected, "{name}");
        let said = [
            (read.takes_s256() == Some(true), "S256"),
            (read.authorization_response_iss_parameter_supported, "iss"),
            (read.client_id_metadata_document_supported, "cimd"),
            (read.backchannel_logout_supported, "logout"),
        ];
        let said = said.into_iter().filter_map(|(yes, what)| yes.then_some(what));
        let algorithms = read.id_token_signing_alg_values_supported.iter().map(String::as_str);
        assert_eq!(said.chain(algorithms).collect::<Vec<_>>().join(" "), served.says, "{name}");
        assert_ne!(read.takes_s256(), Some(false), "{name}: what says nothing of PKCE does not rule it out");
        let methods = read.token_endpoint_auth_methods_supported.expect(name);
        assert!(methods.iter().any(|method| method == "client_secret_basic"), "{name}: how the broker proves itself");
    }
}

#[test]
fn a_document_is_of_one_provider_only() {
    for served in SERVED {
        for other in Preset::ALL.iter().filter(|preset| preset.name != served.preset) {
            assert!(served.read(issuer_of(other)).is_err(), "{} as {}", served.preset, other.name);
        }
        let issuer = issuer_of(served.preset());
        let almost = issuer.strip_suffix('/').map_or_else(|| format!("{issuer}/"), str::to_owned);
        assert!(served.read(&almost).is_err(), "{almost}");
    }
}

#[test]
fn what_presets_say_fits_the_documents() {
    for served in SERVED {
        let (name, preset) = (served.preset, served.preset());
        let read = served.read(issuer_of(preset)).expect(name);
        // What ID tokens are signed with is, there, what access tokens are.
        let signed = &read.id_token_signing_alg_values_supported;
        let pinned = preset.algorithms.iter().any(|algorithm| signed.iter().any(|name| name == algorithm.name()));
        assert!(signed.is_empty() || pinned, "{name}: {signed:?}");
        let offers = read.scopes_supported.iter().any(|scope| scope == "offline_access");
        assert_eq!(offers, preset.offline_access != OfflineAccess::Otherwise, "{name}");
        // Where clients can neither register nor be known by a URL, somebody has to set them up.
        let takes_strangers = read.registration_endpoint.is_some() || read.client_id_metadata_document_supported;
        let in_the_other_document = name == "stytch" || served.document == include_str!("discovery/workos_openid.json");
        if !takes_strangers && !in_the_other_document {
            assert_ne!(preset.direct, DirectUse::Yes, "{name}");
        }
    }
    let with_documents: std::collections::BTreeSet<_> = SERVED.iter().map(|served| served.preset).collect();
    let without: Vec<_> = Preset::ALL.iter().map(|it| it.name).filter(|name| !with_documents.contains(name)).collect();
    assert_eq!(without, ["better-auth"], "it is installed for the tests and serves its own");
}
