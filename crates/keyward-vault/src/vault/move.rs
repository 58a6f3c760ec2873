//! Moving tokens from one store to another: copied, read back, compared, and only then, when asked, deleted at the source.

use keyward_core::audit::{Action, AuditEvent, AuditResult};
use serde_json::Value;

use super::Vault;
use super::open::{StoreKind, store_of};
use crate::error::VaultError;
use crate::name::TokenName;
use crate::store::{Expected, NewToken, OpenedToken, TokenEntry, TokenStore};

/// What is to be moved, and how.
#[derive(Clone, Debug)]
pub struct Move {
    /// Where the tokens are.
    pub from: StoreKind,
    /// Where they are to be.
    pub to: StoreKind,
    /// Only these, whoever owns them; all when empty.
    pub only: Vec<TokenName>,
    /// Nothing is written; the outcomes are those that would be.
    pub dry_run: bool,
    /// A token of another value at the destination gets a new version.
    pub overwrite: bool,
    /// What has arrived is deleted where it was.
    pub delete_source: bool,
}

/// How it went with one token.
#[derive(Debug)]
pub struct Moved {
    /// The token.
    pub name: TokenName,
    /// How it went.
    pub outcome: MoveOutcome,
}

/// How it went with one token.
#[derive(Debug)]
pub enum MoveOutcome {
    /// It was copied and read back, and is this version at the destination.
    Copied {
        /// The version there.
        version: i64,
        /// Whether it was deleted at the source.
        source_deleted: bool,
    },
    /// The destination had the same value already.
    AlreadyThere {
        /// The version there.
        version: i64,
        /// Whether it was deleted at the source.
        source_deleted: bool,
    },
    /// It would be copied, were this no dry run.
    WouldCopy,
    /// The destination has another value, which is left alone.
    Conflict {
        /// The version there.
        version: i64,
    },
    /// There is no such token at the source.
    Missing,
    /// It failed; what was at the source is still there.
    Failed(VaultError),
}

impl MoveOutcome {
    /// Whether the token is now where it is to be, or would be.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Copied { .. } | Self::AlreadyThere { .. } | Self::WouldCopy)
    }
}

impl Vault {
    /// Moves tokens one after another; `each` hears of every one as it is done. Running it again goes on where it ended:
    /// what is there already is only compared. Earlier versions in their grace stay behind.
    pub async fn move_tokens(&self, plan: &Move, mut each: impl FnMut(&Moved)) -> Result<Vec<Moved>, VaultError> {
        let from = store_of(plan.from.clone(), &self.0.own);
        let to = store_of(plan.to.clone(), &self.0.own);
        let entries = from.list().await?;
        if plan.delete_source && matches!(plan.from, StoreKind::Env { .. }) {
            return Err(read_only(from.name()));
        }
        let mut all = Vec::new();
        for entry in entries.iter().filter(|entry| wanted(plan, &entry.name)) {
            let name = entry.name.clone();
            let done = self.move_one(plan, &*from, &*to, entry).await;
            let outcome = done.unwrap_or_else(MoveOutcome::Failed);
            all.push(Moved { name, outcome });
            all.last().map(&mut each);
        }
        for name in plan.only.iter().filter(|name| !entries.iter().any(|entry| same_key(&entry.name, name))) {
            all.push(Moved { name: name.clone(), outcome: MoveOutcome::Missing });
            all.last().map(&mut each);
        }
        Ok(all)
    }

    async fn move_one(
        &self,
        plan: &Move,
        from: &dyn TokenStore,
        to: &dyn TokenStore,
        entry: &TokenEntry,
    ) -> Result<MoveOutcome, VaultError> {
        if !plan.dry_run && self.0.audit_required {
            let event = self.event_of(from, to, entry, AuditResult::Ok, [("phase", "admitted".into())]);
            self.0.audit.record_durably(event).await.map_err(|_| VaultError::NotRecordable)?;
        }
        let done = copy(plan, from, to, entry).await;
        if !plan.dry_run {
            self.0.cache.invalidate();
            self.record(from, to, entry, &done).await?;
        }
        done
    }

