//! Who is calling: the peer, or whom a trusted proxy says it calls for.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::config::AddressRange;

/// Proxies whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Vec<AddressRange>);

impl TrustedProxies {
    pub(crate) const fn new(ranges: Vec<AddressRange>) -> Self {
        Self(ranges)
    }

    /// The client's address: from the right, the first that is no trusted proxy. What stands further left was written
    /// by whoever it is, and may be invented.
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.ip().to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let lines: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| contains(range, address))
    }
}

fn contains(range: &AddressRange, address: IpAddr) -> bool {
    let prefix = u32::from(range.prefix);
    match (range.address, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            u32::from(network) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            u128::from(network) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TextValue;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let ranges = trusted.iter().map(|text| AddressRange::parse(text).expect("range")).collect();
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().expect("header"));
        }
        TrustedProxies::new(ranges).client(SocketAddr::new(peer.parse().expect("address"), 1), &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(client(&[], "10.0.0.1", &["203.0.113.7"]), "10.0.0.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &["203.0.113.7"]), "192.0.2.1");
    }

    #[test]
    fn the_first_from_the_right_that_is_no_proxy_counts() {
        let trusted = ["10.0.0.0/8", "::1"];
        assert_eq!(client(&trusted, "10.0.0.1", &["198.51.100.9, 203.0.113.7, 10.1.1.1"]), "203.0.113.7");
        assert_eq!(client(&trusted, "::1", &["198.51.100.9", "203.0.113.7"]), "203.0.113.7");
        assert_eq!(client(&trusted, "::ffff:10.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(client(&trusted, "10.0.0.1", &["junk"]), "10.0.0.1");
        assert_eq!(client(&trusted, "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client(&["0.0.0.0/0"], "10.0.0.1", &["192.0.2.1, 192.0.2.2"]), "192.0.2.1");
    }
}
