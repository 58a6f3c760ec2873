//! A PostgreSQL server of one test's own, to be stopped, killed and started again, with a standby where one is needed.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::wait;

const SUPERUSER: &str = "keyward";

/// A server in a folder of its own; ended and removed when dropped.
pub struct Server {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Connections are ended, and what is in memory is written.
    Fast,
    /// As by `pg_ctl stop -m immediate`: nothing is written, and the log of writes is read at the next start.
    Immediate,
    /// By `SIGKILL`, all of its processes.
    Kill,
}

impl Server {
    /// Makes a server and starts it.
    pub fn start() -> Result<Self> {
        let server = Self::in_empty_folder()?;
        let initdb = ["--no-locale", "--encoding=UTF8", "--auth=trust", "--no-sync", "--username", SUPERUSER, "-D"];
        server.run("initdb", &[&initdb[..], &[server.data().as_str()]].concat())?;
        server.started()
    }

    /// A standby that follows this server, and that this server waits for before it acknowledges a write.
    pub fn start_standby(&self) -> Result<Self> {
        let standby = Self::in_empty_folder()?;
        let port = self.port.to_string();
        let from = ["-h", "127.0.0.1", "-p", port.as_str(), "-U", SUPERUSER, "--no-sync", "--checkpoint=fast", "-R"];
        standby.run("pg_basebackup", &[&from[..], &["-D", standby.data().as_str()]].concat())?;
        let standby = standby.started()?;
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")?;
        self.sql("SELECT pg_reload_conf()")?;
        wait::until("the standby to follow", || {
            let state = self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")?;
            Ok((state.trim() == "1").then_some(()))
        })?;
        Ok(standby)
    }

    fn in_empty_folder() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("keyward-e2e-postgres-").tempdir()?;
        if let Some((user, group)) = account()? {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        Ok(Self { folder, port, process: None })
    }

    fn started(mut self) -> Result<Self> {
        self.start_again()?;
        Ok(self)
    }

    /// Starts it where it was ended.
    pub fn start_again(&mut self) -> Result<()> {
        let log = fs::File::create(self.folder.path().join("log"))?;
        let (port, folder) = (self.port.to_string(), self.folder.path().display().to_string());
        let mut server = self.command("postgres")?;
        server.args(["-D", &self.data(), "-p", &port, "-k", &folder, "-c", "listen_addresses=127.0.0.1"]);
        // A machine that loses power is not what is tried here; a server that dies keeps what it gave to the system.
        server.args(["-c", "fsync=off"]).stdout(log.try_clone()?).stderr(log);
        self.process = Some(server.spawn().context("cannot run postgres")?);
        let ready = ["-q", "-h", "127.0.0.1", "-p", &port];
        wait::until("PostgreSQL to start", || {
            Ok(self.command("pg_isready")?.args(ready).status()?.success().then_some(()))
        })
        .with_context(|| fs::read_to_string(self.folder.path().join("log")).unwrap_or_default())
    }

    /// Ends it, with all of its processes.
    pub fn end(&mut self, how: End) -> Result<()> {
        let Some(mut server) = self.process.take() else { return Ok(()) };
        let signal = match how {
            End::Fast => "-INT",
            End::Immediate => "-QUIT",
            End::Kill => "-KILL",
        };
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.id())).unwrap_or_default();
        ensure!(Command::new("kill").args([signal, &server.id().to_string()]).status()?.success(), "kill {signal}");
        if how == End::Kill {
            // One that has ended meanwhile is no failure.
            Command::new("kill").arg(signal).args(children.split_whitespace()).stderr(Stdio::null()).status()?;
        }
        server.wait()?;
        wait::until("its processes to end", || {
            let is_there = |pid: &str| Path::new("/proc").join(pid).exists();
            Ok((!children.split_whitespace().any(is_there)).then_some(()))
        })
    }

    /// Makes a standby the server that takes writes.
    pub fn promote(&self) -> Result<()> {
        self.run("pg_ctl", &["promote", "-w", "-D", &self.data()])
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The URL of its superuser's database.
    pub fn url(&self) -> String {
        format!("postgres://{SUPERUSER}@{}/postgres", self.address())
    }

    /// What a statement gives, as text.
    pub fn sql(&self, statement: &str) -> Result<String> {
        let output = self.command("psql")?.args(["-X", "-A", "-t", "-c", statement, &self.url()]).output()?;
        ensure!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let output =
            self.command(program)?.args(arguments).output().with_context(|| format!("cannot run {program}"))?;
        ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// A program of PostgreSQL, as a user that it agrees to run as.
    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new("setpriv");
        if let Some((user, group)) = account()? {
            command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".into()]);
        }
        command.args(["--pdeathsig=INT", "--"]).arg(programs()?.join(program));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        Ok(command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.end(End::Immediate);
    }
}

/// PostgreSQL refuses to run as root; root's tests run it as the user that Debian makes for it.
fn account() -> Result<Option<(u32, u32)>> {
    if Path::new("/proc/self").metadata()?.uid() != 0 {
        return Ok(None);
    }
    let id = |kind: &str| -> Result<u32> {
        let output = Command::new("id").args([kind, "postgres"]).output()?;
        String::from_utf8(output.stdout)?.trim().parse().context("there is no user `postgres`")
    };
    Ok(Some((id("-u")?, id("-g")?)))
}

/// The folder of the newest server's programs.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed")?.flatten();
    let number = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.map(|version| version.path()).max_by_key(|path| number(path).unwrap_or(0));
    Ok(newest.context("PostgreSQL is not installed")?.join("bin"))
}
