//! Passwords at rest: Argon2id (RFC 9106) in PHC strings, made and checked away from the threads that serve.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use keyward_core::random::{Random, RandomFailed};
use keyward_core::secret::Secret;
use tokio::sync::Semaphore;

/// 19 MiB, two passes, one lane: the least that OWASP's Password Storage Cheat Sheet names.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH_BYTES: usize = 32;

/// A stored hash that asks for more than this did not come from here, and is not worth the memory.
const MEMORY_KIB_LIMIT: u32 = 256 * 1024;

/// How many are computed at once: what bounds the memory that logins can take.
const AT_ONCE: usize = 2;

/// How long a login waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one computation works in.
type Memory = Vec<Block>;

/// Makes and checks password hashes. Clones share their turns.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// As many as there were computations at once. Given back to the allocator, so large a piece would stay with the
    /// process all the same, and once more for each thread that ever computed.
    memories: Arc<Mutex<Vec<Memory>>>,
    /// Checked where there is no account, so that the answer takes as long.
    decoy: Arc<str>,
}

/// What a check found.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right. `upgraded` is a new hash to store where the old one has outdated parameters.
    Right {
        /// The new PHC string.
        upgraded: Option<String>,
    },
    /// It is not, or there is no such account.
    Wrong,
}

/// A password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many logins at this moment.
    #[error("too many logins are being checked")]
    Busy,
    /// What is stored is not a hash that we make.
    #[error("a stored password hash does not parse")]
    Corrupt,
    /// No salt could be drawn.
    #[error(transparent)]
    Random(#[from] RandomFailed),
    /// The computation failed, which takes a lack of memory.
    #[error("Argon2 failed: {0}")]
    Argon2(#[from] argon2::password_hash::Error),
    /// The computation panicked or the server is stopping.
    #[error("the computation was given up")]
    GivenUp,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

impl Passwords {
    /// With the parameters of this release.
    pub fn new(random: &Random) -> Result<Self, PasswordError> {
        let decoy = phc(&random.bytes::<16>()?, &random.bytes::<HASH_BYTES>()?)?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), memories: Arc::default(), decoy: decoy.into() })
    }

    /// The PHC string to store for a new password.
    pub async fn hash(&self, password: Secret, random: &Random) -> Result<String, PasswordError> {
        let salt = random.bytes::<16>()?;
        self.compute(move |memory| hash(&password, &salt, memory)).await
    }

    /// Compares a password with what is stored, or with a decoy where nothing is.
    pub async fn verify(
        &self,
        password: Secret,
        stored: Option<String>,
        random: &Random,
    ) -> Result<Verdict, PasswordError> {
        let salt = random.bytes::<16>()?;
        let decoy = Arc::clone(&self.decoy);
        self.compute(move |memory| {
            let hashed = PasswordHash::new(stored.as_deref().unwrap_or(&decoy)).map_err(|_| PasswordError::Corrupt)?;
            let engine = engine_of(&hashed)?;
            let (Some(own_salt), Some(expected)) = (&hashed.salt, &hashed.hash) else {
                return Err(PasswordError::Corrupt);
            };
            let mut found = vec![0; expected.len()];
            fill(&engine, &password, own_salt, &mut found, memory)?;
            let right = aws_lc_rs::constant_time::verify_slices_are_equal(&found, expected.as_bytes()).is_ok();
            if !right || stored.is_none() {
                return Ok(Verdict::Wrong);
            }
            let outdated = hashed.algorithm != ARGON2ID_IDENT || !same_cost(engine.params(), &current());
            let upgraded = outdated.then(|| hash(&password, &salt, memory)).transpose()?;
            Ok(Verdict::Right { upgraded })
        })
        .await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::GivenUp)?;
        // The turn goes with the work: a browser that hangs up must not let another computation start beside this one.
        let memories = Arc::clone(&self.memories);
        let result = tokio::task::spawn_blocking(move || {
            let mut memory = memories.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let result = work(&mut memory);
            // Nothing of a password stays in what is kept, and nothing is kept that is larger than what we ask for.
            memory.truncate(current().block_count());
            memory.shrink_to_fit();
            memory.fill(Block::new());
            memories.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            drop(turn);
            result
        });
        result.await.map_err(|_| PasswordError::GivenUp)?
    }
}

fn hash(password: &Secret, salt: &[u8], memory: &mut Memory) -> Result<String, PasswordError> {
    let engine = Argon2::new(Algorithm::Argon2id, Version::V0x13, current());
    let mut output = [0; HASH_BYTES];
    fill(&engine, password, salt, &mut output, memory)?;
    phc(salt, &output)
}

