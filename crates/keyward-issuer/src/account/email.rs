//! E-mail addresses as the names of accounts.

use std::fmt;

/// The longest address that mail can carry (RFC 5321 §4.5.3.1.3, less the angle brackets).
const LONGEST: usize = 254;

/// An e-mail address with A to Z in lower case: other letters are themselves, since Unicode folds some into A to Z, and the
/// address with such a letter may be another person's. It names an account; no mail is sent to it, so its form is checked only as far as
/// typing mistakes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress(String);

/// A text that is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an e-mail address")]
pub struct InvalidEmail;

impl EmailAddress {
    /// Reads what a person typed.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let printable = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '"' | ',' | ';');
        let domain_ok = domain.split('.').all(|label| !label.is_empty());
        let ok = text.len() <= LONGEST && !local.is_empty() && !local.contains('@') && domain_ok;
        if ok && text.chars().all(printable) { Ok(Self(text.to_ascii_lowercase())) } else { Err(InvalidEmail) }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_addresses_in_any_case() {
        for (typed, read) in [(" Ada@Example.COM ", "ada@example.com"), ("a+b@localhost", "a+b@localhost")] {
            assert_eq!(EmailAddress::parse(typed).expect("address").as_str(), read);
        }
        assert_eq!(EmailAddress::parse("münze@bücher.example").expect("address").as_str(), "münze@bücher.example");
        // The sign for kelvin, which Unicode takes for a `K`.
        assert_eq!(
            EmailAddress::parse("Mar\u{212a}@example.com").expect("address").as_str(),
            "mar\u{212a}@example.com"
        );
    }

    #[test]
    fn refuses_what_is_none() {
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in
            ["", "ada", "@example.com", "ada@", "a b@example.com", "a@b@c.d", "ada@example..com", "<a@b.c>", &long]
        {
            assert_eq!(EmailAddress::parse(bad), Err(InvalidEmail), "{bad}");
        }
    }
}
