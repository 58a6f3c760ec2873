//! Issuers elsewhere, each with its own way to write claims.

use serde_json::{Value, json};

use super::*;
use crate::testing::claims;
use crate::{Account, Accounts, AudienceRule, ClaimMap, EmailRule, ListedAudience, NamedClaim, TokenForm};

fn elsewhere(signer: &Signer) -> TrustedIssuer {
    TrustedIssuer::of(ISSUER, issuer(ISSUER, &[signer]).keys)
}

fn with_claims(signer: &Signer, claims: ClaimMap) -> World {
    World::new(vec![TrustedIssuer { claims, ..elsewhere(signer) }])
}

/// A good token with some claims changed; `null` takes one out.
fn token(signer: &Signer, changes: Value) -> String {
    let mut all = claims();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(all.as_object_mut().expect("an object").remove(name)),
            value => all[name] = value.clone(),
        }
    }
    signer.sign(&signer.header(), &all)
}

#[tokio::test]
async fn a_listed_audience_is_for_its_resources_only() {
    let signer = es256();
    let listed = |audience: &str, resources: &[&str]| ListedAudience {
        audience: audience.into(),
        resources: resources.iter().map(|&resource| resource.into()).collect(),
    };
    let audience = AudienceRule {
        listed: vec![
            listed("project", &[RESOURCE]),
            listed("other", &[OTHER_RESOURCE]),
            listed("both", &[RESOURCE, OTHER_RESOURCE]),
        ],
    };
    let world = World::new(vec![TrustedIssuer { audience, ..elsewhere(&signer) }]);
    let other = protected(OTHER_RESOURCE);
    for (aud, here, there) in [
        (json!("project"), true, false),
        (json!(["client", "project"]), true, false),
        (json!("other"), false, true),
        (json!(["both"]), true, true),
        (json!(RESOURCE), true, false),
        (json!([OTHER_RESOURCE]), false, true),
        (json!("Project"), false, false),
        (json!("projec"), false, false),
        (json!(""), false, false),
        (json!([]), false, false),
    ] {
        let token = token(&signer, json!({ "aud": aud }));
        let outcome = |good| if good { None } else { Some(TokenError::Audience) };
        assert_eq!(world.verify(&token).await.err(), outcome(here), "{aud}");
        assert_eq!(world.verifier.verify(&token, &other).await.err(), outcome(there), "{aud}");
    }
}

#[tokio::test]
async fn an_issuer_may_be_taken_for_some_resources_only() {
    let signer = es256();
    let resources = Some(vec![OTHER_RESOURCE.into()]);
    let world = World::new(vec![TrustedIssuer { resources, ..elsewhere(&signer) }]);
    assert_eq!(world.verify(&signer.token()).await, Err(TokenError::Issuer));
    let token = token(&signer, json!({ "aud": OTHER_RESOURCE }));
    assert!(world.verifier.verify(&token, &protected(OTHER_RESOURCE)).await.is_ok());
}

#[tokio::test]
async fn scopes_roles_and_groups_from_the_claims_that_are_named() {
    let signer = es256();
    let named = |claim: &str, prefix: &str| NamedClaim { claim: claim.parse().expect(claim), prefix: prefix.into() };
    let world = with_claims(
        &signer,
        ClaimMap {
            scopes: vec!["scope".parse().expect("a path"), "permissions".parse().expect("a path")],
            scope_prefix: Some("api://app/".into()),
            named: vec![named("/realm_access/roles", "role:"), named("groups", "group:"), named("urn:roles", "r/")],
            ..ClaimMap::default()
        },
    );
    let token = token(
        &signer,
        json!({
            "scope": "read api://app/write", "scp": "not-this", "permissions": ["delete", 7, "a b"],
            "realm_access": {"roles": ["admin", "role:admin", "with space", ""]}, "groups": "staff",
            "urn:roles": {"owner": {"org": "x"}},
        }),
    );
    let principal = world.verify(&token).await.expect("a principal");
    assert_eq!(
        principal.scopes.to_string(),
        "api://app/a api://app/b api://app/delete api://app/read api://app/write group:staff r/owner role:admin role:role:admin"
    );
}

