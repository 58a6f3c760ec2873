//! A login and its lease.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use keyward_core::secret::Secret;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::error::OpenBaoError;

/// How long before its end a token is not used any more: it must hold until the request is there.
const MARGIN: Duration = Duration::from_secs(2);
/// No lease is believed to be longer, so that its end is a moment that there is.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A token of OpenBao, ready to be sent, and how long it lasts. Time is the machine's monotonic one: a clock that is set
/// changes no lease.
pub(super) struct Session {
    pub(super) token: HeaderValue,
    pub(super) since: Instant,
    lease: Option<Lease>,
}

#[derive(Clone, Copy)]
struct Lease {
    lasts: Duration,
    renewable: bool,
    /// What the login gave. A renewal that gives much less comes close to the longest that the token may live.
    at_first: Duration,
}

impl Session {
    /// `seconds` from now; 0 is for ever.
    pub(super) fn new(token: &Secret, seconds: u64, renewable: bool) -> Result<Self, OpenBaoError> {
        let text = Zeroizing::new(token.expose_secret().to_vec());
        // Shared bytes are taken over, not copied; the last clone of the header wipes them.
        let token = HeaderValue::from_maybe_shared(Bytes::from_owner(text));
        let mut token = token.map_err(|_| OpenBaoError::BadSecret("token"))?;
        token.set_sensitive(true);
        Ok(Self { token, since: Instant::now(), lease: None }.lasting(seconds, renewable))
    }

    pub(super) fn lasting(self, seconds: u64, renewable: bool) -> Self {
        let lasts = Duration::from_secs(seconds).min(LONGEST);
        let lease = (seconds > 0).then_some(Lease { lasts, renewable, at_first: lasts });
        Self { lease, ..self }
    }

    /// The same login, whose lease a renewal has set to `renewed`.
    pub(super) fn renewed_as(&self, renewed: Self) -> Self {
        let at_first = self.lease.map(|lease| lease.at_first);
        let lease = renewed.lease.map(|lease| Lease { at_first: at_first.unwrap_or(lease.lasts), ..lease });
        Self { lease, ..renewed }
    }

    pub(super) fn is_good(&self) -> bool {
        self.lease.is_none_or(|lease| self.since.elapsed() + MARGIN < lease.lasts)
    }

    /// The same, as if it had been made so much earlier.
    #[cfg(test)]
    pub(super) fn aged(self, by: Duration) -> Self {
        Self { since: self.since.checked_sub(by).expect("the machine runs for longer"), ..self }
    }

    /// When something should be done for it: at two thirds of its lease.
    pub(super) fn due(&self) -> Option<Instant> {
        self.lease.map(|lease| self.since + lease.lasts * 2 / 3)
    }

    /// Whether a renewal makes it last longer, by all that is known.
    pub(super) fn can_be_renewed(&self) -> bool {
        self.lease.is_some_and(|lease| lease.renewable && lease.lasts >= lease.at_first / 2)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(seconds: u64, renewable: bool) -> Session {
        Session::new(&Secret::from_text("s.token".to_owned()), seconds, renewable).expect("session")
    }

    #[tokio::test(start_paused = true)]
    async fn is_renewed_ahead_and_not_used_at_the_very_end() {
        let session = session(90, true);
        assert_eq!(session.due(), Some(session.since + Duration::from_secs(60)));
        assert!(session.is_good() && session.can_be_renewed());
        tokio::time::advance(Duration::from_secs(89)).await;
        assert!(!session.is_good());
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_no_lease_lasts() {
        let session = session(0, false);
        tokio::time::advance(Duration::from_secs(1 << 30)).await;
        assert!(session.is_good() && session.due().is_none());
    }

    #[test]
    fn any_length_of_a_lease_has_an_end() {
        assert!(session(u64::MAX, true).due().is_some());
    }

    #[test]
    fn a_renewal_that_gives_little_is_the_last() {
        assert!(!session(90, false).can_be_renewed());
        assert!(session(90, true).renewed_as(session(60, true)).can_be_renewed());
        assert!(!session(90, true).renewed_as(session(60, true)).renewed_as(session(30, true)).can_be_renewed());
    }

    #[test]
    fn tokens_are_never_shown() {
        assert!(Session::new(&Secret::from_text("a\nb".to_owned()), 0, false).is_err());
        let session = session(0, false);
        assert!(!format!("{session:?} {:?}", session.token).contains("s.token"));
    }
}
