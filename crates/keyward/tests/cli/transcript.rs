//! Runs the built binary in a directory of its own.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A directory in which commands are run one after the other.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a file into it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("a file");
    }

    /// Runs `keyward` with the words of `line`; gives what was printed and the exit code, the same on every machine.
    pub(crate) fn run(&self, line: &str) -> String {
        self.run_with(line, "", &[])
    }

    /// The same with standard input and environment variables.
    pub(crate) fn run_with(&self, line: &str, input: &str, environment: &[(&str, &str)]) -> String {
        let mut child = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(line.split_whitespace())
            .current_dir(self.path())
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stdin = child.stdin.take().expect("its input");
        // A command that reads nothing may be gone already.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().expect("an exit code");
        mask(&format!("{}{}(exit {code})", text(&output.stdout), text(&output.stderr)))
    }
}

/// Puts a name in the place of what differs between runs, of the same width so that tables stay tables.
fn mask(text: &str) -> String {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
    let mut masked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(part) {
        let length = rest[start..].find(|c| !part(c)).unwrap_or(rest.len() - start);
        let word = &rest[start..start + length];
        masked.push_str(&rest[..start]);
        match name(word) {
            Some(name) => masked.push_str(&format!("<{name:-^width$}>", width = word.len().saturating_sub(2))),
            None => masked.push_str(word),
        }
        rest = &rest[start + length..];
    }
    masked + rest
}

fn name(word: &str) -> Option<&'static str> {
    let hex = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let bytes = word.as_bytes();
    if bytes.len() == 64 && bytes.iter().all(u8::is_ascii_hexdigit) {
        return Some("sha256");
    }
    match word.split_once('_') {
        Some(("dk", rest)) if hex(rest) => return Some("key"),
        Some(("kf", rest)) if hex(rest) => return Some("print"),
        Some(("kwd" | "kwi" | "kws", rest)) if rest.len() == 43 => return Some("secret"),
        _ => {}
    }
    match bytes {
        _ if uuid::Uuid::parse_str(word).is_ok() => Some("id"),
        [b'2', b'0', _, _, b'-', .., b'Z'] => Some("time"),
        _ if hex(word) => Some("root"),
        _ => None,
    }
}
