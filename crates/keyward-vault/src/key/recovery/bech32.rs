//! Bech32 (BIP 173), as age writes keys: without its limit of 90 characters.

use zeroize::Zeroizing;

const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM_LEN: usize = 6;

/// The 32 bytes that `text` holds under the human-readable part `prefix`, which is in lower case; `None` when it does not.
/// Either all of it is in lower case or all in upper case.
pub(super) fn decode(prefix: &str, text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mixed = text.bytes().any(|b| b.is_ascii_lowercase()) && text.bytes().any(|b| b.is_ascii_uppercase());
    let (said, data) = text.rsplit_once('1').filter(|_| !mixed)?;
    if !said.eq_ignore_ascii_case(prefix) {
        return None;
    }
    let mut values = Zeroizing::new(Vec::with_capacity(data.len()));
    for byte in data.bytes() {
        values.push(CHARSET.iter().position(|known| *known == byte.to_ascii_lowercase())? as u8);
    }
    if checksum(prefix, &values) != 1 {
        return None;
    }
    bytes_of(values.get(..values.len().checked_sub(CHECKSUM_LEN)?)?)
}

/// Regroups five bits a value to eight; what is left over must be less than a value, and zero.
fn bytes_of(values: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    let mut free = bytes.iter_mut();
    let mut pending = Zeroizing::new(0_u32);
    let mut bits = 0;
    for value in values {
        *pending = (*pending << 5) | u32::from(*value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *free.next()? = (*pending >> bits) as u8;
            *pending &= (1 << bits) - 1;
        }
    }
    (free.next().is_none() && bits < 5 && *pending == 0).then_some(bytes)
}

fn checksum(prefix: &str, values: &[u8]) -> u32 {
    let high = prefix.bytes().map(|b| b >> 5);
    let low = prefix.bytes().map(|b| b & 31);
    high.chain([0]).chain(low).chain(values.iter().copied()).fold(1, |sum: u32, value| {
        let generators = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let shifted = ((sum & 0x1ff_ffff) << 5) ^ u32::from(value);
        let top = sum >> 25;
        generators.iter().enumerate().fold(
            shifted,
            |sum, (bit, generator)| {
                if top >> bit & 1 == 1 { sum ^ generator } else { sum }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Of age-keygen.
    const RECIPIENT: &str = "age1hlaah269yce77zhdyasssztdhk32m3ddn0gdn6txcry93xjtr3aq2crxjx";

    #[test]
    fn one_changed_character_is_seen() {
        assert!(decode("age", RECIPIENT).is_some());
        assert!(decode("age", &RECIPIENT.to_uppercase()).is_some());
        for at in 0..RECIPIENT.len() {
            for other in ["q", "1", "Q", "b", "é"] {
                let mut changed = RECIPIENT.to_owned();
                changed.replace_range(at..=at, other);
                assert!(changed == RECIPIENT || decode("age", &changed).is_none(), "{changed}");
            }
            assert!(decode("age", &RECIPIENT[..at]).is_none());
        }
        assert!(decode("age-secret-key-", RECIPIENT).is_none());
    }

    /// Valid strings of BIP 173 that hold other than 32 bytes.
    #[test]
    fn other_lengths_are_refused() {
        for (prefix, text) in
            [("a", "A12UEL5L"), ("?", "?1ezyfcl"), ("abcdef", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw")]
        {
            let values: Vec<u8> = text
                .rsplit_once('1')
                .expect("data")
                .1
                .bytes()
                .map(|b| CHARSET.iter().position(|known| *known == b.to_ascii_lowercase()).expect("a character") as u8)
                .collect();
            assert_eq!(checksum(prefix, &values), 1, "{text}");
            assert!(decode(prefix, text).is_none(), "{text}");
        }
    }
}
