use super::*;

/// "attack at dawn", a newline, as `age` 1.1.1 encrypted it for the key that `age-keygen` wrote here.
const FILE: &[u8] = include_bytes!("../testdata/attack.age");
const IDENTITY: &str = "\
# created: 2026-11-24T15:40:01Z
# public key: age1hlaah269yce77zhdyasssztdhk32m3ddn0gdn6txcry93xjtr3aq2crxjx
AGE-SECRET-KEY-1C0Q9QH290XVP54MAA9A57FXZA3Q9RVWVNPMGN4TR90SRATUDUL6QC8T6UU
";
const RECIPIENT: &str = "age1hlaah269yce77zhdyasssztdhk32m3ddn0gdn6txcry93xjtr3aq2crxjx";
const STRANGER: &str = "age13ddz08t2g996t04av423t2fualvv59t9lc5cne78g87fuarhpvusenghws";

fn identities() -> Vec<Identity> {
    Identity::read_all(&Secret::from_text(IDENTITY.to_owned())).expect("an identity")
}

fn recipient(text: &str) -> Recipient {
    text.parse().expect("a recipient")
}

fn error(file: &[u8]) -> AgeError {
    decrypt(&identities(), file).expect_err("refused")
}

#[test]
fn opens_what_age_wrote() {
    assert_eq!(decrypt(&identities(), FILE).expect("opened").expose_text(), Some("attack at dawn\n"));
}

#[test]
fn opens_what_it_wrote_itself_at_every_length() {
    let (random, whole) = (Random::system(), 64 * 1024);
    for length in [0, 1, whole - 1, whole, whole + 1, 2 * whole, 2 * whole + 77] {
        let plain: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let file = encrypt(&[recipient(STRANGER), recipient(RECIPIENT)], &plain, &random).expect("encrypted");
        assert_eq!(decrypt(&identities(), &file).expect("opened").expose_secret(), plain, "{length}");
        // What ends where a chunk does is no whole file either.
        let begin = file.len() - length - 16 * length.div_ceil(whole).max(1);
        let cuts = [begin - 1, begin, begin + whole + 16, file.len() - 1];
        for cut in cuts.into_iter().filter(|cut| *cut < file.len()) {
            assert_eq!(error(&file[..cut]), AgeError::ContentChanged, "{length}, cut at {cut}");
        }
        assert_eq!(error(&[&file[..], b"x"].concat()), AgeError::ContentChanged, "{length}");
    }
    let file = encrypt(&[recipient(STRANGER)], b"", &random).expect("encrypted");
    assert_eq!(error(&file), AgeError::NoMatch);
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    for at in 0..FILE.len() {
        decrypt(&identities(), &FILE[..at]).expect_err("it is cut");
        for bit in 0..8 {
            let mut changed = FILE.to_vec();
            changed[at] ^= 1 << bit;
            decrypt(&identities(), &changed).expect_err("it is changed");
        }
    }
}

/// The header of [`FILE`] with one text in the place of another.
fn with(from: &str, to: &str) -> Vec<u8> {
    let end = FILE.windows(4).position(|part| part == b"--- ").expect("a MAC") + 48;
    let header = std::str::from_utf8(&FILE[..end]).expect("a text");
    assert!(header.contains(from), "{from}");
    [header.replacen(from, to, 1).as_bytes(), &FILE[end..]].concat()
}

