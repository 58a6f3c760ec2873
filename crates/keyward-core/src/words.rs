//! What somebody else says in words, as it may stand on a page, in the log and in an error of ours.

use std::error::Error;

const LONGEST: usize = 200;

/// One line of printable text without what turns its direction, at most 200 characters; `None` when nothing is left.
pub fn tame(text: &str) -> Option<String> {
    line(text, LONGEST)
}

/// The same of at most `longest` characters.
pub fn line(text: &str, longest: usize) -> Option<String> {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let kept: String = spaced.filter(|c| !c.is_control() && !turns(*c)).take(longest).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// An error and its causes in one line of at most `longest` characters. A cause that is in the text already is not told twice.
pub fn with_causes(error: &dyn Error, longest: usize) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    line(&text, longest).unwrap_or_default()
}

/// An error code (RFC 6749 §5.2): letters, digits and `_`, at most 64.
pub fn code(text: &str) -> String {
    let kept: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect();
    if kept.is_empty() { "an_error_without_a_name".to_owned() } else { kept }
}