    /// On disk before the next token is touched. A move opens the value, so one that changed nothing is told of too.
    async fn record(
        &self,
        from: &dyn TokenStore,
        to: &dyn TokenStore,
        entry: &TokenEntry,
        done: &Result<MoveOutcome, VaultError>,
    ) -> Result<(), VaultError> {
        let result = match done {
            Ok(outcome) if outcome.is_good() => AuditResult::Ok,
            Ok(_) => AuditResult::Denied,
            Err(error) if error.is_refusal() => AuditResult::Denied,
            Err(_) => AuditResult::Failed,
        };
        let told: Vec<(&'static str, Value)> = match done {
            Ok(
                MoveOutcome::Copied { version, source_deleted } | MoveOutcome::AlreadyThere { version, source_deleted },
            ) => vec![("version", (*version).into()), ("source_deleted", (*source_deleted).into())],
            Ok(MoveOutcome::Conflict { .. }) => vec![("reason", "the destination has another value".into())],
            Ok(_) => vec![("reason", "it is not at the source any more".into())],
            Err(error) => vec![("reason", error.to_string().into())],
        };
        let event = self.event_of(from, to, entry, result, told);
        self.0.audit.record_durably(event).await.map_err(|_| VaultError::Unrecorded)
    }

    fn event_of(
        &self,
        from: &dyn TokenStore,
        to: &dyn TokenStore,
        entry: &TokenEntry,
        result: AuditResult,
        told: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> AuditEvent {
        let places = [("from", Value::from(from.name())), ("to", to.name().into())];
        let owner = entry.name.owner().map(|owner| ("owner", owner.to_string().into()));
        let all = places.into_iter().chain(told).chain(owner);
        let detail: serde_json::Map<_, _> = all.map(|(key, value)| (key.to_owned(), value)).collect();
        let mut event = AuditEvent::new(self.0.clock.now(), Action::TokenMove, result);
        event.service_id = Some(entry.name.service().to_owned());
        event.token_key = Some(entry.name.key().to_owned());
        event.detail = Some(Value::Object(detail).to_string());
        event
    }
}

async fn copy(
    plan: &Move,
    from: &dyn TokenStore,
    to: &dyn TokenStore,
    entry: &TokenEntry,
) -> Result<MoveOutcome, VaultError> {
    let name = &entry.name;
    let Some(source) = from.get(name).await? else {
        return Ok(MoveOutcome::Missing);
    };
    let expected = match to.get(name).await? {
        None => Expected::Absent,
        Some(there) if there.value.equals_by_digest(&source.value) => {
            let version = there.version;
            let source_deleted = delete(plan, from, name, &source).await?;
            return Ok(MoveOutcome::AlreadyThere { version, source_deleted });
        }
        Some(there) if plan.overwrite => Expected::Version(there.version),
        Some(there) => return Ok(MoveOutcome::Conflict { version: there.version }),
    };
    if plan.dry_run {
        return Ok(MoveOutcome::WouldCopy);
    }
    let version = to.put(name, &NewToken::copy_of(&source, entry.labels.clone())?, expected).await?;
    let arrived = to.get(name).await?;
    let same = |arrived: &OpenedToken| {
        arrived.value.equals_by_digest(&source.value) && arrived.expires_at == source.expires_at
    };
    if !arrived.is_some_and(|arrived| same(&arrived)) {
        return Err(VaultError::NotArrived { name: name.clone(), store: to.name() });
    }
    let source_deleted = delete(plan, from, name, &source).await?;
    Ok(MoveOutcome::Copied { version, source_deleted })
}

/// Deletes what has arrived, unless it has changed since it was read.
async fn delete(
    plan: &Move,
    from: &dyn TokenStore,
    name: &TokenName,
    source: &OpenedToken,
) -> Result<bool, VaultError> {
    if !plan.delete_source || plan.dry_run {
        return Ok(false);
    }
    match from.get(name).await? {
        None => Ok(false),
        Some(now) if now.version == source.version => from.delete(name).await,
        Some(now) => Err(VaultError::Conflict {
            name: name.clone(),
            expected: Expected::Version(source.version),
            found: Some(now.version),
        }),
    }
}

fn wanted(plan: &Move, name: &TokenName) -> bool {
    plan.only.is_empty() || plan.only.iter().any(|only| same_key(only, name))
}

fn same_key(a: &TokenName, b: &TokenName) -> bool {
    (a.service(), a.key()) == (b.service(), b.key())
}

fn read_only(store: &'static str) -> VaultError {
    VaultError::ReadOnly { store, how: "move without deleting, and unset the variables yourself".to_owned() }
}
