//! The header: a line with the version, a stanza for each recipient, and a MAC over all of it.

use aws_lc_rs::hmac::Tag;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::AgeError;
use crate::seal::SealFailed;

const VERSION: &str = "age-encryption.org/v1";
/// Of the lines of a stanza's body; a shorter one ends it.
const LINE_LEN: usize = 64;
/// Far more than one file is ever for; each costs an agreement.
const MAX_STANZAS: usize = 256;
const MAC_LEN: usize = 32;

/// A header, not authenticated yet.
pub(super) struct Header<'a> {
    pub(super) stanzas: Vec<Stanza<'a>>,
    /// What the MAC is over.
    pub(super) authenticated: &'a [u8],
    pub(super) mac: [u8; MAC_LEN],
    /// What comes after the header.
    pub(super) content: &'a [u8],
}

/// What a header holds for a recipient.
pub(super) struct Stanza<'a> {
    /// The first says of which kind it is.
    pub(super) arguments: Vec<&'a str>,
    pub(super) body: Vec<u8>,
}

impl<'a> Header<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, AgeError> {
        let mut rest = file;
        if next_line(&mut rest) != Some(VERSION) {
            return Err(AgeError::NotAge);
        }
        let mut stanzas = Vec::new();
        loop {
            let begun = file.len() - rest.len();
            let line = next_line(&mut rest).ok_or(AgeError::Header)?;
            if let Some(mac) = line.strip_prefix("--- ") {
                let mac = base64(mac).and_then(|mac| mac.try_into().ok()).filter(|_| !stanzas.is_empty());
                let authenticated = &file[..begun + "---".len()];
                return Ok(Self { stanzas, authenticated, mac: mac.ok_or(AgeError::Header)?, content: rest });
            }
            if stanzas.len() == MAX_STANZAS {
                return Err(AgeError::Header);
            }
            stanzas.push(stanza(line, &mut rest).ok_or(AgeError::Header)?);
        }
    }
}

fn stanza<'a>(line: &'a str, rest: &mut &'a [u8]) -> Option<Stanza<'a>> {
    let arguments: Vec<&str> = line.strip_prefix("-> ")?.split(' ').collect();
    if arguments.iter().any(|argument| argument.is_empty()) {
        return None;
    }
    let mut body = Vec::new();
    loop {
        let line = next_line(rest).filter(|line| line.len() <= LINE_LEN)?;
        body.extend(base64(line)?);
        if line.len() < LINE_LEN {
            return Some(Stanza { arguments, body });
        }
    }
}

/// Takes a line of printable ASCII off.
fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.iter().position(|byte| !(b' '..=b'~').contains(byte)).filter(|at| rest[*at] == b'\n')?;
    let line = std::str::from_utf8(&rest[..end]).ok()?;
    *rest = &rest[end + 1..];
    Some(line)
}

/// Canonical and without padding, as the format asks.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}

pub(super) fn begin() -> Vec<u8> {
    format!("{VERSION}\n").into_bytes()
}

pub(super) fn push_stanza(header: &mut Vec<u8>, arguments: &[&str], body: &[u8]) {
    header.extend_from_slice(format!("-> {}\n", arguments.join(" ")).as_bytes());
    let body = STANDARD_NO_PAD.encode(body);
    for line in body.as_bytes().chunks(LINE_LEN) {
        header.extend_from_slice(line);
        header.push(b'\n');
    }
    if body.len().is_multiple_of(LINE_LEN) {
        header.push(b'\n');
    }
}

pub(super) fn finish(
    header: &mut Vec<u8>,
    mac: impl FnOnce(&[u8]) -> Result<Tag, SealFailed>,
) -> Result<(), SealFailed> {
    header.extend_from_slice(b"---");
    let mac = STANDARD_NO_PAD.encode(mac(header)?);
    header.extend_from_slice(format!(" {mac}\n").as_bytes());
    Ok(())
}
