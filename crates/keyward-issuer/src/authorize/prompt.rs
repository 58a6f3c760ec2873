//! `prompt` and `max_age` (OpenID Connect Core §3.1.2.1).

use std::time::Duration;

use keyward_core::clock::Timestamp;

use super::error::ReturnedError;
use crate::parameters::Parameters;

/// What the client wants the person to be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    none: bool,
    login: bool,
    consent: bool,
    max_age: Option<Duration>,
}

impl Prompt {
    /// Unknown values are left out (`select_account` and `create` would change nothing here).
    pub(crate) fn parse(parameters: &Parameters) -> Result<Self, ReturnedError> {
        let mut prompt = Self::default();
        for value in parameters.get("prompt").unwrap_or_default().split(' ') {
            match value {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => {}
            }
        }
        if prompt.none && (prompt.login || prompt.consent) {
            return Err(ReturnedError::InvalidRequest("prompt=none goes with no other value"));
        }
        let max_age = parameters.get("max_age").map(str::parse).transpose();
        let max_age = max_age.map_err(|_| ReturnedError::InvalidRequest("max_age is a number of seconds"))?;
        prompt.max_age = max_age.map(Duration::from_secs);
        Ok(prompt)
    }

    /// Whether nothing may be shown.
    pub(crate) fn none(self) -> bool {
        self.none
    }

    /// Whether the person is to be asked whatever they said before.
    pub(crate) fn consent(self) -> bool {
        self.consent
    }

    /// Whether somebody who is logged in elsewhere has to prove again who they are.
    pub(crate) fn asks_for_login(self) -> bool {
        self.login || self.max_age.is_some()
    }

    /// Whether a login at `auth_time` is not enough.
    pub(crate) fn wants_fresh_login(self, auth_time: Timestamp, now: Timestamp) -> bool {
        self.login || self.max_age.is_some_and(|max_age| now.since(auth_time) > max_age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(query: &str) -> Result<Prompt, ReturnedError> {
        Prompt::parse(&Parameters::parse(query.as_bytes()))
    }

    #[test]
    fn values_are_read_and_contradictions_refused() {
        let both = prompt("prompt=login+consent+select_account").expect("prompt");
        assert!(both.consent() && both.wants_fresh_login(Timestamp::from_seconds(9), Timestamp::from_seconds(9)));
        assert!(prompt("prompt=none").expect("prompt").none());
        assert!(prompt("prompt=none+consent").is_err());
        assert!(prompt("max_age=-1").is_err());
    }

    #[test]
    fn a_login_grows_too_old() {
        let prompt = prompt("max_age=60").expect("prompt");
        let login = Timestamp::from_seconds(100);
        assert!(!prompt.wants_fresh_login(login, Timestamp::from_seconds(160)));
        assert!(prompt.wants_fresh_login(login, Timestamp::from_seconds(161)));
    }
}
