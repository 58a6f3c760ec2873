//! What is kept: folders, and secrets with all their versions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Folders and secrets of the environment.
#[derive(Debug)]
pub struct Secrets {
    folders: BTreeSet<String>,
    current: BTreeMap<(String, String), Kept>,
    /// Every version there ever was, those of deleted secrets too, in the order they were written.
    history: Vec<(String, String, Kept)>,
    made: u64,
}

/// One version of a secret.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) value: String,
    pub(crate) metadata: Value,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { folders: ["/".to_owned()].into(), current: BTreeMap::new(), history: Vec::new(), made: 0 }
    }
}

impl Secrets {
    /// The current value of a secret.
    pub fn value(&self, folder: &str, key: &str) -> Option<String> {
        self.current.get(&place(folder, key)).map(|kept| kept.value.clone())
    }

    /// The folders there are.
    pub fn folders(&self) -> Vec<String> {
        self.folders.iter().cloned().collect()
    }

    /// Makes a folder and all above it.
    pub fn make_folder(&mut self, folder: &str) {
        let mut path = String::new();
        for segment in folder.split('/').filter(|segment| !segment.is_empty()) {
            path = format!("{path}/{segment}");
            self.folders.insert(path.clone());
        }
    }

    /// Stores a value, as somebody at Infisical's own pages does.
    pub fn write(&mut self, folder: &str, key: &str, value: &str) {
        self.make_folder(folder);
        if self.update(folder, key, Some(value), None).is_none() {
            self.create(folder, key, value, Value::Array(Vec::new()));
        }
    }

    /// Deletes a secret; its versions stay in the history.
    pub fn delete(&mut self, folder: &str, key: &str) -> bool {
        self.current.remove(&place(folder, key)).is_some()
    }

    pub(crate) fn has_folder(&self, folder: &str) -> bool {
        self.folders.contains(folder)
    }

    pub(crate) fn create(&mut self, folder: &str, key: &str, value: &str, metadata: Value) -> Kept {
        self.made += 1;
        let id = format!("8a1c9f6e-0000-4000-8000-{:012}", self.made);
        self.keep(folder, key, Kept { id, version: 1, value: trimmed(value), metadata })
    }

    pub(crate) fn update(
        &mut self,
        folder: &str,
        key: &str,
        value: Option<&str>,
        metadata: Option<Value>,
    ) -> Option<Kept> {
        let before = self.current.get(&place(folder, key))?.clone();
        let value = value.map_or(before.value, trimmed);
        let metadata = metadata.unwrap_or(before.metadata);
        Some(self.keep(folder, key, Kept { id: before.id, version: before.version + 1, value, metadata }))
    }

    pub(crate) fn get(&self, folder: &str, key: &str) -> Option<Kept> {
        self.current.get(&place(folder, key)).cloned()
    }

    /// The first that has this number, whichever secret of the name it belongs to.
    pub(crate) fn version(&self, folder: &str, key: &str, version: i64) -> Option<Kept> {
        let wanted = |kept: &&(String, String, Kept)| kept.0 == folder && kept.1 == key && kept.2.version == version;
        self.history.iter().find(wanted).map(|(_, _, kept)| Kept { metadata: Value::Null, ..kept.clone() })
    }

    pub(crate) fn at(&self, folder: &str, recursive: bool) -> Vec<(String, String, Kept)> {
        let below = format!("{}/", folder.trim_end_matches('/'));
        let wanted = |path: &str| path == folder || (recursive && path.starts_with(&below));
        self.current
            .iter()
            .filter(|((path, _), _)| wanted(path))
            .map(|((path, key), kept)| (path.clone(), key.clone(), kept.clone()))
            .collect()
    }

    fn keep(&mut self, folder: &str, key: &str, kept: Kept) -> Kept {
        self.current.insert(place(folder, key), kept.clone());
        self.history.push((folder.to_owned(), key.to_owned(), kept.clone()));
        kept
    }
}

fn place(folder: &str, key: &str) -> (String, String) {
    (folder.to_owned(), key.to_owned())
}

/// As the server's schema does: white space at the ends goes, one line feed at the end stays.
fn trimmed(value: &str) -> String {
    let end = if value.ends_with('\n') { "\n" } else { "" };
    format!("{}{end}", value.trim())
}
