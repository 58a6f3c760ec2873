use std::sync::Mutex as StdMutex;
use std::sync::atomic::AtomicUsize;

use keyward_core::clock::ManualClock;
use keyward_outbound::{ClientConfig, Guard, TlsConnector};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::jwt::Algorithm;
use crate::testing::Signer;

/// An issuer's key set on a socket: counts what is fetched, answers what the test says.
struct Issuer {
    answer: Arc<StdMutex<String>>,
    fetches: Arc<AtomicUsize>,
    clock: ManualClock,
    keys: RemoteKeys,
}

impl Issuer {
    async fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/jwks", listener.local_addr().expect("its address")).parse().expect("a URL");
        let (answer, fetches) = (Arc::new(StdMutex::new(answer)), Arc::new(AtomicUsize::new(0)));
        let (shared, counter) = (Arc::clone(&answer), Arc::clone(&fetches));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 1024]).await;
                // Others shall be waiting when it comes.
                tokio::task::yield_now().await;
                let answer = shared.lock().expect("the answer").clone();
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let clock = ManualClock::new(Timestamp::from_seconds(1_800_000_000));
        let client = ClientConfig { guard: Guard::Any, ..ClientConfig::default() };
        let client = Client::new(client, TlsConnector::system());
        let config = ProviderConfig::of("https://issuer.example");
        let keys = RemoteKeys::new(Location::Fixed(url), &config, client, Clock::Manual(clock.clone()));
        Self { answer, fetches, clock, keys }
    }

    fn answer(&self, answer: String) {
        *self.answer.lock().expect("the answer") = answer;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    async fn has(&self, kid: &str) -> Result<bool, TokenError> {
        let found = |keys: &KeySet| keys.find(Some(kid), Algorithm::EdDsa).is_some();
        self.keys.holding(found).await.map(|keys| found(&keys))
    }

    fn seconds_pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn document(kids: &[&'static str], cache_control: &str) -> String {
    let keys: Vec<_> = kids.iter().map(|kid| Signer::new(kid, Algorithm::EdDsa).jwk()).collect();
    let body = json!({ "keys": keys }).to_string();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncache-control: {cache_control}\r\n\r\n{body}", body.len())
}

fn outage() -> String {
    "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_owned()
}

#[tokio::test]
async fn one_fetch_serves_all_who_wait() {
    let issuer = Issuer::start(document(&["a"], "max-age=300")).await;
    let asked = futures_util::future::join_all((0..20).map(|_| issuer.has("a"))).await;
    assert!(asked.iter().all(|found| *found == Ok(true)));
    assert_eq!((issuer.fetches(), issuer.keys.version()), (1, 1));
}

#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_asked_for() {
    let issuer = Issuer::start(document(&["a"], "max-age=86400")).await;
    assert_eq!(issuer.has("a").await, Ok(true));
    issuer.answer(document(&["a", "b"], "max-age=86400"));
    issuer.seconds_pass(10);
    assert_eq!(issuer.has("b").await, Ok(true));
    assert_eq!((issuer.fetches(), issuer.keys.version()), (2, 2));
}

#[tokio::test]
async fn invented_keys_do_not_make_more_fetches() {
    let issuer = Issuer::start(document(&["a"], "max-age=86400")).await;
    assert_eq!(issuer.has("a").await, Ok(true));
    issuer.seconds_pass(10);
    for _ in 0..20 {
        assert_eq!(issuer.has("invented").await, Ok(false));
    }
    assert_eq!(issuer.fetches(), 2);
    assert_eq!(issuer.keys.version(), 1, "the same document changes nothing");
    issuer.seconds_pass(9);
    assert_eq!((issuer.has("invented").await, issuer.fetches()), (Ok(false), 2));
    issuer.seconds_pass(1);
    assert_eq!((issuer.has("invented").await, issuer.fetches()), (Ok(false), 3));
}

#[tokio::test]
async fn it_is_refreshed_ahead_of_its_end_while_the_old_set_serves() {
    let issuer = Issuer::start(document(&["a"], "max-age=400")).await;
    assert_eq!(issuer.has("a").await, Ok(true));
    issuer.answer(document(&["a", "b"], "max-age=400"));
    issuer.seconds_pass(299);
    assert_eq!((issuer.has("a").await, issuer.fetches()), (Ok(true), 1));
    issuer.seconds_pass(1);
    assert_eq!(issuer.has("a").await, Ok(true));
    while issuer.keys.version() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!((issuer.has("b").await, issuer.fetches()), (Ok(true), 2));
}

#[tokio::test]
async fn what_the_issuer_says_of_age_has_bounds() {
    for (cache_control, quiet) in [("no-store", 44), ("max-age=0", 44), ("max-age=999999999", 2699), ("public", 674)] {
        let issuer = Issuer::start(document(&["a"], cache_control)).await;
        assert_eq!(issuer.has("a").await, Ok(true));
        issuer.seconds_pass(quiet);
        assert_eq!(issuer.has("a").await, Ok(true));
        assert!(!issuer.keys.0.refreshing.load(Ordering::SeqCst), "{cache_control}");
        issuer.seconds_pass(1);
        assert_eq!(issuer.has("a").await, Ok(true));
        assert!(issuer.keys.0.refreshing.load(Ordering::SeqCst), "{cache_control}");
    }
}

#[tokio::test]
async fn the_last_good_set_serves_through_an_outage() {
    let issuer = Issuer::start(document(&["a"], "max-age=60")).await;
    assert_eq!(issuer.has("a").await, Ok(true));
    let broken = [outage(), document(&[], ""), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_owned()];
    for answer in broken {
        issuer.answer(answer);
        issuer.seconds_pass(3600);
        assert_eq!(issuer.has("b").await, Err(TokenError::KeysUnavailable), "it may be new");
        assert_eq!(issuer.has("a").await, Ok(true));
    }
    assert_eq!(issuer.fetches(), 4);
    issuer.seconds_pass(86_400);
    assert_eq!(issuer.has("a").await, Err(TokenError::KeysUnavailable), "a day is enough");
    issuer.answer(document(&["a"], "max-age=60"));
    issuer.seconds_pass(10);
    assert_eq!(issuer.has("a").await, Ok(true));
}

#[tokio::test]
async fn what_the_issuer_says_of_age_does_not_lengthen_that() {
    let issuer = Issuer::start(document(&["a"], "max-age=999999999")).await;
    assert_eq!(issuer.has("a").await, Ok(true));
    issuer.answer(outage());
    issuer.seconds_pass(86_399);
    assert_eq!(issuer.has("a").await, Ok(true));
    issuer.seconds_pass(1);
    assert_eq!(issuer.has("a").await, Err(TokenError::KeysUnavailable));
}

#[tokio::test]
async fn an_issuer_that_was_never_reached_is_asked_again_but_not_by_every_call() {
    let issuer = Issuer::start(outage()).await;
    for _ in 0..5 {
        assert_eq!(issuer.has("a").await, Err(TokenError::KeysUnavailable));
    }
    assert_eq!(issuer.fetches(), 1);
    issuer.answer(document(&["a"], ""));
    issuer.seconds_pass(10);
    assert_eq!((issuer.has("a").await, issuer.fetches()), (Ok(true), 2));
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_take_the_fetch_along() {
    let issuer = Issuer::start(document(&["a"], "")).await;
    let reached = async {
        while issuer.fetches() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = issuer.has("a") => panic!("it was to hang up before the answer"),
        () = reached => {}
    }
    assert_eq!((issuer.has("a").await, issuer.fetches()), (Ok(true), 1));
}
