//! The encoding may never drift: old logs must verify. The vectors were computed apart from this code.

use keyward_core::clock::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Content, GENESIS, Hash};

fn id(from: u8) -> Uuid {
    Uuid::from_bytes(std::array::from_fn(|index| from + u8::try_from(index).expect("small")))
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn golden_vectors() {
    let first = Content {
        seq: 1,
        id: id(0),
        at: Timestamp::from_micros(1_700_000_000_000_001),
        action: "start",
        result: "ok",
        service_id: None,
        token_key: None,
        user_email: None,
        client_id: None,
        request_id: None,
        detail: None,
    };
    let hash = first.link(&GENESIS);
    assert_eq!(hex(&hash), "fcbdcc13b2bfb6251a01e4ef79de197d6dc4b7f8c778362067e4d87b1c314dcd");
    let second = Content {
        seq: 2,
        id: id(16),
        at: Timestamp::from_micros(-1),
        action: "call",
        result: "denied",
        service_id: Some("coda"),
        token_key: Some("api_token"),
        user_email: Some("ä@example.com"),
        client_id: Some(""),
        request_id: Some(id(32)),
        detail: Some("{\"a\":1}"),
    };
    assert_eq!(hex(&second.link(&hash)), "e02fd244db2ac55fa65ce72757aefc2486dae9e98c4a5d71153b3ccaaba6bafd");
}

/// What a record may hold, small and alike enough that two of them are nearly the same.
type Fields = (i64, u8, i64, Vec<Option<String>>, Option<u8>);

fn fields() -> impl Strategy<Value = Fields> {
    let text = proptest::option::of("[a\u{0}\u{1}]{0,3}");
    (0..3_i64, 0..3_u8, 0..3_i64, proptest::collection::vec(text, 7), proptest::option::of(0..2_u8))
}

fn hash((seq, uuid, at, texts, request_id): &Fields) -> Hash {
    let text = |index: usize| texts[index].as_deref();
    Content {
        seq: *seq,
        id: id(*uuid),
        at: Timestamp::from_micros(*at),
        action: text(0).unwrap_or("x"),
        result: text(1).unwrap_or("x"),
        service_id: text(2),
        token_key: text(3),
        user_email: text(4),
        client_id: text(5),
        request_id: request_id.map(id),
        detail: text(6),
    }
    .link(&GENESIS)
}

proptest! {
    #[test]
    fn no_two_records_encode_alike(a in fields(), b in fields()) {
        prop_assert_eq!(hash(&a) == hash(&b), a == b);
    }

    #[test]
    fn a_text_that_moves_to_the_next_field_is_another_record(
        before in fields(), from in 2..6_usize, cut in 0..3_usize
    ) {
        let mut after = before.clone();
        if let Some(text) = before.3[from].clone().filter(|text| text.len() > cut && text.is_char_boundary(cut)) {
            let (kept, moved) = text.split_at(cut);
            after.3[from] = Some(kept.to_owned());
            after.3[from + 1] = Some(moved.to_owned() + before.3[from + 1].as_deref().unwrap_or_default());
        }
        prop_assert_eq!(hash(&before) == hash(&after), before == after);
    }
}
