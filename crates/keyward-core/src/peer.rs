//! Where a request came from.

use std::net::IpAddr;

/// The address of the client of a request, after the proxies that the configuration trusts; an extension of the
/// request, put there by the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What limits count by: an IPv4 address as it is; of an IPv6 address the first 64 bits, since whoever has one address
    /// of such a network has all of them (RFC 4291 §2.5.4). An IPv4-mapped address is the IPv4 address.
    pub fn network(&self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            }
            v4 @ IpAddr::V4(_) => v4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ipv6_network_counts_as_one() {
        let network = |text: &str| ClientAddress(text.parse().expect("address")).network().to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
