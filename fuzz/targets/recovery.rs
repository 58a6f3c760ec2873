//! Any bytes as a file of age, and as what is encrypted in one.
#![no_main]

use std::sync::LazyLock;

use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_vault::key::recovery::{Identity, Recipient, Recovery};

/// The seed is encrypted for it.
const IDENTITY: &str = "AGE-SECRET-KEY-1C0Q9QH290XVP54MAA9A57FXZA3Q9RVWVNPMGN4TR90SRATUDUL6QC8T6UU";
const RECIPIENT: &str = "age1hlaah269yce77zhdyasssztdhk32m3ddn0gdn6txcry93xjtr3aq2crxjx";

static IDENTITIES: LazyLock<Vec<Identity>> =
    LazyLock::new(|| Identity::read_all(&Secret::from_text(IDENTITY.to_owned())).expect("an identity"));
static RECIPIENTS: LazyLock<[Recipient; 1]> = LazyLock::new(|| [RECIPIENT.parse().expect("a recipient")]);

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    let _ = Recovery::open(content, &IDENTITIES);
    let _ = Identity::read_all(&Secret::new(content.to_vec()));
    let Ok(recovery) = Recovery::parse(&Secret::new(content.to_vec())) else { return };
    let file = recovery.seal(&*RECIPIENTS, &Random::system()).expect("sealed");
    let again = Recovery::open(&file, &IDENTITIES).expect("what was written");
    assert!(again.to_text().equals_in_constant_time(&recovery.to_text()));
});
