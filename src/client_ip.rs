//! Whose request it is, behind trusted proxies.

use std::net::{IpAddr, Ipv6Addr};

use actix_http::header::HeaderMap;
use ipnet::IpNet;

/// The client's address: the last hop that is not a trusted proxy. `X-Forwarded-For` counts only as far as trusted
/// proxies wrote it.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    let mut client = peer.to_canonical();
    let forwarded = headers.get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let hops: Vec<_> = forwarded.flat_map(|value| value.split(',')).collect();
    for hop in hops.iter().rev() {
        if !is_trusted(&client) {
            break;
        }
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        client = hop.to_canonical();
    }
    client
}

/// As rate limits count clients: IPv6 ones by /64, because a host usually owns one.
pub fn counted_as(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use actix_http::header::{HeaderName, HeaderValue};

    use super::*;

    fn client(peer: &str, forwarded: &str) -> String {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("x-forwarded-for");
        headers.insert(name, HeaderValue::from_str(forwarded).expect("plain text"));
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        client_ip(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn a_header_from_a_stranger_counts_for_nothing() {
        assert_eq!(client("192.0.2.1", "198.51.100.7"), "192.0.2.1");
    }

    #[test]
    fn behind_trusted_proxies_the_last_untrusted_hop_is_the_client() {
        assert_eq!(client("10.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(client("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2"), "198.51.100.7");
        assert_eq!(client("10.0.0.1", "nonsense"), "10.0.0.1");
    }

    #[test]
    fn an_ipv6_client_is_counted_by_its_network() {
        let address = "2001:db8::1:2:3:4";
        assert_eq!(client(address, ""), address);
        assert_eq!(counted_as(address.parse().expect("an address")).to_string(), "2001:db8::");
    }
}
