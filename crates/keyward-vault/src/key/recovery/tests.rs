use super::*;

fn recovery() -> Recovery {
    let random = Random::system();
    let key = |at| (KeyId::from_bytes([at; 6]), DataKey::generate(&random).expect("a key"));
    let root = RootKey::generate(&random, "a test").expect("a root key");
    Recovery::new([key(1), key(2)].into_iter().collect(), Some(root))
}

#[test]
fn its_text_is_read_again() {
    let recovery = recovery();
    let text = recovery.to_text();
    let again = Recovery::parse(&text).expect("its own text");
    assert!(again.to_text().equals_in_constant_time(&text));
    assert_eq!((again.len(), again.root_key().map(RootKey::id)), (2, recovery.root_key().map(RootKey::id)));
    assert_eq!(format!("{recovery:?}"), "Recovery(2 data keys)");
    let without = Recovery::new(BTreeMap::new(), None);
    let without = Recovery::parse(&without.to_text()).expect("its own text");
    assert!(without.is_empty() && without.root_key().is_none());
}

#[test]
fn other_texts_are_refused() {
    let error = |text: &str| Recovery::parse(&Secret::from_text(text.to_owned())).expect_err("refused");
    let key = "A".repeat(43);
    for text in ["", "\n# only this\n", "data-key:dk_0123456789ab:", "keyward-root-key:1:a:b", "keyward-recovery"] {
        assert_eq!(error(text), RecoveryError::NotARecovery, "{text}");
    }
    assert_eq!(error("keyward-recovery:2\n"), RecoveryError::UnknownVersion);
    for (line, at) in [
        (format!("data-key:dk_0123456789ab:{}", &key[1..]), 2),
        (format!("data-key:dk_0123456789ab:{key}A"), 2),
        (format!("data-key:dk_0123456789AB:{key}"), 2),
        (format!("data-key:dk_0123456789ab:{}B", &key[1..]), 2),
        ("something else".to_owned(), 2),
        (format!("data-key:dk_0123456789ab:{key}\ndata-key:dk_0123456789ab:{key}"), 3),
    ] {
        assert_eq!(error(&format!("keyward-recovery:1\n{line}\n")), RecoveryError::Line(at), "{line}");
    }
    let root = "keyward-root-key:1:e42a1dc3ec3a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(error(&format!("keyward-recovery:1\n{root}\n{root}\n")), RecoveryError::Line(3));
    let cut = error(&format!("keyward-recovery:1\n{}\n", &root[..40]));
    assert_eq!(cut, RecoveryError::RootKey(InvalidRootKey::Key));
}
