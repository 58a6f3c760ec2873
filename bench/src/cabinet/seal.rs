//! Sealing and opening against the bare primitive doing the same work: a fresh IV, the additional data, an output of its own.

use std::hint::black_box;

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use futures_util::FutureExt;
use keyward_vault::{Place, Sealed};
use tokio::runtime::Runtime;

use super::place::{Cabinet, VALUE_LEN, name, value};
use crate::comparison::Comparison;
use crate::timing::{Way, by_turns};

/// As long as the additional data of a token of the benchmark.
const AAD_LEN: usize = 124;
const IV_LEN: usize = 12;
const TAG_LEN: usize = 16;

pub(crate) fn compare(runtime: &Runtime, cabinet: &Cabinet, rounds: u32) -> Result<Vec<Comparison>> {
    let (plain, place) = (value(1), Place::token(&name(1)?, 1));
    let key = UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(|_| anyhow!("no key"))?;
    let (key, random, aad) = (LessSafeKey::new(key), SystemRandom::new(), [9; AAD_LEN]);
    let bare_seal = || -> Result<([u8; IV_LEN], [u8; TAG_LEN], Vec<u8>)> {
        let (mut iv, mut tag, mut ciphertext) = ([0; IV_LEN], [0; TAG_LEN], vec![0; VALUE_LEN]);
        random.fill(&mut iv).map_err(|_| anyhow!("no IV"))?;
        let nonce = Nonce::assume_unique_for_key(iv);
        key.seal_out_of_place_scatter(nonce, Aad::from(&aad), &plain, &mut ciphertext, &[], &mut tag)
            .map_err(|_| anyhow!("not sealed"))?;
        Ok((iv, tag, ciphertext))
    };
    let (iv, tag, ciphertext) = bare_seal()?;
    let bare_open = || -> Result<Vec<u8>> {
        let mut plain = vec![0; ciphertext.len()];
        let nonce = Nonce::assume_unique_for_key(iv);
        key.open_separate_gather(nonce, Aad::from(&aad), &ciphertext, &tag, &mut plain)
            .map_err(|_| anyhow!("not opened"))?;
        Ok(plain)
    };
    // Once in 256 times sealing waits: another block of seals is counted in the database.
    let seal = || -> Result<Sealed> {
        match cabinet.vault.seal_blob(&place, &plain).now_or_never() {
            Some(sealed) => Ok(sealed?),
            None => Ok(runtime.block_on(cabinet.vault.seal_blob(&place, &plain))?),
        }
    };
    let sealed = seal()?;

    let figures = by_turns(
        &mut [
            Way::new(|| seal().map(|sealed| drop(black_box(sealed)))),
            Way::new(|| bare_seal().map(|sealed| drop(black_box(sealed)))),
            Way::new(|| {
                let opened = cabinet.vault.open_blob(&place, &sealed).now_or_never().context("opening waited")?;
                black_box(opened?);
                Ok(())
            }),
            Way::new(|| bare_open().map(|opened| drop(black_box(opened)))),
        ],
        rounds,
    )?;
    Ok(vec![
        Comparison::of_times("seal 1 KiB / bare AES-256-GCM", figures[0], figures[1], 0.8),
        Comparison::of_times("open 1 KiB / bare AES-256-GCM", figures[2], figures[3], 0.8),
    ])
}