#[test]
fn malformed_headers_are_refused() {
    let body = "+MbVI0E4rKz0D2otF18K7H5A6rDztJuyQRO36Q2G11Y\n";
    let mac = "--- 8L7C";
    for (from, to) in [
        ("-> X25519 ", "->X25519 "),
        ("-> X25519 ", "->  X25519 "),
        ("-> X25519 ", "-> X25519 a "),
        ("-> X25519 vS", "-> X25519 "),
        (body, ""),
        (body, "\n"),
        ("11Y\n", "11Z\n"),
        ("11Y\n", "11Y=\n"),
        ("11Y\n", "11Y\r\n"),
        (body, &format!("{}\n\n", "A".repeat(65))),
        (mac, "---8L7C"),
        (mac, "--- 8L7"),
        (mac, "--- 8L7CC"),
        (mac, "-- 8L7C"),
        (mac, &format!("{}{mac}", "-> X\n\n".repeat(256))),
    ] {
        assert_eq!(error(&with(from, to)), AgeError::Header, "{from:?} to {to:?}");
    }
    assert_eq!(error(b"age-encryption.org/v1\n--- 8L7CG3RVtZ84uQkxZCfuROCPckCbEbnp2uEt16Pqzqs\n"), AgeError::Header);
    assert_eq!(error(&with("/v1", "/v2")), AgeError::NotAge);
    assert_eq!(error(b""), AgeError::NotAge);
    assert_eq!(error(b"-----BEGIN AGE ENCRYPTED FILE-----\n"), AgeError::Armored);
}

#[test]
fn what_is_well_formed_and_not_as_it_was_written_is_refused() {
    for (from, to) in
        [("--- 8L7C", "--- 9L7C"), ("--- ", "-> grease a b\nAAAA\n--- "), ("-> X25519", "-> ssh-rsa x\n\n-> X25519")]
    {
        assert_eq!(error(&with(from, to)), AgeError::HeaderChanged, "{from:?} to {to:?}");
    }
    for (from, to) in [("-> X25519", "-> x25519"), ("-> X25519 vSbc", "-> X25519 wSbc"), ("+MbV", "-MbV")] {
        let expected = if to.starts_with("-M") { AgeError::Header } else { AgeError::NoMatch };
        assert_eq!(error(&with(from, to)), expected, "{from:?} to {to:?}");
    }
    // A share of small order: everybody knows what such a key agrees on.
    let share = "vSbctEO6IrCkmkCfZDLSJydF9WKslZ22a9wT9FPnjik";
    assert_eq!(error(&with(share, &"A".repeat(43))), AgeError::NoMatch);
}

#[test]
fn stanzas_of_other_kinds_are_for_others() {
    let random = Random::system();
    let mut file_key = FileKey::new([0; FILE_KEY_LEN]);
    random.fill(&mut *file_key).expect("random");
    let mut file = header::begin();
    header::push_stanza(&mut file, &["grease", "a", "~"], &[7; 48]);
    header::push_stanza(&mut file, &["empty"], &[]);
    let (share, body) = recipient(RECIPIENT).wrap(&file_key, &random).expect("wrapped");
    header::push_stanza(&mut file, &["X25519", &share], &body);
    header::push_stanza(&mut file, &["long"], &[8; 100]);
    header::finish(&mut file, |header| Ok(hmac::sign(&mac_key(&file_key)?, header))).expect("finished");
    stream::encrypt(&file_key, b"content", &random, &mut file).expect("encrypted");
    assert_eq!(decrypt(&identities(), &file).expect("opened").expose_secret(), b"content");
}

#[test]
fn identity_files_are_read_strictly() {
    let read = |text: &str| Identity::read_all(&Secret::from_text(text.to_owned())).map(|all| all.len());
    assert_eq!(read(&format!("{IDENTITY}\r\n{IDENTITY}")), Ok(2));
    assert_eq!(read("# nothing\n\n"), Err(InvalidIdentity::None));
    assert_eq!(read(&format!("#\n{RECIPIENT}\n")), Err(InvalidIdentity::Line(2)));
    assert_eq!(read(&IDENTITY.replace("C0Q9", "C0Q8")), Err(InvalidIdentity::Line(3)));
    assert_eq!(read("age-encryption.org/v1\n"), Err(InvalidIdentity::Encrypted));
    assert!(format!("{:?}", identities()).starts_with("[Identity"));
    let identity = IDENTITY.lines().last().expect("a line");
    let told = identity.parse::<Recipient>().expect_err("no recipient").to_string();
    assert!(!told.contains("AGE-SECRET-KEY"), "{told}");
}
