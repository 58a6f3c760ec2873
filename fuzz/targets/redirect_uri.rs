//! Any text as a redirect URI: the first line is what a request names, each other line what its client registered.
#![no_main]

use keyward_issuer::fuzzing::redirect;
use keyward_issuer::redirect_uri::{RedirectKind, RedirectUri};
use url::{Position, Url};

fn place(uri: &RedirectUri) -> (Url, Option<u16>) {
    let mut url = Url::parse(uri.as_str()).expect("a URI");
    let port = url.port_or_known_default().filter(|_| uri.kind() != RedirectKind::Loopback);
    if uri.kind() == RedirectKind::Loopback {
        url.set_port(None).expect("http has ports");
    }
    (url, port)
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let asked = lines.next().unwrap_or_default();
    let registered: Vec<_> = lines.take(8).filter_map(|line| RedirectUri::parse(line).ok()).collect();
    for uri in &registered {
        let url = Url::parse(uri.as_str()).expect("a URI");
        let refused = ["javascript", "data", "file", "vbscript", "blob", "ws", "wss"];
        assert!(!refused.contains(&url.scheme()) && url.fragment().is_none() && url.username().is_empty());
        if uri.kind() != RedirectKind::PrivateUse {
            let (_, rest) = uri.as_str().split_once("://").expect("the scheme");
            let host = url.host_str().expect("a host");
            assert!(rest.get(..host.len()).is_some_and(|named| named.eq_ignore_ascii_case(host)));
            assert!(rest[host.len()..].chars().next().is_none_or(|next| matches!(next, ':' | '/' | '?')));
        }
        assert!(!uri.shown_host().is_empty());
    }
    let Some((chosen, answer)) = redirect(&registered, asked) else {
        assert!(registered.iter().all(|own| own.as_str() != asked));
        return;
    };
    assert_eq!(chosen.as_str(), asked);
    assert!(registered.iter().any(|own| place(own) == place(&chosen)));
    let (own, answer) = (Url::parse(asked).expect("a URI"), Url::parse(&answer).expect("a URI"));
    assert_eq!(answer[..Position::AfterPath], own[..Position::AfterPath]);
    let added: Vec<_> = answer.query_pairs().skip(own.query_pairs().count()).collect();
    assert_eq!(added, [("code".into(), "c".into()), ("iss".into(), "https://h".into())]);
});
