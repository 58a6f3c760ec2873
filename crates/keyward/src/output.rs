//! What commands write to standard output: a table for people, JSON for machines.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use comfy_table::{ContentArrangement, Table, presets};
use keyward_core::clock::Timestamp;
use serde::Serialize;

use crate::private_file::PrivateFile;

/// The flag that every listing has.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Format {
    /// Write JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A row of a listing.
pub(crate) trait Row: Serialize {
    /// The heads of the columns.
    const HEADS: &'static [&'static str];

    /// The cells, as many as heads.
    fn cells(&self) -> Vec<String>;
}

impl Format {
    /// Writes a listing; `nothing` is what people read when it is empty.
    pub(crate) fn list<T: Row>(self, rows: &[T], nothing: &str) -> io::Result<()> {
        if self.json {
            return json(&rows);
        }
        if rows.is_empty() {
            return line(nothing);
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(T::HEADS);
        for row in rows {
            table.add_row(row.cells().iter().map(|cell| harmless(cell)));
        }
        line(&table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n"))
    }
}

/// Names come from clients and people: what would steer a terminal, or turn the direction of what is read, is taken out.
pub(crate) fn harmless(cell: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    cell.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Writes a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    write(&text)
}

/// Writes a line.
pub(crate) fn line(text: &str) -> io::Result<()> {
    write(&format!("{text}\n"))
}

/// Writes a line into a file for its owner alone, or to standard output where none is named.
pub(crate) fn to_file_or_line(path: Option<&Path>, text: &str) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(line(text)?) };
    let cannot = || format!("cannot write {}", path.display());
    let mut out = PrivateFile::create(path).with_context(cannot)?;
    writeln!(out, "{text}").with_context(cannot)?;
    out.finish().with_context(cannot)
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A time in a table: to the second, or a dash.
pub(crate) fn time(time: Option<Timestamp>) -> String {
    let seconds = |time: Timestamp| time.to_string().split('.').next().map(|text| format!("{text}Z"));
    time.and_then(seconds).unwrap_or_else(|| "-".to_owned())
}

/// How far a moment is, to the unit that matters.
pub(crate) fn when(at: Timestamp, now: Timestamp) -> String {
    let text = |seconds: u64| match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    };
    if at > now {
        format!("in {}", text(at.since(now).as_secs()))
    } else {
        format!("{} ago", text(now.since(at).as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use keyward_core::clock::Timestamp;

    use super::{harmless, when};

    #[test]
    fn times_are_told_in_the_unit_that_matters() {
        let now = Timestamp::from_seconds(1_700_000_000);
        for (seconds, text) in
            [(1, "in 1 s"), (600, "in 10 min"), (7_200, "in 2 h"), (259_200, "in 3 d"), (-90, "90 s ago")]
        {
            assert_eq!(when(Timestamp::from_seconds(1_700_000_000 + seconds), now), text);
        }
    }

    #[test]
    fn names_do_not_steer_the_terminal() {
        assert_eq!(harmless("Bob's é\u{1b}[2J\n\u{202e}x"), "Bob's é\u{fffd}[2J\u{fffd}\u{fffd}x");
    }
}
