//! Secrets that come in: by prompt, standard input or file, never as an argument, which every process on the machine
//! could read.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use anyhow::Context;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

use crate::exit::Usage;

/// The longest value that the cabinet takes.
const MOST: u64 = 1 << 20;

/// Where a secret comes from.
#[derive(clap::Args, Debug)]
pub(crate) struct SecretInput {
    /// Read the value from a file instead (`-` is standard input); one newline at its end does not count
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

impl SecretInput {
    /// Reads it; `what` names it in the prompt.
    pub(crate) fn read(&self, what: &str) -> anyhow::Result<Secret> {
        match &self.file {
            Some(path) if path.as_os_str() != "-" => {
                let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
                from_reader(file).with_context(|| format!("in {}", path.display()))
            }
            None if io::stdin().is_terminal() => {
                let typed =
                    Zeroizing::new(rpassword::prompt_password(format!("{what}: ")).context("cannot ask for it")?);
                from_reader(typed.as_bytes())
            }
            _ => from_reader(io::stdin().lock()).context("on standard input"),
        }
    }
}

fn from_reader(reader: impl Read) -> anyhow::Result<Secret> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    reader.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(Usage("the value is longer than 1 MiB".to_owned()).into());
    }
    let value = bytes.strip_suffix(b"\n").map_or(&bytes[..], |line| line.strip_suffix(b"\r").unwrap_or(line));
    if value.is_empty() {
        return Err(Usage("the value is empty".to_owned()).into());
    }
    Ok(Secret::new(value.to_vec()))
}

/// Asks a question that is answered by yes or no. Where nobody can answer, it is no.
pub(crate) fn confirm(question: &str) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_at_the_end_does_not_count() {
        for (given, kept) in [("value", "value"), ("value\n", "value"), ("value\r\n", "value"), ("a\nb\n\n", "a\nb\n")]
        {
            let secret = from_reader(given.as_bytes()).expect("a secret");
            assert_eq!(secret.expose_text(), Some(kept));
        }
    }

    #[test]
    fn nothing_and_too_much_are_wrong_use() {
        for given in ["".to_owned(), "\n".to_owned(), "x".repeat((1 << 20) + 1)] {
            assert!(from_reader(given.as_bytes()).expect_err("refused").is::<Usage>());
        }
    }
}
