//! News of what caches must see: a counter for each topic, bumped within the transaction that changes something.
//!
//! In this process news travels at once. Other processes hear PostgreSQL's `NOTIFY`, and a poll of the counters finds what
//! was missed, and is all there is on SQLite.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::database::{Database, EngineTransaction, Kind};
use crate::error::StorageError;
use crate::params;

/// How often to look where nobody tells.
const POLL: Duration = Duration::from_millis(250);
/// How often to look where notices are told, and may get lost with a connection.
const SAFETY_NET: Duration = Duration::from_secs(1);
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
    /// A data key came, went or changed its state.
    DataKeys,
    /// A signing key came or went.
    SigningKeys,
    /// An account changed.
    Users,
    /// A person's grant at another authorization server came, broke or ended.
    UpstreamGrants,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 8] = [
        Self::Revocations,
        Self::Bearers,
        Self::Clients,
        Self::Tokens,
        Self::DataKeys,
        Self::SigningKeys,
        Self::Users,
        Self::UpstreamGrants,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Revocations => "revocations",
            Self::Bearers => "bearers",
            Self::Clients => "clients",
            Self::Tokens => "tokens",
            Self::DataKeys => "data_keys",
            Self::SigningKeys => "signing_keys",
            Self::Users => "users",
            Self::UpstreamGrants => "upstream_grants",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == text)
    }
}

/// How often each topic has changed, as far as known.
type Counters = [i64; Topic::ALL.len()];

/// What this process knows; one for each handle that was opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(Arc<watch::Sender<Counters>>);

impl Changes {
    pub(crate) fn publish(&self, news: &[(Topic, i64)]) {
        self.0.send_if_modified(|known| {
            let mut is_news = false;
            for &(topic, counter) in news {
                let known = &mut known[topic as usize];
                is_news |= counter > *known;
                *known = counter.max(*known);
            }
            is_news
        });
    }

    pub(crate) fn subscribe(&self, database: &Database) -> ChangeFeed {
        let mut known = self.0.subscribe();
        let seen = *known.borrow_and_update();
        ChangeFeed { known, seen, database: database.clone(), changes: self.clone() }
    }
}

/// What changes from the moment of subscribing on.
#[derive(Debug)]
pub struct ChangeFeed {
    known: watch::Receiver<Counters>,
    seen: Counters,
    database: Database,
    changes: Changes,
}

impl ChangeFeed {
    /// The next change. Several of one topic that nobody asked for meanwhile are one. A change from before the subscription
    /// may be told too, never one less.
    pub async fn next(&mut self) -> Topic {
        loop {
            let known = *self.known.borrow_and_update();
            if let Some(topic) = Topic::ALL.into_iter().find(|&topic| known[topic as usize] > self.seen[topic as usize])
            {
                self.seen[topic as usize] = known[topic as usize];
                return topic;
            }
            if self.known.changed().await.is_err() {
                // Cannot be: we hold a sender ourselves.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Brings in what other processes change, for as long as it is polled. One of these runs in each process.
    pub async fn watch(self) {
        let (database, changes) = (self.database, self.changes);
        drop(self.known);
        let told = Notify::new();
        let every = match database.kind() {
            Kind::Sqlite => POLL,
            Kind::Postgres => SAFETY_NET,
        };
        let poll = async {
            loop {
                match counters(&database).await {
                    Ok(news) => changes.publish(&news),
                    Err(StorageError::NotMigrated(_)) => {}
                    Err(error) => tracing::warn!(%error, "cannot look for changes"),
                }
                // Which of the two woke us makes no difference.
                let _ = tokio::time::timeout(every, told.notified()).await;
            }
        };
        let listen = async {
            loop {
                if let Err(error) = database.listen(|| told.notify_one()).await {
                    tracing::warn!(%error, "cannot listen for changes; the poll finds them");
                }
                tokio::time::sleep(RECONNECT).await;
            }
        };
        tokio::join!(poll, listen);
    }
}

async fn counters(database: &Database) -> Result<Vec<(Topic, i64)>, StorageError> {
    let mut counters = Vec::new();
    for row in database.query("SELECT topic, counter FROM changes", params![]).await? {
        // A newer Keyward may have topics that are not known here.
        if let Some(topic) = Topic::parse(&row.get::<String>(0)?) {
            counters.push((topic, row.get(1)?));
        }
    }
    Ok(counters)
}

/// Counts one up for `topic`, to be told when the transaction is committed; gives the counter.
pub(crate) async fn advance(engine: &mut EngineTransaction, topic: Topic) -> Result<i64, StorageError> {
    let sql = "INSERT INTO changes (topic, counter) VALUES ($1, 1) \
               ON CONFLICT (topic) DO UPDATE SET counter = changes.counter + 1 RETURNING counter";
    let answer = engine.run(sql, params![topic.as_str()]).await?;
    engine.tell(topic.as_str()).await?;
    answer.rows.first().ok_or(StorageError::Inconsistent { what: "a topic without a counter" })?.get(0)
}
