//! How a command ends, as scripts see it.

use std::process::ExitCode;

/// Done.
pub(crate) const DONE: u8 = 0;
/// Failed: what went wrong is on standard error.
pub(crate) const FAILED: u8 = 1;
/// Called wrongly; nothing was tried. clap ends with the same number.
pub(crate) const USAGE: u8 = 2;

/// A command that was called in a way its arguments alone cannot rule out, such as an empty secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// A failure of which everything has been said on standard output already.
#[derive(Debug, thiserror::Error)]
#[error("failed")]
pub(crate) struct Silent;

/// The exit code for a result; writes what went wrong, each cause on a line of its own.
pub(crate) fn code(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return DONE.into() };
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        return DONE.into();
    }
    if error.is::<Silent>() {
        return FAILED.into();
    }
    // Mistakes begin with the place of the first, so that editors and terminals can go there.
    let prefix = if error.is::<crate::config::Mistakes>() { "" } else { "keyward: " };
    eprintln!("{prefix}{error}");
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Errors that repeat their cause in their own text say it once.
        if !said.contains(&cause) {
            eprintln!("  because: {cause}");
            said = cause;
        }
    }
    if error.is::<Usage>() { USAGE.into() } else { FAILED.into() }
}
