//! A stand-in for Infisical, for tests: neither its server nor its cloud can be had where these tests run.
//!
//! It keeps state as Infisical's public source describes it (checked against `Infisical/infisical`, `backend/src`: the routers
//! `v3/deprecated-secret-router`, `v1/secret-folder-router`, `v1/identity-universal-auth-router`, the services
//! `secret-v2-bridge`, `secret-folder` and `identity-access-token`, and the error handler): versions that count up by one with
//! every update, values trimmed, 400 for what exists already, 404 for what does not, missing folders above a new folder
//! made with it, no metadata on earlier versions, versions of a deleted secret left behind. Where a request has not the form that
//! Infisical's schema asks for, it answers 422. It knows one project, one environment and one machine identity. It encrypts
//! nothing, checks no permissions, and has no approvals, imports or references of its own.
//!
//! Every request is recorded, whole. [`Server::next`] puts an answer or an act before a request that is still to come, so that a
//! test decides what goes wrong when.

mod api;
mod http;
mod secrets;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

pub use http::Answer;
pub use secrets::Secrets;

/// The project there is.
pub const PROJECT: &str = "9f3d1a52-7a55-4f6b-9b57-0d6d0a9f1c11";
/// Its environment.
pub const ENVIRONMENT: &str = "prod";
/// The client id of the machine identity.
pub const CLIENT_ID: &str = "5c8e2c6b-0d53-4a70-8e09-3f1f64f4ad2e";
/// Its client secret.
pub const CLIENT_SECRET: &str = "stand-in-client-secret-0a1b2c3d4e5f";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The method.
    pub method: String,
    /// The path, as it was written.
    pub path: String,
    /// The query's parameters.
    pub query: BTreeMap<String, String>,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; null when there was none.
    pub body: Value,
    /// The status it was answered with.
    pub status: u16,
}

/// What happens when a request comes, before it is answered.
type Act = Box<dyn FnOnce(&mut Secrets) -> Option<Answer> + Send>;

pub(crate) struct State {
    pub(crate) secrets: Secrets,
    pub(crate) tokens: Tokens,
    pub(crate) arrived: Vec<Arrived>,
    acts: VecDeque<(String, String, Act)>,
}

/// The access tokens it gave out.
pub(crate) struct Tokens {
    pub(crate) given: u64,
    /// Those up to this one are taken no more.
    pub(crate) ended: u64,
    /// How long they live, in seconds.
    pub(crate) life: u64,
    /// Whether answers come with members in another order, more of them, and null where that may be.
    pub(crate) varied: bool,
}

/// The server, on a port of its own. Its threads end with the process.
#[derive(Clone)]
pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Starts it.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let tokens = Tokens { given: 0, ended: 0, life: 7_200, varied: false };
        let state = State { secrets: Secrets::default(), tokens, arrived: Vec::new(), acts: VecDeque::new() };
        let server = Self { address: listener.local_addr()?, state: Arc::new(Mutex::new(state)) };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = own.clone();
                std::thread::spawn(move || http::serve(stream, |request| server.answer(request)));
            }
        });
        Ok(server)
    }

    /// Its site URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived so far.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.state().arrived.clone()
    }

    /// Forgets what has arrived.
    pub fn forget(&self) {
        self.state().arrived.clear();
    }

    /// Looks at the secrets, or changes them as somebody at Infisical's own pages does.
    pub fn secrets<T>(&self, look: impl FnOnce(&mut Secrets) -> T) -> T {
        look(&mut self.state().secrets)
    }

    /// Does `act` when the next request of this method comes whose path begins like this; what it gives is the answer.
    pub fn next(&self, method: &str, path: &str, act: impl FnOnce(&mut Secrets) -> Option<Answer> + Send + 'static) {
        self.state().acts.push_back((method.to_owned(), path.to_owned(), Box::new(act)));
    }

    /// Takes no access token any more that was given so far.
    pub fn end_tokens(&self) {
        let tokens = &mut self.state().tokens;
        tokens.ended = tokens.given;
    }

    /// Gives access tokens that live this long, in seconds.
    pub fn token_life(&self, seconds: u64) {
        self.state().tokens.life = seconds;
    }

    /// From now on answers with members in another order, with more of them, and with null where that may be.
    pub fn vary(&self) {
        self.state().tokens.varied = true;
    }

    fn answer(&self, mut request: Arrived) -> Answer {
        let act = {
            let mut state = self.state();
            let wanted = |(method, path, _): &(String, String, Act)| {
                *method == request.method && request.path.starts_with(path.as_str())
            };
            state.acts.iter().position(wanted).and_then(|at| state.acts.remove(at))
        };
        let mut state = self.state();
        let told = act.and_then(|(_, _, act)| act(&mut state.secrets));
        let answer = told.unwrap_or_else(|| api::answer(&mut state, &request));
        request.status = answer.status;
        state.arrived.push(request);
        drop(state);
        std::thread::sleep(answer.after);
        answer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
