//! What may be reached: scheme, port, and the rule for addresses. A [`Target`] has passed the first two, a
//! [`CheckedAddress`] all three; only the latter can be connected to.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use crate::address::is_public;
use crate::error::OutboundError;

/// Where requests may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Only https, only to addresses of the public internet: for URLs that strangers name.
    PublicOnly,
    /// Anywhere, http too: for URLs that the operator configured.
    Any,
}

/// Which ports may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// All.
    Any,
    /// These alone.
    Only(&'static [u16]),
}

/// A URL whose scheme and port may be reached.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) url: &'a Url,
    pub(crate) host: Host<&'a str>,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    guard: Guard,
}

/// An address that the guard let through. Connecting takes nothing else, so that a name which resolves differently the
/// second time (DNS rebinding) cannot lead past the check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckedAddress(SocketAddr);

impl<'a> Target<'a> {
    pub(crate) fn of(url: &'a Url, guard: Guard, ports: Ports) -> Result<Self, OutboundError> {
        let tls = match (url.scheme(), guard) {
            ("https", _) => true,
            ("http", Guard::Any) => false,
            _ => return Err(OutboundError::SchemeRefused),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::UserInformation);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(OutboundError::NoHost);
        };
        match ports {
            Ports::Only(allowed) if !allowed.contains(&port) => Err(OutboundError::PortRefused { port }),
            _ => Ok(Self { url, host, port, tls, guard }),
        }
    }

    /// Those of `addresses` that may be reached. A name may lead to both kinds (NAT64 networks add synthetic
    /// addresses to every name), hence the others are passed over rather than the name refused.
    pub(crate) fn check(
        &self,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Vec<CheckedAddress>, OutboundError> {
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in addresses {
            if self.guard == Guard::Any || is_public(address) {
                allowed.push(CheckedAddress(SocketAddr::new(address, self.port)));
            } else {
                refused = Some(address);
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some(address)) => Err(OutboundError::AddressRefused { address }),
            (true, None) => Err(OutboundError::NameUnknown),
        }
    }
}

impl CheckedAddress {
    pub(crate) fn get(self) -> SocketAddr {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn literal(text: &str) -> Result<(), OutboundError> {
        let url = Url::parse(text).map_err(|_| OutboundError::NoHost)?;
        let target = Target::of(&url, Guard::PublicOnly, Ports::Any)?;
        match target.host {
            Host::Ipv4(v4) => target.check([v4.into()]).map(drop),
            Host::Ipv6(v6) => target.check([v6.into()]).map(drop),
            Host::Domain(name) => panic!("{name} is taken as a name"),
        }
    }

    proptest! {
        /// WHATWG URL parsing (§3.5) reads numbers of four bases and one to four parts as IPv4 addresses.
        #[test]
        fn private_addresses_are_refused_in_every_spelling(host: u32, network in prop::sample::select(&[10_u32, 127][..])) {
            let bits = (network << 24) | (host & 0x00ff_ffff);
            let [a, b, c, d] = Ipv4Addr::from_bits(bits).octets();
            let v4 = Ipv4Addr::from_bits(bits);
            for spelling in [
                format!("{v4}"), format!("{v4}."), format!("{bits}"), format!("0x{bits:x}"), format!("0{bits:o}"),
                format!("{a}.{}", bits & 0x00ff_ffff), format!("{a}.{b}.{}", bits & 0xffff),
                format!("0x{a:X}.0{b:o}.{c}.0x{d:x}"),
                format!("[::ffff:{v4}]"), format!("[::{v4}]"), format!("[64:ff9b::{v4}]"),
            ] {
                let answer = literal(&format!("https://{spelling}/"));
                prop_assert!(matches!(answer, Err(OutboundError::AddressRefused { .. })), "{spelling}: {answer:?}");
            }
        }
    }

    #[test]
    fn full_width_digits_and_escapes_are_addresses_too() {
        for text in ["https://１２７.0.0.1/", "https://%31%32%37.0.0.1/", "https://127。0。0。1/"] {
            assert!(matches!(literal(text), Err(OutboundError::AddressRefused { .. })), "{text}");
        }
        assert!(literal("https://1.1.1.1/").is_ok());
    }

    #[test]
    fn schemes_ports_and_user_information() {
        let of = |text: &str, guard, ports| Target::of(&Url::parse(text).expect(text), guard, ports).map(drop);
        let https = Ports::Only(&[443]);
        assert!(of("https://example.com", Guard::PublicOnly, https).is_ok());
        assert!(of("http://example.com", Guard::Any, Ports::Any).is_ok());
        assert!(matches!(of("http://example.com", Guard::PublicOnly, Ports::Any), Err(OutboundError::SchemeRefused)));
        assert!(matches!(of("ftp://example.com", Guard::Any, Ports::Any), Err(OutboundError::SchemeRefused)));
        assert!(matches!(of("file:///etc/passwd", Guard::Any, Ports::Any), Err(OutboundError::SchemeRefused)));
        assert!(matches!(of("https://a@example.com", Guard::Any, Ports::Any), Err(OutboundError::UserInformation)));
        assert!(matches!(
            of("https://example.com:8443", Guard::PublicOnly, https),
            Err(OutboundError::PortRefused { port: 8443 })
        ));
    }

    #[test]
    fn names_with_mixed_addresses_lead_to_the_public_ones_only() {
        let url = Url::parse("https://example.com").expect("url");
        let target = Target::of(&url, Guard::PublicOnly, Ports::Any).expect("target");
        let ip = |text: &str| text.parse::<IpAddr>().expect(text);
        let checked = target.check([ip("10.0.0.1"), ip("1.1.1.1"), ip("64:ff9b::1")]).expect("one is public");
        assert_eq!(checked.iter().map(|address| address.get().to_string()).collect::<Vec<_>>(), ["1.1.1.1:443"]);
        assert!(matches!(target.check([ip("::1")]), Err(OutboundError::AddressRefused { .. })));
        assert!(matches!(target.check([]), Err(OutboundError::NameUnknown)));
    }
}
