//! Programs: run to their end, or in the background with all their output collected.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::wait;

/// How a program ended and what it wrote.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Ended {
    /// Its exit code; none when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Both outputs.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Itself when it succeeded, else an error with all that it wrote.
    pub fn succeeded(self) -> Result<Self> {
        if !self.status.success() {
            bail!("{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr);
        }
        Ok(self)
    }

    /// Its standard output as one JSON value a line.
    pub fn json_lines(&self) -> Result<Vec<Value>> {
        json_lines(&self.stdout)
    }
}

/// A program in the background; killed when dropped.
pub struct Running {
    name: String,
    child: Child,
    stdout: Collected,
    stderr: Collected,
}

impl Running {
    /// Starts it with `input` as its whole standard input.
    pub fn start(command: &mut Command, input: &[u8]) -> Result<Self> {
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let stdout = Collected::from(child.stdout.take().context("no standard output")?);
        let stderr = Collected::from(child.stderr.take().context("no standard error")?);
        let mut stdin = child.stdin.take().context("no standard input")?;
        // A program that ended before it read all of it is judged by how it ended.
        let _ = stdin.write_all(input);
        Ok(Self { name, child, stdout, stderr })
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks until there is an answer; an error as soon as the program has ended.
    pub fn wait_for<T>(&mut self, what: &str, mut ask: impl FnMut(&Self) -> Option<T>) -> Result<T> {
        let answer = wait::until(what, || {
            if let Some(answer) = ask(self) {
                return Ok(Some(answer));
            }
            match self.child.try_wait()? {
                Some(status) => bail!("{} ended with {status}", self.name),
                None => Ok(None),
            }
        });
        answer.with_context(|| format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr()))
    }

    /// Waits for the line of standard output that is a JSON object with this `event`.
    pub fn wait_for_event(&mut self, event: &str) -> Result<Value> {
        self.wait_for(event, |program| {
            json_lines(&program.stdout()).ok()?.into_iter().find(|line| line["event"] == event)
        })
    }

    /// Sends a signal such as `TERM`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status()?;
        if !status.success() {
            bail!("kill -{name}: {status}");
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    pub fn finish(mut self) -> Result<Ended> {
        let what = format!("the end of {}", self.name);
        let status = wait::until_limit(wait::PROGRAM_LIMIT, &what, || Ok(self.child.try_wait()?))
            .with_context(|| format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr()))?;
        Ok(Ended { status, stdout: self.stdout.all(), stderr: self.stderr.all() })
    }

    /// Ends it by a signal and waits for that.
    pub fn stop(self, signal: &str) -> Result<Ended> {
        self.signal(signal)?;
        self.finish()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Runs to the end.
pub fn run(command: &mut Command, input: &[u8]) -> Result<Ended> {
    Running::start(command, input)?.finish()
}

/// One JSON value a line; the last line may still be incomplete.
fn json_lines(text: &str) -> Result<Vec<Value>> {
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))).collect()
}

/// What a pipe gave so far, read by a thread so that the program never waits for us.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Collected {
    fn from(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut part = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut part) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&part[..length]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Everything, once the pipe is closed.
    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.text()
    }
}
