//! The access token: logged in for once for all who wait, renewed before it ends.

use std::sync::Arc;
use std::time::Duration;

use keyward_core::clock::{Clock, Timestamp};
use keyward_core::secret::Secret;
use tokio::sync::Mutex;

use super::answer::AccessToken;
use super::error::InfisicalError;

/// How long before its end a token is renewed at the latest; of a short-lived one, when a tenth of its life is left.
const MARGIN: Duration = Duration::from_secs(60);
/// How long no login is tried after one was refused. By default Infisical locks an identity out at the third refusal
/// within 30 seconds.
const HELD_BACK: Duration = Duration::from_secs(30);

/// The access token in use.
#[derive(Default)]
pub(super) struct Login(Mutex<State>);

#[derive(Default)]
struct State {
    held: Option<Held>,
    refused_at: Option<Timestamp>,
}

#[derive(Clone)]
struct Held {
    token: Arc<Secret>,
    renew_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
}

/// How a token is got.
pub(super) enum Way {
    /// With client id and client secret.
    LogIn,
    /// With the token before, which has not ended.
    Renew(Arc<Secret>),
}

impl Login {
    /// The token, got by `ask` when there is none or the one at hand is about to end. Only one caller asks; the others wait
    /// for its outcome.
    pub(super) async fn token<A>(&self, clock: &Clock, ask: impl Fn(Way) -> A) -> Result<Arc<Secret>, InfisicalError>
    where
        A: Future<Output = Result<AccessToken, InfisicalError>>,
    {
        let mut state = self.0.lock().await;
        let now = clock.now();
        if let Some(held) = state.held.clone() {
            if held.renew_at.is_none_or(|at| now < at) {
                return Ok(held.token);
            }
            if held.ends_at.is_none_or(|at| now < at)
                && let Ok(answer) = ask(Way::Renew(held.token)).await
            {
                return Ok(state.hold(answer, now));
            }
            // A token past its longest life cannot be renewed; a new login gives one that can.
            state.held = None;
        }
        if let Some(at) = state.refused_at {
            let passed = now.since(at);
            if at <= now && passed < HELD_BACK {
                return Err(InfisicalError::LoginHeldBack { seconds: (HELD_BACK - passed).as_secs().max(1) });
            }
        }
        let answer = ask(Way::LogIn).await;
        state.refused_at = matches!(answer, Err(InfisicalError::LoginRefused(_))).then_some(now);
        Ok(state.hold(answer?, now))
    }

    /// Drops a token that was not taken, unless another has taken its place already.
    pub(super) async fn forget(&self, token: &Arc<Secret>) {
        let mut state = self.0.lock().await;
        if state.held.as_ref().is_some_and(|held| Arc::ptr_eq(&held.token, token)) {
            state.held = None;
        }
    }
}

impl State {
    fn hold(&mut self, answer: AccessToken, now: Timestamp) -> Arc<Secret> {
        let life = Duration::from_secs(answer.expires_in);
        let ends_at = (!life.is_zero()).then(|| now.plus(life));
        let token = Arc::new(answer.access_token);
        let renew_at = ends_at.map(|at| at.minus(MARGIN.min(life / 10)));
        self.held = Some(Held { token: token.clone(), renew_at, ends_at });
        token
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use keyward_core::clock::ManualClock;

    use super::*;

    fn answer(text: &str, expires_in: u64) -> AccessToken {
        AccessToken { access_token: Secret::from_text(text.to_owned()), expires_in }
    }

    fn clock() -> ManualClock {
        ManualClock::new(Timestamp::from_seconds(1_700_000_000))
    }

    #[tokio::test]
    async fn many_callers_log_in_once() {
        let (login, asked) = (Login::default(), AtomicUsize::new(0));
        let clock = Clock::Manual(clock());
        let one = || {
            login.token(&clock, |_| async {
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(answer("t", 600))
            })
        };
        let (a, b, c) = tokio::join!(one(), one(), one());
        for token in [a, b, c] {
            assert_eq!(token.expect("token").expose_text(), Some("t"));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_token_is_renewed_before_it_ends_and_logged_in_for_when_that_fails() {
        let (login, manual) = (Login::default(), clock());
        let clock = Clock::Manual(manual.clone());
        let next = async |renewed: Result<AccessToken, InfisicalError>| {
            let renewed = std::sync::Mutex::new(Some(renewed));
            let token = login.token(&clock, |way| {
                std::future::ready(match way {
                    Way::LogIn => Ok(answer("logged in", 600)),
                    Way::Renew(_) => renewed.lock().expect("lock").take().expect("renewed once"),
                })
            });
            token.await.expect("token").expose_text().map(str::to_owned).expect("text")
        };
        let unused = || Err(InfisicalError::Deadline);
        assert_eq!(next(unused()).await, "logged in");
        manual.advance(Duration::from_secs(539));
        assert_eq!(next(Ok(answer("too early", 600))).await, "logged in");
        manual.advance(Duration::from_secs(1));
        assert_eq!(next(Ok(answer("renewed", 100))).await, "renewed");
        manual.advance(Duration::from_secs(90));
        assert_eq!(next(unused()).await, "logged in");
        manual.advance(Duration::from_secs(600));
        assert_eq!(next(Ok(answer("of an ended one", 600))).await, "logged in");
    }

    #[tokio::test]
    async fn a_refused_login_is_not_tried_again_at_once() {
        let (login, manual, asked) = (Login::default(), clock(), AtomicUsize::new(0));
        let clock = Clock::Manual(manual.clone());
        let refused = || {
            login.token(&clock, |_| async {
                asked.fetch_add(1, Ordering::Relaxed);
                Err(InfisicalError::LoginRefused("Invalid credentials".to_owned()))
            })
        };
        assert!(matches!(refused().await, Err(InfisicalError::LoginRefused(_))));
        assert!(matches!(refused().await, Err(InfisicalError::LoginHeldBack { seconds: 30 })));
        manual.advance(HELD_BACK);
        assert!(matches!(refused().await, Err(InfisicalError::LoginRefused(_))));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn only_the_token_that_was_not_taken_is_dropped() {
        let login = Login::default();
        let clock = Clock::Manual(clock());
        let first = login.token(&clock, |_| async { Ok(answer("a", 0)) }).await.expect("token");
        login.forget(&first).await;
        let second = login.token(&clock, |_| async { Ok(answer("b", 0)) }).await.expect("token");
        login.forget(&first).await;
        let third = login.token(&clock, |_| async { Ok(answer("c", 0)) }).await.expect("token");
        assert!(Arc::ptr_eq(&second, &third));
    }
}
