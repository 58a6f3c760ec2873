//! Tokens as providers document them, each read by its preset.

use serde_json::{Value, json};

use super::*;
use crate::preset::{Preset, PresetIssuer};
use crate::{AudienceRule, ListedAudience};

const LISTED: &str = "the-project";

struct Shape {
    preset: &'static str,
    algorithm: Algorithm,
    typ: Option<&'static str>,
    claims: Value,
    /// Scopes, client, e-mail.
    expected: (&'static str, Option<&'static str>, Option<&'static str>),
}

fn shapes() -> Vec<Shape> {
    let shape = |preset, typ, claims, expected| Shape { preset, algorithm: Algorithm::Rs256, typ, claims, expected };
    vec![
        shape(
            "stytch",
            Some("JWT"),
            json!({"aud": [LISTED], "client_id": "connected-app-1", "scope": "openid a:read", "nbf": NOW - 60}),
            ("a:read openid", Some("connected-app-1"), None),
        ),
        shape(
            "keycloak",
            Some("JWT"),
            json!({
                "aud": [RESOURCE, "account"], "azp": "app", "typ": "Bearer", "scope": "email a:read",
                "realm_access": {"roles": ["writer"]}, "resource_access": {"account": {"roles": ["view"]}},
                "email": "ada@example.com", "email_verified": true,
            }),
            ("a:read email role:writer", Some("app"), Some("ada@example.com")),
        ),
        shape(
            "auth0",
            Some("at+jwt"),
            json!({"aud": [RESOURCE, "https://example.eu.auth0.com/userinfo"], "client_id": "app", "scope": "openid", "permissions": ["a:read"]}),
            ("openid", Some("app"), None),
        ),
        Shape {
            algorithm: Algorithm::EdDsa,
            ..shape(
                "better-auth",
                None,
                json!({"aud": RESOURCE, "azp": "app", "scope": "a:read"}),
                ("a:read", Some("app"), None),
            )
        },
        shape(
            "workos",
            Some("JWT"),
            json!({"aud": RESOURCE, "sid": "s", "role": "member", "permissions": ["a:write"], "scope": "a:read", "client_id": "client_1"}),
            ("a:read role:member", Some("client_1"), None),
        ),
        shape(
            "entra",
            Some("JWT"),
            json!({
                "aud": LISTED, "azp": "11111111-1111-1111-1111-111111111111", "scp": "a.read", "roles": ["Writer"], "ver": "2.0",
                "email": "ada@victim.example", "email_verified": true,
            }),
            ("a.read role:Writer", Some("11111111-1111-1111-1111-111111111111"), None),
        ),
        shape(
            "okta",
            None,
            json!({"aud": RESOURCE, "cid": "0oa1", "uid": "00u1", "scp": ["a:read", "openid"], "sub": "ada@example.com"}),
            ("a:read openid", Some("0oa1"), None),
        ),
        Shape {
            algorithm: Algorithm::Es384,
            ..shape(
                "logto",
                Some("at+jwt"),
                json!({"aud": RESOURCE, "client_id": "app", "scope": "a:read"}),
                ("a:read", Some("app"), None),
            )
        },
        shape(
            "zitadel",
            Some("JWT"),
            json!({"aud": ["app@project", LISTED], "azp": "app@project", "urn:zitadel:iam:org:project:roles": {"a": {"1": "x.zitadel.cloud"}}}),
            ("role:a", Some("app@project"), None),
        ),
        shape(
            "ory",
            Some("JWT"),
            json!({"aud": [RESOURCE], "client_id": "app", "scp": ["a:read"], "ext": {}}),
            ("a:read", Some("app"), None),
        ),
    ]
}

fn trusted(preset: &Preset, signer: &Signer) -> TrustedIssuer {
    let (PresetIssuer::Fixed(name) | PresetIssuer::Like(name)) = preset.issuer;
    let listed = vec![ListedAudience { audience: LISTED.into(), resources: vec![RESOURCE.into()] }];
    TrustedIssuer {
        algorithms: preset.algorithms.to_vec(),
        type_rule: preset.type_rule,
        claims: preset.claim_map(false),
        audience: AudienceRule { listed },
        ..TrustedIssuer::of(name, issuer(name, &[signer]).keys)
    }
}

/// A token of `shape` with some claims changed; `null` takes one out.
fn token(signer: &Signer, shape: &Shape, iss: &str, changes: Value) -> String {
    let mut header = signer.header();
    match shape.typ {
        Some(typ) => header["typ"] = typ.into(),
        None => drop(header.as_object_mut().expect("an object").remove("typ")),
    }
    let mut claims = json!({"iss": iss, "sub": "person", "iat": NOW - 60, "exp": NOW + 240, "jti": "1"});
    for (name, value) in [&shape.claims, &changes].into_iter().flat_map(|part| part.as_object().expect("an object")) {
        claims[name] = value.clone();
    }
    claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    signer.sign(&header, &claims)
}

#[tokio::test]
async fn the_tokens_of_each_provider_are_read() {
    let mut seen = std::collections::BTreeSet::new();
    for shape in shapes() {
        seen.insert(shape.preset);
        let preset = Preset::by_name(shape.preset).expect(shape.preset);
        let signer = Signer::new("key", shape.algorithm);
        let trusted = trusted(preset, &signer);
        let iss = trusted.issuer.to_string();
        let world = World::new(vec![trusted]);
        let verify = async |changes: Value| world.verify(&token(&signer, &shape, &iss, changes)).await;
        let principal = verify(json!({})).await.unwrap_or_else(|error| panic!("{}: {error}", shape.preset));
        let found = (principal.scopes.to_string(), principal.client_id.as_deref(), principal.email.as_deref());
        let (scopes, client, email) = shape.expected;
        assert_eq!(found, (scopes.to_owned(), client, email), "{}", shape.preset);
        // What else it signs: an ID token is for the client, and says how it was had.
        let id_token = json!({"aud": client, "nonce": "n", "scope": null, "scp": null});
        assert_eq!(verify(id_token).await.err(), Some(TokenError::Audience), "{}", shape.preset);
        assert_eq!(verify(json!({"at_hash": "x"})).await.err(), Some(TokenError::Type), "{}", shape.preset);
        assert_eq!(verify(json!({"aud": "another"})).await.err(), Some(TokenError::Audience), "{}", shape.preset);
        for said in ["nonce", "auth_time", "amr"] {
            let refused = verify(json!({ said: "x" })).await.err();
            let id_tokens_alike = shape.preset == "zitadel" || shape.preset == "entra" && said == "nonce";
            assert_eq!(refused, id_tokens_alike.then_some(TokenError::Form), "{}: {said}", shape.preset);
        }
        let session = verify(json!({"https://stytch.com/session": {"id": "session-1"}})).await.err();
        assert_eq!(session, (shape.preset == "stytch").then_some(TokenError::Form), "{}", shape.preset);
    }
    let google_has_none = Preset::ALL.len() - 1;
    assert_eq!(seen.len(), google_has_none);
}