#[tokio::test]
async fn a_wanted_claim_that_is_there_twice_is_refused() {
    let signer = es256();
    let named = NamedClaim { claim: "roles".parse().expect("a path"), prefix: "role:".into() };
    let world = with_claims(&signer, ClaimMap { named: vec![named], ..ClaimMap::default() });
    for (name, outcome) in
        [("roles", Some(TokenError::Claims)), ("\\u0072oles", Some(TokenError::Claims)), ("others", None)]
    {
        let mut text = claims().to_string();
        text.truncate(text.len() - 1);
        text.push_str(&format!(r#","roles":["a"],"{name}":["admin"]}}"#));
        let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
        let input = format!("{}.{}", crate::testing::part(&signer.header()), encode(&text));
        let signature = signer.signature(Algorithm::Es256, input.as_bytes());
        let signature = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature);
        assert_eq!(world.verify(&format!("{input}.{signature}")).await.err(), outcome, "{name}");
    }
}

#[tokio::test]
async fn a_token_has_one_of_the_forms() {
    const SESSION: &str = "https://stytch.com/session";
    let signer = es256();
    let access = TokenForm { required: vec!["scope".into(), "client_id".into()], refused: vec![SESSION.into()] };
    let session = TokenForm { required: vec![SESSION.into()], refused: Vec::new() };
    let strict = with_claims(&signer, ClaimMap { forms: vec![access.clone()], ..ClaimMap::default() });
    let wide = with_claims(&signer, ClaimMap { forms: vec![access, session], ..ClaimMap::default() });
    for (changes, strictly, widely) in [
        (json!({}), true, true),
        (json!({"scope": null}), false, false),
        (json!({"client_id": null}), false, false),
        (json!({SESSION: {"id": "s"}}), false, true),
        (json!({SESSION: {"id": "s"}, "scope": null, "client_id": null}), false, true),
    ] {
        let token = token(&signer, changes.clone());
        let outcome = |good| if good { None } else { Some(TokenError::Form) };
        assert_eq!(strict.verify(&token).await.err(), outcome(strictly), "{changes}");
        assert_eq!(wide.verify(&token).await.err(), outcome(widely), "{changes}");
    }
    // A claim that is `null` is there, to refuse it, and says nothing, to require it.
    let mut null = claims();
    null[SESSION] = Value::Null;
    let null = signer.sign(&signer.header(), &null);
    assert_eq!(strict.verify(&null).await, Err(TokenError::Form));
    assert_eq!(wide.verify(&null).await, Err(TokenError::Form));
}

#[tokio::test]
async fn what_issuers_sign_besides_access_tokens_is_refused() {
    let signer = es256();
    let tolerant = TrustedIssuer { type_rule: TypeRule::Tolerant, ..elsewhere(&signer) };
    let world = World::new(vec![tolerant]);
    for changes in [json!({"at_hash": "x"}), json!({"events": {}}), json!({"at_hash": false})] {
        assert_eq!(world.verify(&token(&signer, changes.clone())).await, Err(TokenError::Type), "{changes}");
    }
}

#[tokio::test]
async fn an_email_is_believed_by_the_rule_of_its_issuer() {
    let signer = es256();
    let path = |text: &str| text.parse().expect(text);
    let rule = |email_rule| ClaimMap { email_rule, ..ClaimMap::default() };
    let own_claims = ClaimMap {
        email: Some(path("https://x/email")),
        email_verified: Some(path("xms_edov")),
        ..rule(EmailRule::Verified)
    };
    let cases = [
        (rule(EmailRule::Never), json!({"email_verified": true}), None),
        (rule(EmailRule::Always), json!({"email_verified": false}), Some("A@b.example")),
        (rule(EmailRule::Verified), json!({}), None),
        (rule(EmailRule::Verified), json!({"email_verified": false}), None),
        (rule(EmailRule::Verified), json!({"email_verified": "false"}), None),
        (rule(EmailRule::Verified), json!({"email_verified": 1}), None),
        (rule(EmailRule::Verified), json!({"email_verified": ["true"]}), None),
        (rule(EmailRule::Verified), json!({"email_verified": true}), Some("A@b.example")),
        (rule(EmailRule::Verified), json!({"email_verified": "true"}), Some("A@b.example")),
        (own_claims.clone(), json!({"email_verified": true, "https://x/email": "c@d.example"}), None),
        (own_claims.clone(), json!({"xms_edov": "1", "https://x/email": "c@d.example"}), Some("c@d.example")),
        (own_claims.clone(), json!({"xms_edov": 1, "https://x/email": "c@d.example"}), Some("c@d.example")),
        (own_claims, json!({"xms_edov": true}), None),
    ];
    for (map, mut changes, expected) in cases {
        changes["email"] = "A@b.example".into();
        let world = with_claims(&signer, map);
        let principal = world.verify(&token(&signer, changes.clone())).await.expect("a principal");
        assert_eq!(principal.email.as_deref(), expected, "{changes}");
    }
}

#[tokio::test]
async fn an_account_is_found_by_a_verified_email_where_that_is_switched_on() {
    let signer = es256();
    let account = "0190b0a0-0000-7000-8000-000000000001";
    let accounts = Accounts::default();
    let world = |accounts_by_email| {
        World::with(VerifierConfig {
            issuers: vec![TrustedIssuer { accounts_by_email, ..elsewhere(&signer) }],
            accounts: accounts.clone(),
            ..VerifierConfig::default()
        })
    };
    let (on, off) = (world(true), world(false));
    let verified = token(&signer, json!({"email": "Ada@Example.com", "email_verified": true, "sub": account}));
    let typed = token(&signer, json!({"email": "ada@example.com"}));
    let user = async |world: &World, token: &str| world.verify(token).await.expect("a principal").user_id;
    assert_eq!(user(&on, &verified).await, None);
    // The change is seen by tokens that were verified before.
    accounts.replace([("ada@example.com".to_owned(), Account::Open(account.parse().expect("an id")))]);
    assert_eq!(user(&on, &verified).await.map(|id| id.to_string()).as_deref(), Some(account));
    assert_eq!(user(&on, &typed).await, None);
    assert_eq!(user(&off, &verified).await, None, "not by `sub` either, which is another's name for them");
    accounts.replace([]);
    assert_eq!(user(&on, &verified).await, None);
}

#[tokio::test]
async fn whose_account_is_closed_is_kept_out_where_accounts_are_found() {
    let signer = es256();
    let accounts = Accounts::default();
    let world = |accounts_by_email| {
        World::with(VerifierConfig {
            issuers: vec![TrustedIssuer { accounts_by_email, ..elsewhere(&signer) }],
            accounts: accounts.clone(),
            ..VerifierConfig::default()
        })
    };
    let (on, off) = (world(true), world(false));
    let ada = token(&signer, json!({"email": "ada@example.com", "email_verified": true}));
    let open = Account::Open("0190b0a0-0000-7000-8000-000000000001".parse().expect("an id"));
    accounts.replace([("ada@example.com".to_owned(), open)]);
    assert!(on.verify(&ada).await.is_ok());
    accounts.replace([("ada@example.com".to_owned(), Account::Closed)]);
    assert_eq!(on.verify(&ada).await, Err(TokenError::Revoked), "although the token was good before");
    assert!(off.verify(&ada).await.is_ok());
    accounts.replace([("ada@example.com".to_owned(), open)]);
    assert!(on.verify(&ada).await.is_ok(), "the refusal is not remembered");
}

#[tokio::test]
async fn an_address_with_another_letter_is_another_address() {
    let signer = es256();
    let accounts = Accounts::default();
    let id = "0190b0a0-0000-7000-8000-000000000001".parse().expect("an id");
    accounts.replace([("mark@example.com".to_owned(), Account::Open(id))]);
    let world = World::with(VerifierConfig {
        issuers: vec![TrustedIssuer { accounts_by_email: true, ..elsewhere(&signer) }],
        accounts,
        ..VerifierConfig::default()
    });
    // U+212A, the sign for kelvin, is `k` to Unicode's lower case.
    for (email, found) in [("MARK@example.com", true), ("mar\u{212a}@example.com", false)] {
        let token = token(&signer, json!({"email": email, "email_verified": true}));
        let user = world.verify(&token).await.expect("a principal").user_id;
        assert_eq!(user.is_some(), found, "{email}");
    }
}
