use proptest::prelude::*;

use super::*;

fn public(text: &str) -> bool {
    is_public(text.parse().expect(text))
}

#[test]
fn ordinary_addresses_are_public() {
    for text in ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "168.63.129.17"] {
        assert!(public(text), "{text}");
    }
    for text in ["2606:4700::1111", "2a00:1450:4001::1", "2001:200::1", "2003::1", "2600::"] {
        assert!(public(text), "{text}");
    }
}

#[test]
fn addresses_with_a_special_meaning_are_not() {
    for text in [
        "0.0.0.0",
        "10.1.2.3",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.0.1",
        "198.19.0.1",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        assert!(!public(text), "{text}");
    }
    for text in [
        "::",
        "::1",
        "::ffff:8.8.8.8",
        "::8.8.8.8",
        "::ffff:0:8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2606:4700::5efe:a00:1",
        "2606:4700::200:5efe:a00:1",
    ] {
        assert!(!public(text), "{text}");
    }
}

proptest! {
    #[test]
    fn all_of_a_refused_block_is_refused(block in prop::sample::select(REFUSED_V4), host: u32) {
        let (network, length) = block;
        let host = if length == 32 { 0 } else { host & (u32::MAX >> length) };
        prop_assert!(!is_public(Ipv4Addr::from_bits(network.to_bits() | host).into()));
    }

    #[test]
    fn all_of_a_refused_v6_block_is_refused(block in prop::sample::select(REFUSED_V6), host: u128) {
        let (network, length) = block;
        prop_assert!(!is_public(Ipv6Addr::from_bits(network.to_bits() | (host & (u128::MAX >> length))).into()));
    }

    #[test]
    fn the_standard_library_never_knows_of_more(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
            || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
        prop_assert!(!(special && is_public(v4.into())));
    }

    #[test]
    fn no_v6_spelling_of_a_v4_address_is_public(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let bits = u128::from(bits);
        let forms = [
            v4.to_ipv6_mapped().to_bits(),
            v4.to_ipv6_compatible().to_bits(),
            (0x0064_ff9b_u128 << 96) | bits,
            (0x2002_u128 << 112) | (bits << 80) | 1,
            (0x2001_0000_u128 << 96) | (!bits & 0xffff_ffff),
            (0x2606_4700_u128 << 96) | (0x5efe_u128 << 32) | bits,
        ];
        for form in forms {
            prop_assert!(!is_public(Ipv6Addr::from_bits(form).into()), "{:?}", Ipv6Addr::from_bits(form));
        }
    }

    #[test]
    fn only_global_unicast_v6_is_public(bits: u128) {
        let v6 = Ipv6Addr::from_bits(bits);
        prop_assert!(!is_public(v6.into()) || bits >> 125 == 1);
        let special = v6.is_loopback() || v6.is_multicast() || v6.is_unicast_link_local() || v6.is_unique_local();
        prop_assert!(!(special && is_public(v6.into())));
    }
}
