//! Servers of a run: started on one core, measured from `/proc`, ended with the run.

use std::fs::File;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Where what is measured runs.
pub(crate) const SERVER_CORE: &str = "0";
/// Where load and upstream run.
pub(crate) const LOAD_CORE: &str = "1";

/// A running server; ended when dropped.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts `command` (program first) pinned to `core`, and waits until `port` takes connections.
    pub(crate) fn start(core: &str, command: &[String], directory: &Path, port: u16) -> Result<Self> {
        // Whatever listens there would be measured in its place.
        ensure!(TcpStream::connect(("127.0.0.1", port)).is_err(), "port {port} is taken: end what listens there");
        let log = File::options().create(true).append(true).open(directory.join("servers.log"))?;
        let child = Command::new("taskset")
            .args(["-c", core])
            .args(command)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", command[0]))?;
        let mut server = Self { child };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if server.child.try_wait()?.is_some() || Instant::now() > until {
                bail!("{} did not start; see {}", command[0], directory.join("servers.log").display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// CPU time of the process and its children so far, user and system.
    pub(crate) fn cpu(&self) -> Duration {
        let ticks: u64 = self.tree().iter().filter_map(|pid| ticks_of(*pid)).sum();
        // The kernel reports in USER_HZ, which is 100 on every Linux ABI.
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory of the process and its children, in KB.
    pub(crate) fn resident_kb(&self) -> u64 {
        self.tree().iter().filter_map(|pid| resident_kb(*pid)).sum()
    }

    fn tree(&self) -> Vec<u32> {
        let mut tree = vec![self.child.id()];
        let mut at = 0;
        while at < tree.len() {
            let path = format!("/proc/{pid}/task/{pid}/children", pid = tree[at]);
            let children = std::fs::read_to_string(path).unwrap_or_default();
            tree.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            at += 1;
        }
        tree
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// CPU time of this process so far, user and system.
pub(crate) fn own_cpu() -> Option<Duration> {
    ticks_of(std::process::id()).map(|ticks| Duration::from_millis(ticks * 10))
}

fn ticks_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Resident memory of one process, in KB.
pub(crate) fn resident_kb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().split(' ').next()?.parse().ok()
}
