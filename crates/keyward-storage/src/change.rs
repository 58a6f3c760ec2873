//! News of what caches must see: a counter for each topic, bumped within the transaction that changes something.
//!
//! In this process news travels at once. Other processes hear PostgreSQL's `NOTIFY`, and a poll of the counters finds what
//! was missed, and is all there is on SQLite.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::database::{Database, Kind};
use crate::error::StorageError;
use crate::params;

/// The channel of `NOTIFY`.
pub(crate) const CHANNEL: &str = "keyward_changes";
/// How long to wait before listening again when the connection broke.
const RECONNECT: Duration = Duration::from_secs(1);

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A grant ended.
    Revocations,
    /// A development bearer token came or went.
    Bearers,
    /// A client came or went.
    Clients,
    /// A token of the cabinet was written or deleted.
    Tokens,
    /// A signing key came or went.
    SigningKeys,
    /// An account changed.
    Users,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 6] =
        [Self::Revocations, Self::Bearers, Self::Clients, Self::Tokens, Self::SigningKeys, Self::Users];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Revocations => "revocations",
            Self::Bearers => "bearers",
            Self::Clients => "clients",
            Self::Tokens => "tokens",
            Self::SigningKeys => "signing_keys",
            Self::Users => "users",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == text)
    }
}

/// The sending half, one for each process.
#[derive(Clone, Debug)]
pub(crate) struct Changes(broadcast::Sender<Topic>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::channel(256).0)
    }
}

impl Changes {
    pub(crate) fn publish(&self, topic: Topic) {
        // Nobody may be listening; then nobody needs to know.
        let _ = self.0.send(topic);
    }

    pub(crate) fn subscribe(&self, database: &Database) -> ChangeFeed {
        ChangeFeed {
            receiver: self.0.subscribe(),
            changes: self.clone(),
            database: database.clone(),
            missed: Vec::new(),
        }
    }
}

/// What changes from the moment of subscribing on.
#[derive(Debug)]
pub struct ChangeFeed {
    receiver: broadcast::Receiver<Topic>,
    changes: Changes,
    database: Database,
    missed: Vec<Topic>,
}

impl ChangeFeed {
    /// The next change. A reader that was too slow is told every topic once.
    pub async fn next(&mut self) -> Topic {
        loop {
            if let Some(topic) = self.missed.pop() {
                return topic;
            }
            match self.receiver.recv().await {
                Ok(topic) => return topic,
                Err(broadcast::error::RecvError::Lagged(_)) => self.missed = Topic::ALL.to_vec(),
                // Cannot be: we hold a sender ourselves.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Brings in what other processes change, for as long as it is polled. One of these runs in each process.
    pub async fn watch(self) {
        let (database, changes) = (self.database, self.changes);
        let poll = async {
            let every = match database.kind() {
                Kind::Sqlite => Duration::from_millis(250),
                Kind::Postgres => Duration::from_secs(1),
            };
            let mut known = counters(&database).await.unwrap_or_default();
            loop {
                tokio::time::sleep(every).await;
                match counters(&database).await {
                    Ok(now) => {
                        for (topic, counter) in &now {
                            if known.get(topic) != Some(counter) {
                                changes.publish(*topic);
                            }
                        }
                        known = now;
                    }
                    Err(error) => tracing::warn!(%error, "cannot look for changes"),
                }
            }
        };
        let listen = async {
            loop {
                let heard = |topic: &str| Topic::parse(topic).into_iter().for_each(|topic| changes.publish(topic));
                if let Err(error) = database.listen(heard).await {
                    tracing::warn!(%error, "cannot listen for changes; the poll finds them");
                }
                tokio::time::sleep(RECONNECT).await;
            }
        };
        tokio::join!(poll, listen);
    }
}

async fn counters(database: &Database) -> Result<BTreeMap<Topic, i64>, StorageError> {
    let rows = database.query("SELECT topic, counter FROM changes", params![]).await?;
    let mut counters = BTreeMap::new();
    for row in rows {
        if let Some(topic) = Topic::parse(&row.get::<String>(0)?) {
            counters.insert(topic, row.get(1)?);
        }
    }
    Ok(counters)
}
