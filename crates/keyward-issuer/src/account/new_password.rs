//! What a new password must be (NIST SP 800-63B §3.1.1.2): long, and not the name of the account. No rules of
//! composition.

use keyward_core::secret::Secret;

use crate::account::email::EmailAddress;

/// The least number of characters.
pub(crate) const SHORTEST: usize = 12;

/// The greatest number of bytes, so that nobody makes us hash a book.
pub(crate) const LONGEST: usize = 1024;

/// A password that follows the rules, not yet hashed.
#[derive(Debug)]
pub(crate) struct NewPassword(Secret);

/// What is wrong with a password, in words for the person who chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordRefused {
    /// Too short.
    #[error("Use at least {SHORTEST} characters. A few words that only you would put together do well.")]
    TooShort,
    /// Too long.
    #[error("Use at most {LONGEST} bytes, which is about that many letters.")]
    TooLong,
    /// The e-mail address.
    #[error("Your e-mail address is the first thing that others would try. Choose another password.")]
    IsTheEmail,
    /// One character over and over.
    #[error("This is one character over and over. Choose another password.")]
    OneCharacter,
    /// Typed differently the second time.
    #[error("The two passwords are not the same. Type both again.")]
    NotTheSame,
}

impl NewPassword {
    /// Takes a password that was typed twice.
    pub(crate) fn choose(first: Secret, again: &Secret, email: &EmailAddress) -> Result<Self, PasswordRefused> {
        if first.len() > LONGEST {
            return Err(PasswordRefused::TooLong);
        }
        let text = first.expose_text().unwrap_or_default();
        let mut characters = text.chars();
        let one = characters.next().is_some_and(|c| characters.all(|other| other == c));
        let lower = text.trim().to_lowercase();
        let refused = if text.chars().count() < SHORTEST {
            Some(PasswordRefused::TooShort)
        } else if one {
            Some(PasswordRefused::OneCharacter)
        } else if lower == email.as_str() {
            Some(PasswordRefused::IsTheEmail)
        } else {
            (!first.equals_in_constant_time(again)).then_some(PasswordRefused::NotTheSame)
        };
        refused.map_or(Ok(Self(first)), Err)
    }

    /// The password, to be hashed.
    pub(crate) fn into_secret(self) -> Secret {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(first: &str, again: &str) -> Result<(), PasswordRefused> {
        let email = EmailAddress::parse("ada.lovelace@example.com").expect("address");
        let secret = |text: &str| Secret::from_text(text.to_owned());
        NewPassword::choose(secret(first), &secret(again), &email).map(|_| ())
    }

    #[test]
    fn length_is_what_counts() {
        assert_eq!(choose("twelve chars", "twelve chars"), Ok(()));
        assert_eq!(choose("ünïcödé wörd", "ünïcödé wörd"), Ok(()));
        assert_eq!(choose("eleven char", "eleven char"), Err(PasswordRefused::TooShort));
        let long = "x y".repeat(342);
        assert_eq!(choose(&long, &long), Err(PasswordRefused::TooLong));
    }

    #[test]
    fn refuses_the_obvious_and_the_mistyped() {
        assert_eq!(choose("Ada.Lovelace@example.com", "Ada.Lovelace@example.com"), Err(PasswordRefused::IsTheEmail));
        assert_eq!(choose("aaaaaaaaaaaaaa", "aaaaaaaaaaaaaa"), Err(PasswordRefused::OneCharacter));
        assert_eq!(choose("correct horse battery", "correct horse batterz"), Err(PasswordRefused::NotTheSame));
    }
}