fn fill(
    engine: &Argon2<'_>,
    password: &Secret,
    salt: &[u8],
    output: &mut [u8],
    memory: &mut Memory,
) -> Result<(), PasswordError> {
    let blocks = engine.params().block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    let filled = engine.hash_password_into_with_memory(password.expose_secret(), salt, output, &mut memory[..blocks]);
    Ok(filled.map_err(argon2::password_hash::Error::from)?)
}

/// The PHC string of a hash that was made here.
fn phc(salt: &[u8], output: &[u8]) -> Result<String, PasswordError> {
    let hashed = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&current())?,
        salt: Some(Salt::new(salt).map_err(|_| PasswordError::Corrupt)?),
        hash: Some(Output::new(output).map_err(|_| PasswordError::Corrupt)?),
    };
    Ok(hashed.to_string())
}

/// What a stored hash was made by.
fn engine_of(hashed: &PasswordHash) -> Result<Argon2<'static>, PasswordError> {
    let params = Params::try_from(hashed).map_err(|_| PasswordError::Corrupt)?;
    if params.m_cost() > MEMORY_KIB_LIMIT {
        return Err(PasswordError::Corrupt);
    }
    let algorithm = Algorithm::try_from(hashed.algorithm.as_str()).map_err(|_| PasswordError::Corrupt)?;
    let version = hashed.version.map(Version::try_from).transpose().map_err(|_| PasswordError::Corrupt)?;
    Ok(Argon2::new(algorithm, version.unwrap_or_default(), params))
}

fn current() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within Argon2's bounds")
}

fn same_cost(a: &Params, b: &Params) -> bool {
    (a.m_cost(), a.t_cost(), a.p_cost()) == (b.m_cost(), b.t_cost(), b.p_cost())
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::from_text(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_and_knows_its_password() {
        let random = Random::system();
        let passwords = Passwords::new(&random).expect("passwords");
        let phc = passwords.hash(secret("correct horse battery"), &random).await.expect("hash");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        let verdict = passwords.verify(secret("correct horse battery"), Some(phc.clone()), &random).await;
        assert_eq!(verdict.expect("verdict"), Verdict::Right { upgraded: None });
        let verdict = passwords.verify(secret("correct horse"), Some(phc), &random).await;
        assert_eq!(verdict.expect("verdict"), Verdict::Wrong);
    }

    #[tokio::test]
    async fn outdated_parameters_are_upgraded_at_a_good_login() {
        let random = Random::system();
        let passwords = Passwords::new(&random).expect("passwords");
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).expect("params"));
        let old: PasswordHash = weak.hash_password_with_salt(b"an old password", b"0123456789abcdef").expect("hash");
        let verdict = passwords.verify(secret("an old password"), Some(old.to_string()), &random).await;
        let Ok(Verdict::Right { upgraded: Some(new) }) = verdict else { panic!("{verdict:?}") };
        assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{new}");
        let verdict = passwords.verify(secret("an old password"), Some(new), &random).await;
        assert_eq!(verdict.expect("verdict"), Verdict::Right { upgraded: None });
    }

    #[tokio::test]
    async fn no_account_is_a_wrong_password_and_junk_is_an_error() {
        let random = Random::system();
        let passwords = Passwords::new(&random).expect("passwords");
        assert_eq!(passwords.verify(secret("x"), None, &random).await.expect("verdict"), Verdict::Wrong);
        for junk in ["", "plain", "$argon2id$v=19$m=4194304,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$c2hvcnRzaG9ydHNob3J0"] {
            let result = passwords.verify(secret("x"), Some(junk.to_owned()), &random).await;
            assert!(matches!(result, Err(PasswordError::Corrupt)), "{junk}: {result:?}");
        }
    }

    #[tokio::test]
    async fn computations_share_the_memory_of_those_before() {
        let random = Random::system();
        let passwords = Passwords::new(&random).expect("passwords");
        let logins = (0..4 * AT_ONCE).map(|_| {
            let (passwords, random) = (passwords.clone(), random.clone());
            tokio::spawn(async move { passwords.verify(secret("x"), None, &random).await })
        });
        for login in logins.collect::<Vec<_>>() {
            assert_eq!(login.await.expect("no panic").expect("verdict"), Verdict::Wrong);
        }
        let kept = passwords.memories.lock().expect("no panic");
        assert!((1..=AT_ONCE).contains(&kept.len()), "{}", kept.len());
        for memory in kept.iter() {
            assert_eq!(memory.len(), current().block_count());
            assert!(memory.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)), "wiped");
        }
    }
}
