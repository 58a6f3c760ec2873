//! Where to listen, and who is believed: addresses, ranges of them, browser origins.

use std::net::{IpAddr, SocketAddr};

use super::TextValue;

/// An address and port to listen on.
pub(crate) type Listen = SocketAddr;

impl TextValue for SocketAddr {
    const FORMAT: &'static str = "keyward-listen";
    const NOUN: &'static str = "an address and port";
    const EXAMPLE: &'static str = "127.0.0.1:8080";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "is an IP address, a colon and a port; port 0 picks a free one".to_owned())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// An address, or all that share its first bits (CIDR, RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressRange {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

impl TextValue for AddressRange {
    const FORMAT: &'static str = "keyward-address-range";
    const NOUN: &'static str = "an address range";
    const EXAMPLE: &'static str = "10.0.0.0/8";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "is an IP address, or one with the number of leading bits that count".to_owned();
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), str::parse::<u8>).map_err(|_| wrong())?;
        if prefix > bits { Err(format!("has at most {bits} leading bits")) } else { Ok(Self { address, prefix }) }
    }

    fn to_text(&self) -> String {
        format!("{}/{}", self.address, self.prefix)
    }
}

/// A browser's origin (RFC 6454 §6.2), as in the `Origin` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(pub(crate) String);

impl TextValue for Origin {
    const FORMAT: &'static str = "keyward-origin";
    const NOUN: &'static str = "an origin";
    const EXAMPLE: &'static str = "https://app.example.com";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "is scheme, host and port as a browser sends them, with nothing behind".to_owned();
        let url = url::Url::parse(text).map_err(|_| wrong())?;
        let origin = url.origin().ascii_serialization();
        if origin == text.trim_end_matches('/') { Ok(Self(origin)) } else { Err(wrong()) }
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

/// The name or address in a `Host` header (RFC 9110 §7.2), without the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostName(pub(crate) String);

impl TextValue for HostName {
    const FORMAT: &'static str = "keyward-host";
    const NOUN: &'static str = "a host";
    const EXAMPLE: &'static str = "mcp.internal";

    fn parse(text: &str) -> Result<Self, String> {
        match url::Host::parse(text) {
            Ok(host) if host.to_string() == text => Ok(Self(text.to_owned())),
            _ => Err("is a name in small letters or an address, without a port".to_owned()),
        }
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_bounds() {
        assert_eq!(AddressRange::parse("10.0.0.1").expect("one address").prefix, 32);
        assert_eq!(AddressRange::parse("fd00::/8").expect("range").prefix, 8);
        for bad in ["10.0.0.0/33", "::/129", "10.0.0.0/", "example.com", "10.0.0.0/-1"] {
            assert!(AddressRange::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_have_no_port() {
        for good in ["mcp.internal", "localhost", "10.0.0.1", "[::1]"] {
            assert!(HostName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "h:80", "https://h", "H", "a b"] {
            assert!(HostName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn origins_have_nothing_behind() {
        assert!(Origin::parse("http://localhost:6274").is_ok());
        for bad in ["https://h/path", "h", "null", "*"] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }
}
