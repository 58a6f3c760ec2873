//! A `keyward` process of a test.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A directory with a configuration in it.
pub(crate) struct Place(TempDir);

/// How a process ended and what it wrote.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// Listens on a free port; `more` is added to the configuration.
    pub(crate) fn new(more: &str) -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        place.configure("127.0.0.1:0", more);
        place
    }

    pub(crate) fn configure(&self, listen: &str, more: &str) {
        let text = format!("[server]\nlisten = \"{listen}\"\nworker_threads = 2\nshutdown_grace = \"1s\"\n{more}");
        std::fs::write(self.path("keyward.toml"), text).expect("a configuration");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, line: &str) -> Ended {
        self.run_with_input(line, "")
    }

    pub(crate) fn run_with_input(&self, line: &str, input: &str) -> Ended {
        let mut child = self.command(line).stdin(Stdio::piped()).spawn().expect("the binary runs");
        drop(child.stdin.take().expect("its input").write_all(input.as_bytes()));
        Process::of(child).wait()
    }

    /// Runs a command as a user whom the modes of files bind, which they do not where tests run as root.
    pub(crate) fn run_without_privilege(&self, line: &str) -> Ended {
        const NOBODY: u32 = 65_534;
        if !rustix::process::geteuid().is_root() {
            return self.run(line);
        }
        // Where the binary was built, that user may not be let in.
        let elsewhere = tempfile::tempdir().expect("a directory");
        std::fs::set_permissions(elsewhere.path(), Permissions::from_mode(0o755)).expect("a directory of ours");
        let binary = elsewhere.path().join("keyward");
        std::fs::copy(env!("CARGO_BIN_EXE_keyward"), &binary).expect("a copy");
        let mut command = Command::new(&binary);
        command.args(line.split_whitespace()).current_dir(self.0.path()).env_clear().uid(NOBODY).gid(NOBODY);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Process::of(command.spawn().expect("the binary runs")).wait()
    }

    /// Starts `keyward serve` and waits until it serves.
    pub(crate) fn serve(&self) -> (Process, SocketAddr) {
        let (process, address, public_url) = self.serve_anywhere();
        assert_eq!(public_url, format!("http://{address}"));
        (process, address)
    }

    /// The same where the public URL is configured; what it is comes last.
    pub(crate) fn serve_anywhere(&self) -> (Process, SocketAddr, String) {
        let ready = self.path("ready.json");
        drop(std::fs::remove_file(&ready));
        let child = self.command("serve --ready-file ready.json").spawn().expect("the binary runs");
        let mut process = Process::of(child);
        while !ready.exists() {
            assert!(process.child.try_wait().expect("a process").is_none(), "{}", process.wait().stderr);
            thread::sleep(Duration::from_millis(10));
        }
        let ready: serde_json::Value = serde_json::from_slice(&std::fs::read(ready).expect("a file")).expect("JSON");
        let text = |name: &str| ready[name].as_str().expect("a text").to_owned();
        (process, text("listen").parse().expect("an address"), text("public_url"))
    }
}

/// A running process, whose output is read as it comes.
pub(crate) struct Process {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl Process {
    pub(crate) fn of(mut child: Child) -> Self {
        let stdout: ChildStdout = child.stdout.take().expect("its output");
        let stderr: ChildStderr = child.stderr.take().expect("its errors");
        let all = |mut from: Box<dyn Read + Send>| {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).expect("output");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let stdout = Some(thread::spawn(move || all(Box::new(stdout))));
        Self { child, stdout, stderr: Some(thread::spawn(move || all(Box::new(stderr)))) }
    }

    /// Of a process that a person reads: what it says until the line `last`.
    pub(crate) fn reading(mut child: Child, last: &str) -> (Self, String) {
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let mut said = String::new();
        while !said.trim_end().ends_with(last) {
            assert_ne!(lines.read_line(&mut said).expect("output"), 0, "it ended after: {said}");
        }
        let mut stderr: ChildStderr = child.stderr.take().expect("its errors");
        let rest = thread::spawn(move || {
            let mut text = String::new();
            lines.read_to_string(&mut text).expect("output");
            text
        });
        let errors = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("output");
            text
        });
        (Self { child, stdout: Some(rest), stderr: Some(errors) }, said)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process is there");
    }

    pub(crate) fn wait(&mut self) -> Ended {
        let status = self.child.wait().expect("it ends");
        let text = |reader: Option<JoinHandle<String>>| reader.map(|r| r.join().expect("output")).unwrap_or_default();
        Ended { code: status.code(), stdout: text(self.stdout.take()), stderr: text(self.stderr.take()) }
    }

    pub(crate) fn stop(&mut self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A test that failed leaves no process behind; one that ended already cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a request as it is written and reads all of the answer.
pub(crate) fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// A GET with the connection closed after it.
pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// The permission bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}
