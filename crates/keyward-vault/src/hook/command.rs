//! A program: an empty environment but for what is listed, no shell, no argument with a secret, its standard error unread.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use keyward_core::secret::Secret;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use zeroize::Zeroizing;

use super::{HookError, MAX_ANSWER};
use crate::environment::Environment;

/// The variable that tells a program what it is run for: a JSON object, nothing secret.
const FACTS: &str = "KEYWARD_HOOK";

pub(super) async fn run(
    argv: &[String],
    passed: &[String],
    environment: &Environment,
    facts: &str,
    stdin: Option<&Secret>,
) -> Result<Secret, HookError> {
    let Some((program, arguments)) = argv.split_first() else { return Err(HookError::TooLong) };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env(FACTS, facts).process_group(0);
    for name in passed {
        if let Some(value) = environment.get(name) {
            command.env(name, OsStr::from_bytes(value.expose_secret()));
        }
    }
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    // It may hold secrets, and nobody should have to find out where a log went.
    command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|cause| HookError::CannotStart { program: program.clone(), cause })?;
    // Declared after the child, so that it is dropped first, while the child's id is nobody else's.
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let (mut input, output) = (child.stdin.take(), child.stdout.take());
    let write = async {
        if let (Some(pipe), Some(secret)) = (&mut input, stdin) {
            // A program that does not want it may have closed the pipe.
            let _ = pipe.write_all(secret.expose_secret()).await;
        }
        drop(input.take());
    };
    let read = async {
        let mut answer = Zeroizing::new(Vec::with_capacity(64 << 10));
        if let Some(output) = output {
            output.take(MAX_ANSWER as u64 + 1).read_to_end(&mut answer).await?;
        }
        Ok::<_, std::io::Error>(answer)
    };
    let ((), answer) = tokio::join!(write, read);
    let mut answer = answer?;
    if answer.len() > MAX_ANSWER {
        return Err(HookError::TooLong);
    }
    let status = child.wait().await?;
    group.0 = None;
    if !status.success() {
        return Err(HookError::Failed(status));
    }
    Ok(Secret::new(std::mem::take(&mut *answer)))
}

/// The processes of a program that is ended before its time.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        // There may be none left.
        let _ = self.0.map(|group| kill_process_group(group, Signal::KILL));
    }
}
