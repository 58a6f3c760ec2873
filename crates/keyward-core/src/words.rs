//! What somebody else says in words, as it may stand on a page, in the log and in an error of ours.

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

/// An error code (RFC 6749 §5.2): letters, digits and `_`, at most 64.
pub fn code(text: &str) -> String {
    let kept: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect();
    if kept.is_empty() { "an_error_without_a_name".to_owned() } else { kept }
}
