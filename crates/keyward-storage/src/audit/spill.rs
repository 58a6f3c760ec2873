//! Records that could not be written when Keyward stopped: kept in a file, and taken in at the next start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use keyward_core::clock::Timestamp;
use keyward_core::id::RequestId;
use keyward_core::random::Random;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::append::append_new;
use crate::database::Database;
use crate::error::StorageError;

const PREFIX: &str = "audit-spill-";
const SUFFIX: &str = ".jsonl";
/// Records that are taken in with one transaction.
const BATCH: usize = 1_000;

/// A record as a line of the file. It has its id, so that it is taken in once, however often that is tried.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Uuid,
    at: Timestamp,
    action: String,
    result: String,
    service_id: Option<String>,
    token_key: Option<String>,
    user_email: Option<String>,
    client_id: Option<String>,
    request_id: Option<RequestId>,
    detail: Option<String>,
}

impl Line {
    fn of(id: Uuid, event: &AuditEvent) -> Self {
        Self {
            id,
            at: event.at,
            action: event.action.to_string(),
            result: event.result.to_string(),
            service_id: event.service_id.clone(),
            token_key: event.token_key.clone(),
            user_email: event.user_email.clone(),
            client_id: event.client_id.clone(),
            request_id: event.request_id,
            detail: event.detail.clone(),
        }
    }
}

/// Writes the events to a new file of the directory, for its owner's eyes alone, and waits until it is on disk.
pub(super) fn write(directory: &Path, random: &Random, events: &[(Uuid, AuditEvent)]) -> io::Result<PathBuf> {
    let mut text = Vec::new();
    for (id, event) in events {
        serde_json::to_writer(&mut text, &Line::of(*id, event))?;
        text.push(b'\n');
    }
    let name = Uuid::from_bytes(random.bytes().map_err(io::Error::other)?).simple().to_string();
    let (unfinished, path) =
        (directory.join(format!(".{PREFIX}{name}")), directory.join(format!("{PREFIX}{name}{SUFFIX}")));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = (|| {
        let mut file = options.open(&unfinished)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(directory)?.sync_all()
    })();
    if let Err(error) = written {
        drop(fs::remove_file(&unfinished));
        return Err(error);
    }
    Ok(path)
}

/// Takes in what earlier processes left in the directory, each record marked as late; how many there were. A line that is
/// no record stays, in a file of another name.
pub(super) async fn take_in(database: &Database, directory: &Path) -> Result<u64, SpillError> {
    let mut taken = 0;
    for path in files(directory)? {
        let text = match fs::read(&path) {
            Ok(text) => text,
            // Another process was quicker.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let (events, bad): (Vec<_>, Vec<_>) = lines.map(parse).partition(Option::is_some);
        let events: Vec<_> = events.into_iter().flatten().collect();
        for batch in events.chunks(BATCH) {
            taken += append_new(database, batch).await?;
        }
        let done = if bad.is_empty() { fs::remove_file(&path) } else { fs::rename(&path, path.with_extension("bad")) };
        match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        if !bad.is_empty() {
            tracing::error!(file = %path.display(), lines = bad.len(), "lines of a spill file are no audit records");
        }
    }
    Ok(taken)
}

/// Records could not be taken in.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpillError {
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// A line, read and written again, if it is a record.
pub(crate) fn rewritten(line: &[u8]) -> Option<Vec<u8>> {
    let (id, event) = parse(line)?;
    serde_json::to_vec(&Line::of(id, &event)).ok()
}

/// One line as an event that came late; `None` when it is none.
fn parse(line: &[u8]) -> Option<(Uuid, AuditEvent)> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let mut event = AuditEvent::new(line.at, Action::parse(&line.action)?, AuditResult::parse(&line.result)?);
    event.service_id = line.service_id;
    event.token_key = line.token_key;
    event.user_email = line.user_email;
    event.client_id = line.client_id;
    event.request_id = line.request_id;
    event.detail = Some(late(line.detail));
    Some((line.id, event))
}

fn late(detail: Option<String>) -> String {
    let parsed = detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok());
    let mut members: serde_json::Map<_, _> = match (parsed, detail) {
        (Some(serde_json::Value::Object(members)), _) => members,
        (_, Some(text)) => [("text".to_owned(), text.into())].into_iter().collect(),
        (_, None) => serde_json::Map::new(),
    };
    members.insert("late".to_owned(), true.into());
    serde_json::Value::Object(members).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_its_owners_alone_and_reads_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut event = AuditEvent::new(Timestamp::from_seconds(7), Action::Call, AuditResult::Ok);
        event.detail = Some("{\"tool\":\"x\"}".to_owned());
        let path = write(directory.path(), &Random::system(), &[(Uuid::max(), event.clone())]).expect("written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(files(directory.path()).expect("listed"), std::slice::from_ref(&path));
        let text = fs::read(path).expect("read");
        let (id, read) = parse(text.trim_ascii()).expect("a record");
        assert_eq!(id, Uuid::max());
        assert_eq!(read.detail.as_deref(), Some("{\"late\":true,\"tool\":\"x\"}"));
        assert_eq!(AuditEvent { detail: event.detail.clone(), ..read }, event);
        assert!(parse(b"{}").is_none() && parse(b"\xff").is_none());
        // What no database holds would keep all that was spilled with it from the log, at every start again.
        let rest = "\"id\":\"00000000-0000-0000-0000-000000000000\",\"action\":\"call\",\"result\":\"ok\"";
        let at = |time: &str| parse(format!("{{\"at\":\"{time}\",{rest}}}").as_bytes()).is_some();
        assert!(at("0000-01-01T00:00:00Z") && !at("-000001-12-31T23:59:59Z"));
        assert_eq!(late(Some("no json".to_owned())), "{\"late\":true,\"text\":\"no json\"}");
        assert!(files(&directory.path().join("none")).expect("no folder is no error").is_empty());
    }
}
