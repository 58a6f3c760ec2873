//! `kill -9` at random points of what changes keys: nothing is lost, nothing is sealed with a lost key, and it goes on.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::postgres;
use serde_json::{Value, json};

const TOKENS: usize = 240;

/// Where chance comes from; the seed is printed, so that a run can be looked into.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let seed = RandomState::new().build_hasher().finish() | 1;
        eprintln!("seed {seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after it began.
    After(Duration),
    /// When it has said so many lines of its progress.
    AtLine(u64),
}

/// Starts a command and kills it; whether it was still running then.
fn kill(keyward: &Keyward, arguments: &[&str], input: &str, moment: Moment) -> Result<bool> {
    let mut command = keyward.command(arguments)?;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may be gone before it reads.
        let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
    }
    match moment {
        Moment::After(delay) => std::thread::sleep(delay),
        Moment::AtLine(line) => {
            let said = BufReader::new(child.stderr.take().context("standard error")?).lines();
            let _ = said.take(usize::try_from(line)?).count();
        }
    }
    end(child)
}

fn end(mut child: Child) -> Result<bool> {
    let was_running = child.try_wait()?.is_none();
    if was_running {
        child.kill()?;
    }
    child.wait()?;
    Ok(was_running)
}

/// A cabinet with tokens, and what is in it.
struct Cabinet {
    keyward: Keyward,
    values: BTreeMap<String, String>,
}

impl Cabinet {
    fn filled(storage: &str) -> Result<Self> {
        let configuration = Configuration::on(storage).section("[next_keys]\npath = \"other.key\"\n");
        let keyward = Keyward::configured(&configuration)?;
        let values: BTreeMap<String, String> =
            (0..TOKENS).map(|at| (format!("service-{}/key{at}", at % 7), format!("value {at}"))).collect();
        let all: Vec<_> = values.iter().collect();
        keyward.put_token(all[0].0, all[0].1)?;
        std::thread::scope(|scope| {
            let threads = all.chunks(TOKENS / 4).map(|part| {
                let keyward = &keyward;
                scope.spawn(move || part.iter().try_for_each(|(name, value)| keyward.put_token(name, value)))
            });
            threads.collect::<Vec<_>>().into_iter().try_for_each(|thread| thread.join().expect("no panic"))
        })?;
        Ok(Self { keyward, values })
    }

    fn opens(&self, name: &str) -> Result<()> {
        let value = self.keyward.run_ok(&["token", "show", name, "--reveal"], "")?;
        ensure!(value.trim_end() == self.values[name], "{name} is {value:?}, not {:?}", self.values[name]);
        Ok(())
    }

    /// Every row is there, and under a key that is there. What a write beside a rotation sealed a moment before may come
    /// after its key was retired; such a key is kept, and the next rotation takes the row along.
    fn is_whole(&self) -> Result<Vec<Value>> {
        let keys = self.keyward.list(&["key", "list"])?.as_array().cloned().context("a list")?;
        let rows = |key: &Value| key["rows"].as_u64().unwrap_or_default();
        // Beside the tokens there is the key of fingerprints.
        let all: u64 = keys.iter().map(rows).sum();
        ensure!(all == TOKENS as u64 + 1, "{all} rows are under known keys: {keys:?}");
        ensure!(keys.iter().filter(|key| key["state"] == "active").count() == 1, "{keys:?}");
        Ok(keys)
    }

    fn name(&self, chance: &mut Chance) -> String {
        let at = chance.below(TOKENS as u64) as usize;
        self.values.keys().nth(at).cloned().expect("a name")
    }

