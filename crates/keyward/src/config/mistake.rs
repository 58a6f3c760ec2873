//! Mistakes of a configuration: every one of them, each with the place to mend it.

use std::fmt;

use super::tree::Source;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) source: Source,
    pub(crate) message: String,
    pub(crate) advice: Option<String>,
}

impl Mistake {
    pub(crate) fn new(source: Source, message: impl Into<String>) -> Self {
        Self { source, message: message.into(), advice: None }
    }
}

/// All mistakes of one configuration, with the text to quote from.
#[derive(Debug)]
pub(crate) struct Mistakes {
    file: String,
    text: String,
    mistakes: Vec<Mistake>,
}

impl Mistakes {
    /// In the order of the file, those of the environment last.
    pub(crate) fn new(file: String, text: String, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|mistake| match &mistake.source {
            Source::File(span) => (0, span.start, String::new()),
            Source::Environment(name) => (1, 0, name.clone()),
        });
        mistakes.dedup();
        Self { file, text, mistakes }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.mistakes.len()
    }

    fn fmt_one(&self, f: &mut fmt::Formatter<'_>, mistake: &Mistake) -> fmt::Result {
        match &mistake.source {
            Source::Environment(name) => writeln!(f, "{name}: {}", mistake.message)?,
            Source::File(span) => {
                let position = Position::of(&self.text, span.start);
                writeln!(f, "{}:{}:{}: {}", self.file, position.line, position.column, mistake.message)?;
                // A line that may hold a password is not repeated on a terminal or in a log.
                let secret = position.content.contains('@') || position.content.contains("password");
                if !position.content.trim().is_empty() && !secret {
                    let number = position.line.to_string();
                    let quoted = &self.text[span.start.min(self.text.len())..span.end.min(self.text.len())];
                    let width = quoted.lines().next().unwrap_or("").chars().count().clamp(1, position.content.len());
                    writeln!(f, "  {number} | {}", position.content)?;
                    let pad = " ".repeat(number.len() + 2);
                    writeln!(f, "{pad} | {}{}", " ".repeat(position.column - 1), "^".repeat(width))?;
                }
            }
        }
        match &mistake.advice {
            Some(advice) => writeln!(f, "    {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.mistakes {
            self.fmt_one(f, mistake)?;
        }
        let (count, plural) = (self.len(), if self.len() == 1 { "" } else { "s" });
        write!(f, "{count} mistake{plural} in the configuration")
    }
}

impl std::error::Error for Mistakes {}

/// Line and column as editors count them: from 1, the column in characters.
struct Position<'a> {
    line: usize,
    column: usize,
    content: &'a str,
}

impl<'a> Position<'a> {
    fn of(text: &'a str, byte: usize) -> Self {
        let mut byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        let start = text[..byte].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        Self {
            line: text[..start].matches('\n').count() + 1,
            column: text[start..byte].chars().count() + 1,
            content: text[start..end].trim_end_matches('\r'),
        }
    }
}
