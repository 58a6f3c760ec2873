//! Answers in the shapes of Infisical's source, old and new, and shapes that are none.

use super::*;

/// As `/api/v3/secrets/raw/NAME` answers.
const GOT: &str = r#"{"secret":{"id":"8a1c9f6e-0000-4000-8000-000000000001","_id":"8a1c9f6e-0000-4000-8000-000000000001",
    "workspace":"64a1","environment":"prod","version":3,"type":"shared","secretKey":"api_token","secretValue":"v\u00e4lue",
    "secretComment":"","secretReminderNote":null,"secretReminderRepeatDays":null,"skipMultilineEncoding":false,
    "createdAt":"2026-01-02T03:04:05.678Z","updatedAt":"2026-02-02T03:04:05.678Z",
    "actor":{"actorId":"1","actorType":"identity","name":"keyward","membershipId":null,"groupId":null},
    "isRotatedSecret":false,"rotationId":null,"secretValueHidden":false,"secretPath":"/coda","tags":[],
    "secretMetadata":[{"key":"keyward.label.team","value":"data","isEncrypted":false},{"key":"x","value":"y","isEncrypted":true}]}}"#;

fn one(body: &str) -> SecretAnswer {
    parse::<One>(body.as_bytes()).expect("an answer").secret
}

#[test]
fn a_secret_is_read() {
    let secret = one(GOT);
    assert_eq!((secret.secret_key.as_str(), secret.version), ("api_token", 3));
    assert_eq!(secret.secret_value.expose_text(), Some("välue"));
    assert_eq!(secret.secret_path.as_deref(), Some("/coda"));
    assert_eq!(secret.created_at.map(|at| at.to_string()).as_deref(), Some("2026-01-02T03:04:05.678000Z"));
    assert!(!secret.secret_value_hidden);
    let keys: Vec<_> = secret.secret_metadata.iter().map(|entry| (entry.key.as_str(), entry.is_encrypted)).collect();
    assert_eq!(keys, [("keyward.label.team", false), ("x", true)]);
    assert!(!format!("{secret:?}").contains("äl"), "a value is never printed");
}

#[test]
fn what_may_be_missing_or_null_may_be() {
    let least = r#"{"secret":{"id":"1","secretKey":"k","secretValue":"v","version":1"#;
    for more in [
        "",
        r#","secretMetadata":null,"secretValueHidden":null,"createdAt":null,"secretPath":null"#,
        r#","secretMetadata":{"key":"value"},"createdAt":"yesterday","secretValueHidden":"no""#,
        r#","secretMetadata":[{"key":7}],"another":{"deep":[1,2,3]}"#,
    ] {
        let secret = one(&format!("{least}{more}}},\"more\":1}}"));
        assert_eq!((secret.version, secret.secret_metadata.len(), secret.created_at), (1, 0, None), "{more}");
    }
}

#[test]
fn an_approval_is_told_from_a_change() {
    let done = parse::<Changed>(GOT.as_bytes()).expect("done");
    assert!(matches!(done, Changed::Done { secret: Version { version: 3 } }));
    let asked = parse::<Changed>(br#"{"approval":{"id":"1","status":"open","slug":"x"}}"#).expect("asked");
    assert!(matches!(asked, Changed::NeedsApproval { .. }));
    parse::<Changed>(b"{}").expect_err("neither");
}

#[test]
fn errors_are_read_in_all_their_shapes() {
    let of = |body: &str| {
        let error = ErrorAnswer::parse(body.as_bytes());
        (error.error.clone(), error.told())
    };
    let folder =
        r#"{"reqId":"req-1","statusCode":404,"message":"Folder with path '/x' not found","error":"GetSecretByName"}"#;
    assert_eq!(of(folder).0, "GetSecretByName");
    let ended = r#"{"reqId":"req-2","statusCode":403,"message":"Your token has expired. Please re-authenticate.","error":"TokenError"}"#;
    assert_eq!(of(ended).0, "TokenError");
    let issues =
        r#"{"reqId":"r","statusCode":422,"error":"ValidationFailure","message":[{"code":"x","received":"s3cret"}]}"#;
    assert_eq!(of(issues), ("ValidationFailure".to_owned(), "it gives no reason".to_owned()));
    assert_eq!(of("<html>502</html>").1, "it gives no reason");
    let long = format!(r#"{{"message":"a\u001b[31m{}"}}"#, "b".repeat(500));
    let told = of(&long).1;
    assert!(told.starts_with("a\\u{1b}[31mb") && told.len() < 250, "{told}");
}

#[test]
fn what_is_no_answer_is_refused() {
    for bad in ["", "null", "[]", "{}", "<html>", r#"{"secret":null}"#, r#"{"secret":{"id":"1"}}"#, "\u{feff}{}"] {
        assert_eq!(parse::<One>(bad.as_bytes()).err(), Some(InvalidAnswer), "{bad}");
    }
    parse::<AccessToken>(br#"{"accessToken":"t"}"#).expect_err("without an end it cannot be renewed in time");
    let token: AccessToken =
        parse(br#"{"accessToken":"t","expiresIn":7200,"accessTokenMaxTTL":43200,"tokenType":"Bearer"}"#)
            .expect("a token");
    assert_eq!((token.access_token.expose_text(), token.expires_in), (Some("t"), 7_200));
}