    /// Rotations that are killed, with a write beside some of them.
    fn kill_rotations(&mut self, rounds: usize, chance: &mut Chance) -> Result<()> {
        let begun = Instant::now();
        self.keyward.run_ok(&["key", "rotate"], "")?;
        let whole = begun.elapsed();
        let (mut killed, mut resumed) = (0, 0);
        for round in 0..rounds {
            let moment = match chance.below(2) {
                0 => Moment::After(whole.mul_f64(chance.below(1_200) as f64 / 1_000.0)),
                _ => Moment::AtLine(1 + chance.below(5)),
            };
            let written = (chance.below(4) == 0).then(|| (self.name(chance), format!("round {round}")));
            let writing = written.as_ref().map(|(name, value)| {
                let mut command = self.keyward.command(&["token", "set", name])?;
                let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
                let mut stdin = child.stdin.take().context("standard input")?;
                std::io::Write::write_all(&mut stdin, value.as_bytes())?;
                anyhow::Ok(child)
            });
            killed += usize::from(kill(&self.keyward, &["key", "rotate"], "", moment)?);
            if let (Some(writing), Some((name, value))) = (writing, written) {
                ensure!(writing?.wait()?.success(), "a write beside a rotation failed");
                self.values.insert(name.clone(), value);
                self.opens(&name)?;
            }
            let round_told = || format!("round {round}, killed {moment:?}");
            self.is_whole().with_context(round_told)?;
            if round % 5 == 0 {
                self.opens(&self.name(chance)).with_context(round_told)?;
            }
            if round % 10 == 9 {
                let done = self.keyward.list(&["key", "rotate"])?;
                resumed += usize::from(done["resumed"] == true);
                let keys = self.is_whole()?;
                let left =
                    |key: &&Value| key["state"] == "decrypt_only" || key["state"] == "retired" && key["rows"] != 0;
                ensure!(done["unopened"] == json!([]), "{done}");
                ensure!(
                    keys.iter().filter(left).count() == 0,
                    "a rotation that was not killed leaves keys in use: {keys:?}"
                );
            }
        }
        eprintln!("{rounds} rounds: {killed} killed in the middle; {resumed} rotations went on");
        ensure!(killed >= rounds / 3, "only {killed} of {rounds} were killed before they ended");
        // This opens every row, where it is; that the values are the right ones is looked at here and there.
        let done = self.keyward.list(&["key", "rotate"])?;
        ensure!(done["resealed"] == TOKENS + 1 && done["unopened"] == json!([]), "{done}");
        for name in self.values.keys().step_by(8) {
            self.opens(name)?;
        }
        Ok(())
    }
}

#[test]
fn rotations_of_the_data_key_on_sqlite() -> Result<()> {
    Cabinet::filled("sqlite:keyward.db")?.kill_rotations(200, &mut Chance::new())
}

#[test]
fn rotations_of_the_data_key_on_postgres() -> Result<()> {
    Cabinet::filled(&postgres::new_database()?)?.kill_rotations(30, &mut Chance::new())
}

#[test]
fn rotations_of_the_root_key() -> Result<()> {
    let mut chance = Chance::new();
    let cabinet = Cabinet::filled("sqlite:keyward.db")?;
    let keyward = &cabinet.keyward;
    let forwards = || std::fs::rename(keyward.path("other.key"), keyward.path("keyward.key"));
    let begun = Instant::now();
    keyward.run_ok(&["key", "rotate", "--root"], "")?;
    let whole = begun.elapsed();
    // As the operator does: what was next is the present one. The way on has a new file.
    forwards()?;
    let mut moved = 0;
    for round in 0..40 {
        let before = keyward.list(&["key", "list"])?[0]["root_key"].clone();
        let delay = whole.mul_f64(chance.below(1_500) as f64 / 1_000.0);
        kill(keyward, &["key", "rotate", "--root"], "", Moment::After(delay))?;
        // All data keys are under the one root key or under the other, and the configuration opens them.
        let keys = cabinet.is_whole().with_context(|| format!("round {round}, killed after {delay:?}"))?;
        ensure!(keys.iter().all(|key| key["root_key"] == keys[0]["root_key"]), "{keys:?}");
        cabinet.opens(&cabinet.name(&mut chance)).with_context(|| format!("round {round}, killed after {delay:?}"))?;
        if keys[0]["root_key"] != before {
            moved += 1;
            forwards()?;
        }
    }
    eprintln!("the root key was changed {moved} times in 40 rounds");
    ensure!(keyward.run_ok(&["key", "rotate", "--root"], "")?.contains("wrapped with"), "it does not end");
    for name in cabinet.values.keys().take(20) {
        cabinet.opens(name)?;
    }
    Ok(())
}

#[test]
fn first_starts() -> Result<()> {
    let mut chance = Chance::new();
    let whole = Instant::now();
    Keyward::configured(&Configuration::sqlite())?.put_token("notes/key", "value")?;
    let whole = whole.elapsed();
    for round in 0..40 {
        let keyward = Keyward::configured(&Configuration::sqlite())?;
        let delay = whole.mul_f64(chance.below(1_100) as f64 / 1_000.0);
        kill(&keyward, &["token", "set", "notes/key"], "value", Moment::After(delay))?;
        let round = || format!("round {round}, killed after {delay:?}");
        keyward.put_token("notes/key", "second value").with_context(round)?;
        let value = keyward.run_ok(&["token", "show", "notes/key", "--reveal"], "").with_context(round)?;
        ensure!(value.trim_end() == "second value", "{value:?}, {}", round());
        let keys = keyward.list(&["key", "list"]).with_context(round)?;
        ensure!(keys.as_array().is_some_and(|keys| keys.len() == 1), "{keys}, {}", round());
    }
    Ok(())
}
