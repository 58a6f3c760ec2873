use proptest::prelude::*;
use serde_json::json;

use super::*;

fn verified(source: Source, json: &Value) -> Result<Metadata, MetadataError> {
    UnverifiedMetadata::parse(json.to_string().as_bytes())?.verify(source)
}

#[test]
fn cursors_mixed_list_is_taken_whole_and_mended() {
    let metadata = verified(
        Source::Registration,
        &json!({
            "client_name": "Cursor",
            "application_type": "web",
            "redirect_uris": [
                "cursor://anysphere.cursor-mcp/oauth/callback",
                "https://www.cursor.com/agents/mcp/oauth/callback",
                "http://localhost:8787/callback",
            ],
        }),
    )
    .expect("metadata");
    assert_eq!(metadata.redirect_uris.len(), 3);
    assert_eq!((metadata.auth_method, metadata.application_type), (AuthMethod::None, "native"));
    assert_eq!(metadata.notes.len(), 2);
}

#[test]
fn without_a_method_the_rfcs_default_holds() {
    let metadata =
        verified(Source::Registration, &json!({"redirect_uris": ["https://a.example/cb"]})).expect("metadata");
    assert_eq!(metadata.auth_method, AuthMethod::ClientSecretBasic);
    assert_eq!(metadata.grant_types, ["authorization_code"]);
}

#[test]
fn a_documents_method_is_chosen_from_its_list() {
    let document = |extra: Value| {
        let mut document = json!({"redirect_uris": ["https://a.example/cb"]});
        document.as_object_mut().expect("object").extend(extra.as_object().expect("object").clone());
        verified(Source::Document, &document).map(|metadata| metadata.auth_method)
    };
    let both = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
    });
    assert_eq!(document(both), Ok(AuthMethod::None));
    assert_eq!(document(json!({})), Ok(AuthMethod::None));
    for method in ["private_key_jwt", "client_secret_basic"] {
        assert_eq!(document(json!({"token_endpoint_auth_method": method})), Err(MetadataError::AuthMethod));
    }
}

#[test]
fn what_cannot_be_served_is_refused_by_its_code() {
    let code = |json: Value| verified(Source::Registration, &json).expect_err("refused").code();
    assert_eq!(code(json!({})), "invalid_redirect_uri");
    assert_eq!(code(json!({"redirect_uris": ["https://a.example/cb", "javascript:x"]})), "invalid_redirect_uri");
    let with = |name: &str, value: Value| json!({"redirect_uris": ["https://a.example/cb"], name: value});
    for (name, value) in [
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("grant_types", json!(["client_credentials"])),
        ("response_types", json!(["token"])),
        ("client_name", json!(7)),
    ] {
        assert_eq!(code(with(name, value)), "invalid_client_metadata", "{name}");
    }
}

#[test]
fn what_is_kept_is_bounded_whatever_was_sent() {
    let with = |name: &str, value: Value| {
        verified(Source::Registration, &json!({"redirect_uris": ["https://a.example/cb"], name: value}))
    };
    let repeated = with("grant_types", json!(vec!["authorization_code"; 9000])).expect("metadata");
    assert_eq!(repeated.grant_types, ["authorization_code"]);
    let many: Vec<_> = (0..9000).map(|number| number.to_string()).collect();
    assert_eq!(with("scope", json!(many.join(" "))).expect("metadata").scope, None);
    let long: Vec<_> = (0..9).map(|number| format!("https://a.example/{number}/{}", "x".repeat(1000))).collect();
    assert_eq!(with("redirect_uris", json!(long)).expect_err("refused"), MetadataError::RedirectUris);
}

#[test]
fn names_cannot_hide_text() {
    assert_eq!(shown_name(" Cl\u{202E}aude\n ").as_deref(), Some("Claude"));
    for hidden in ['\u{200B}', '\u{61C}', '\u{AD}', '\u{3164}', '\u{E0041}', '\u{FE0F}'] {
        assert_eq!(shown_name(&hidden.to_string()), None, "{hidden:?}");
    }
}

