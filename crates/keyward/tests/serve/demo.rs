use rustix::process::Signal;

use crate::process::{Place, Process, get, mode};

const LAST: &str = "Ctrl-C stops it.";

#[test]
fn the_demo_tells_what_to_do_and_finds_its_state_again() {
    let place = Place::new("");
    let (mut first, said) = start(&place);
    assert!(said.contains("State is kept in keyward-demo"), "{said}");
    assert!(said.contains("claude mcp add --transport http keyward-demo http://127.0.0.1:"), "{said}");
    let (link, fingerprint) = (word_after(&said, "First account"), word_after(&said, "fingerprint"));
    let (_, rest) = link.split_once("://").expect("a URL");
    let (address, path) = rest.split_once('/').expect("a path");
    let page = get(address.parse().expect("an address"), &format!("/{path}"));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("password_again"), "{page}");
    assert!(fingerprint.starts_with("sha256:"), "{said}");
    first.signal(Signal::INT);
    let ended = first.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(mode(&place.path("keyward-demo/keyward.key")), 0o600);

    let (mut second, said) = start(&place);
    assert!(said.contains("State of an earlier run was found in keyward-demo"), "{said}");
    assert_eq!(word_after(&said, "fingerprint"), fingerprint, "the token is the same");
    assert_ne!(word_after(&said, "First account"), link, "a fresh link, as long as there is no account");
    second.signal(Signal::INT);
    assert_eq!(second.wait().code, Some(0));
}

#[test]
fn a_port_that_is_taken_is_said_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let place = Place::new("");
    let ended = place.run(&format!("demo --listen {address}"));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("--listen"), "{}", ended.stderr);
}

fn start(place: &Place) -> (Process, String) {
    Process::reading(place.command("demo --listen 127.0.0.1:0").spawn().expect("the binary runs"), LAST)
}

fn word_after(text: &str, before: &str) -> String {
    let (_, rest) = text.split_once(before).expect(before);
    rest.split_whitespace().next().expect("a word").to_owned()
}
