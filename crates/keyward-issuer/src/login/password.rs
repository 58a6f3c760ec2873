//! Passwords at rest: Argon2id (RFC 9106) in PHC strings, made and checked away from the threads that serve.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use keyward_core::random::{Random, RandomFailed};
use keyward_core::secret::Secret;
use tokio::sync::Semaphore;

/// 19 MiB, two passes, one lane: the least that OWASP's Password Storage Cheat Sheet names.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A stored hash that asks for more than this did not come from here, and is not worth the memory.
const MEMORY_KIB_LIMIT: u32 = 256 * 1024;

/// How many are computed at once: what bounds the memory that logins can take.
const AT_ONCE: usize = 2;

/// How long a login waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes and checks password hashes. Clones share their turns.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
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

impl Passwords {
    /// With the parameters of this release.
    pub fn new(random: &Random) -> Result<Self, PasswordError> {
        let decoy = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&current())?,
            salt: Some(Salt::new(&random.bytes::<16>()?).map_err(|_| PasswordError::Corrupt)?),
            hash: Some(Output::new(&random.bytes::<32>()?).map_err(|_| PasswordError::Corrupt)?),
        };
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), decoy: decoy.to_string().into() })
    }

    /// The PHC string to store for a new password.
    pub async fn hash(&self, password: Secret, random: &Random) -> Result<String, PasswordError> {
        let salt = random.bytes::<16>()?;
        self.compute(move || hash(&password, &salt)).await
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
        self.compute(move || {
            let hashed = PasswordHash::new(stored.as_deref().unwrap_or(&decoy)).map_err(|_| PasswordError::Corrupt)?;
            let params = Params::try_from(&hashed).map_err(|_| PasswordError::Corrupt)?;
            if params.m_cost() > MEMORY_KIB_LIMIT {
                return Err(PasswordError::Corrupt);
            }
            match PasswordVerifier::<PasswordHash>::verify_password(&engine(), password.expose_secret(), &hashed) {
                Ok(()) if stored.is_none() => Ok(Verdict::Wrong),
                Ok(()) => {
                    let outdated = hashed.algorithm != ARGON2ID_IDENT || !same_cost(&params, &current());
                    let upgraded = outdated.then(|| hash(&password, &salt)).transpose()?;
                    Ok(Verdict::Right { upgraded })
                }
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
                Err(other) => Err(other.into()),
            }
        })
        .await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::GivenUp)?;
        // The turn goes with the work: a browser that hangs up must not let another computation start beside this one.
        let result = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        result.await.map_err(|_| PasswordError::GivenUp)?
    }
}

fn hash(password: &Secret, salt: &[u8]) -> Result<String, PasswordError> {
    let hashed: PasswordHash = engine().hash_password_with_salt(password.expose_secret(), salt)?;
    Ok(hashed.to_string())
}

fn engine() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, current())
}

fn current() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within Argon2's bounds")
}

fn same_cost(a: &Params, b: &Params) -> bool {
    (a.m_cost(), a.t_cost(), a.p_cost()) == (b.m_cost(), b.t_cost(), b.p_cost())
}

#[cfg(test)]
mod tests {
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
}