const MEMBERS: [&str; 12] = [
    "client_id",
    "client_secret",
    "redirect_uris",
    "token_endpoint_auth_method",
    "token_endpoint_auth_methods_supported",
    "grant_types",
    "response_types",
    "client_name",
    "application_type",
    "scope",
    "client_uri",
    "jwks",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{0,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Values that a member may have, and some that it may not.
fn value_of(member: &'static str) -> BoxedStrategy<Value> {
    let list = |item: &'static str| prop::collection::vec(item, 0..5).prop_map(Value::from).boxed();
    let good = match member {
        "redirect_uris" => prop::collection::vec(
            "(https://a\\.example/|http://localhost:5/|com\\.example:/|cursor://)[a-z?=]{0,5}",
            0..40,
        )
        .prop_map(Value::from)
        .boxed(),
        "grant_types" => list("(authorization_code|refresh_token|implicit|[a-z]{0,3})"),
        "response_types" => list("(code|token|[a-z]{0,3})"),
        "token_endpoint_auth_methods_supported" => list("(none|private_key_jwt|client_secret_basic)"),
        "token_endpoint_auth_method" => {
            "(none|client_secret_(basic|post)|private_key_jwt)".prop_map(Value::from).boxed()
        }
        "application_type" => "(web|native|[a-z]{0,3})".prop_map(Value::from).boxed(),
        _ => "[\u{0}-\u{2100}]{0,150}".prop_map(Value::from).boxed(),
    };
    prop_oneof![9 => good, 1 => any_json()].boxed()
}

fn any_metadata() -> impl Strategy<Value = Value> {
    let members = prop::sample::subsequence(MEMBERS.to_vec(), 0..=MEMBERS.len());
    members.prop_flat_map(|names| {
        let values: Vec<_> = names.iter().map(|name| value_of(name)).collect();
        values.prop_map(move |values| names.iter().map(|name| (*name).to_owned()).zip(values).collect())
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
        let is_object = bytes.trim_ascii().first() == Some(&b'{');
        prop_assert!(UnverifiedMetadata::parse(&bytes).is_err() || is_object);
    }

    #[test]
    fn only_objects_are_taken(json in any_json()) {
        prop_assert!(json.is_object() || UnverifiedMetadata::parse(json.to_string().as_bytes()).is_err());
    }

    #[test]
    fn what_is_taken_is_within_bounds(json in any_metadata(), document in any::<bool>()) {
        let source = if document { Source::Document } else { Source::Registration };
        let Ok(metadata) = verified(source, &json) else { return Ok(()) };
        prop_assert!((1..=MAX_REDIRECT_URIS).contains(&metadata.redirect_uris.len()));
        prop_assert!(metadata.scope.is_none_or(|scope| scope.to_string().len() <= MAX_SCOPE_BYTES));
        let uris: Vec<_> = metadata.redirect_uris.iter().map(|uri| Value::from(uri.as_str())).collect();
        prop_assert_eq!(&json["redirect_uris"], &Value::from(uris));
        prop_assert!(!document || metadata.auth_method == AuthMethod::None);
        prop_assert_eq!(&metadata.grant_types[0], "authorization_code");
        prop_assert!(metadata.grant_types.len() <= 2);
        if let Some(name) = &metadata.name {
            prop_assert!(!name.is_empty() && name.chars().count() <= MAX_NAME_CHARS && name.trim() == name);
            prop_assert!(!name.chars().any(is_hidden));
        }
        prop_assert!(metadata.links.values().all(|link| link.as_str().is_some_and(|link| link.len() <= 2048)));
    }

    #[test]
    fn members_of_another_type_are_refused(at in 2..10_usize, value in any_json()) {
        let member = MEMBERS[at];
        let list = matches!(member, "redirect_uris" | "grant_types" | "response_types" | "token_endpoint_auth_methods_supported");
        let texts = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        let fits = if list { texts(&value) } else { value.is_string() };
        if fits || value.is_null() {
            return Ok(());
        }
        let mut metadata = json!({"redirect_uris": ["https://a.example/cb"]});
        metadata[member] = value;
        for source in [Source::Registration, Source::Document] {
            prop_assert!(matches!(verified(source, &metadata), Err(MetadataError::Malformed(_))), "{}", member);
        }
    }
}
