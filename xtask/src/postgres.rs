//! A PostgreSQL server for one run of the tests: real, empty, reachable from this machine only, gone afterwards.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::command::{self, command, is_root, output};

/// The superuser of the server.
const SUPERUSER: &str = "keyward";
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// What a server does for durability is of no use to a database that lives for minutes.
const SETTINGS: [&str; 5] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=300",
    "listen_addresses=127.0.0.1",
];

/// Whether the server's programs are installed.
pub(crate) fn is_there() -> bool {
    programs().is_some()
}

/// A running server; stopped and removed when dropped.
pub(crate) struct Postgres {
    server: Child,
    folder: PathBuf,
    /// The URL of its superuser.
    pub(crate) url: String,
}

impl Postgres {
    /// Makes a server and starts it.
    pub(crate) fn start() -> Result<Self> {
        remove_left_over();
        let programs = programs().context("PostgreSQL's initdb is not found")?;
        let account = Account::choose()?;
        let folder = std::env::temp_dir().join(format!("keyward-postgres-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        if let Some((user, group)) = account.0 {
            chown(&folder, Some(user), Some(group))?;
        }

        let data = folder.join("data");
        let made = account
            .command(&programs.join("initdb"), &folder)
            .args(["--no-locale", "--encoding=UTF8", "--auth=trust", "--no-sync", "--username", SUPERUSER, "--pgdata"])
            .arg(&data)
            .output()
            .context("cannot run initdb")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = fs::File::create(folder.join("log"))?;
        let mut server = account.command(&programs.join("postgres"), &folder);
        server.arg("-D").arg(&data).arg("-p").arg(port.to_string()).arg("-k").arg(&folder);
        for setting in SETTINGS {
            server.args(["-c", setting]);
        }
        let server = server.stdout(log.try_clone()?).stderr(log).spawn().context("cannot run postgres")?;
        let url = format!("postgres://{SUPERUSER}@127.0.0.1:{port}/postgres");
        let mut postgres = Self { server, folder, url };
        postgres.wait_until_ready(&programs, port)?;
        Ok(postgres)
    }

    fn wait_until_ready(&mut self, programs: &Path, port: u16) -> Result<()> {
        let limit = Instant::now() + START_LIMIT;
        let port = port.to_string();
        while !command::succeeds(&mut command(programs.join("pg_isready"), ["-q", "-h", "127.0.0.1", "-p", &port])) {
            if self.server.try_wait()?.is_some() || Instant::now() > limit {
                bail!("PostgreSQL did not start: {}", fs::read_to_string(self.folder.join("log")).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown: connections are ended, shared memory is given back.
        let pid = self.server.id().to_string();
        let limit = Instant::now() + STOP_LIMIT;
        command::succeeds(&mut command("kill", ["-INT", &pid]));
        while let Ok(None) = self.server.try_wait() {
            if Instant::now() > limit {
                let _ = self.server.kill();
                let _ = self.server.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Whose server it is: PostgreSQL refuses to run as root.
struct Account(Option<(u32, u32)>);

impl Account {
    fn choose() -> Result<Self> {
        if !is_root() {
            return Ok(Self(None));
        }
        let number = |kind: &str, user: &str| output(&mut command("id", [kind, user]))?.trim().parse().ok();
        let ids = |user: &str| Some((number("-u", user)?, number("-g", user)?));
        let ids = ids("postgres").or_else(|| ids("nobody"));
        Ok(Self(Some(ids.context("there is no user `postgres` or `nobody`, and PostgreSQL does not run as root")?)))
    }

    /// `setpriv` turns into the program, so the child is the program itself; it ends with this process in any case.
    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new("setpriv");
        if let Some((user, group)) = self.0 {
            command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".into()]);
        }
        command.arg("--pdeathsig=INT").arg("--").arg(program).current_dir(folder).stdin(Stdio::null());
        command
    }
}

/// The folder of the newest server's programs.
fn programs() -> Option<PathBuf> {
    if let Some(initdb) = command::find("initdb") {
        return initdb.canonicalize().ok()?.parent().map(Path::to_owned);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let folders = versions.map(|version| version.path().join("bin")).filter(|folder| folder.join("initdb").is_file());
    folders.max_by_key(|folder| version_of(folder).unwrap_or(0))
}

fn version_of(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

/// A run that was killed leaves its folder; it is removed once its process is gone.
fn remove_left_over() {
    let mine = Path::new("/proc/self").metadata().map(|process| process.uid()).unwrap_or_default();
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix("keyward-postgres-"))
            .and_then(|pid| pid.parse::<u32>().ok());
        let removable = mine == 0 || entry.metadata().is_ok_and(|folder| folder.uid() == mine);
        if pid.is_some_and(|pid| removable && !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
