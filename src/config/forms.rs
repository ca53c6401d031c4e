//! The forms a text setting can have, each with its check. A message says what is expected and never repeats a secret.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::secret::KeyDigest;

#[derive(Debug)]
pub(super) struct Form {
    /// What it looks like, for the table of settings.
    pub(super) name: &'static str,
    /// Whether the value must not be shown.
    pub(super) secret: bool,
    /// Says what is wrong, in words that follow the value.
    pub(super) check: fn(&str) -> Result<(), String>,
}

pub(super) const TEXT: Form = Form { name: "text", secret: false, check: not_empty };
pub(super) const PATH: Form = Form { name: "path", secret: false, check: not_empty };
pub(super) const NAME: Form = Form { name: "name", secret: false, check: name };
pub(super) const PREFIX: Form = Form { name: "text of 0 to 64 of A-Z a-z 0-9 - . _ :", secret: false, check: prefix };
pub(super) const ADDRESS: Form = Form { name: "IP:PORT", secret: false, check: address };
pub(super) const NETWORK: Form = Form { name: "network", secret: false, check: network };
pub(super) const ORIGIN: Form = Form { name: "origin", secret: false, check: origin };
pub(super) const UTC_OFFSET: Form = Form { name: "±HH:MM", secret: false, check: utc_offset };
pub(super) const LOG_FILTER: Form = Form { name: "filter", secret: false, check: log_filter };
pub(super) const REDIS_URL: Form = Form { name: "URL", secret: true, check: redis_url };
pub(super) const SECRET: Form = Form { name: "secret", secret: true, check: secret };
pub(super) const SIGNING_SECRET: Form =
    Form { name: "secret of 16 bytes or more", secret: true, check: signing_secret };
pub(super) const DIGEST: Form = Form { name: "64 hex digits", secret: true, check: digest };

/// Longest name: it becomes part of every key of the store.
const MAX_NAME_CHARS: usize = 64;

/// Below this a signing secret can be guessed from one signature. 32 bytes are advised (RFC 7518, section 3.2).
const MIN_SIGNING_SECRET_BYTES: usize = 16;

/// A network, or a single address as the network that holds only it.
pub fn parse_network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn require(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn not_empty(text: &str) -> Result<(), String> {
    require(!text.trim().is_empty(), "must not be empty")
}

fn name(text: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let well_formed = (1..=MAX_NAME_CHARS).contains(&text.len()) && text.bytes().all(allowed);
    require(well_formed, "is not a name: 1 to 64 of A-Z a-z 0-9 - . _")
}

fn prefix(text: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let well_formed = text.len() <= MAX_NAME_CHARS && text.bytes().all(allowed);
    require(well_formed, "is not a prefix: 0 to 64 of A-Z a-z 0-9 - . _ :")
}

fn address(text: &str) -> Result<(), String> {
    require(text.parse::<SocketAddr>().is_ok(), "is not IP:PORT, such as 127.0.0.1:7600 or [::1]:7600")
}

fn network(text: &str) -> Result<(), String> {
    require(parse_network(text).is_some(), "is not a network, such as 10.0.0.0/8 or 192.0.2.7")
}

/// RFC 6454, section 6.2: scheme, host and optional port, as browsers send it.
fn origin(text: &str) -> Result<(), String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    require(!host.is_empty() && host.bytes().all(allowed), "is not an origin, such as https://play.example.com")
}

fn utc_offset(text: &str) -> Result<(), String> {
    let [sign @ (b'+' | b'-'), rest @ ..] = text.as_bytes() else { return require(false, UTC_OFFSET_WANTED) };
    let &[h1, h2, b':', m1, m2] = rest else { return require(false, UTC_OFFSET_WANTED) };
    let digits = [h1, h2, m1, m2].iter().all(u8::is_ascii_digit);
    let furthest = if *sign == b'+' { *b"14:00" } else { *b"12:00" };
    require(digits && m1 <= b'5' && [h1, h2, b':', m1, m2] <= furthest, UTC_OFFSET_WANTED)
}

const UTC_OFFSET_WANTED: &str = "is not an offset from -12:00 to +14:00, such as +09:00";

fn log_filter(text: &str) -> Result<(), String> {
    let parsed = tracing_subscriber::EnvFilter::builder().parse(text);
    parsed.map(drop).map_err(|error| format!("is not a log filter, such as info or warn,guildhall=debug: {error}"))
}

fn redis_url(text: &str) -> Result<(), String> {
    let host = text.strip_prefix("redis://").or_else(|| text.strip_prefix("rediss://")).unwrap_or_default();
    require(!host.is_empty(), "is not a URL that begins with redis:// or rediss://")
}

fn secret(text: &str) -> Result<(), String> {
    not_empty(text)?;
    require(text.trim() == text, "begins or ends with white space")
}

fn signing_secret(text: &str) -> Result<(), String> {
    secret(text)?;
    let short = format!("is too weak with {} bytes: at least 16, better 32 random ones", text.len());
    require(text.len() >= MIN_SIGNING_SECRET_BYTES, &short)
}

fn digest(text: &str) -> Result<(), String> {
    require(KeyDigest::from_hex(text).is_some(), "is not a SHA-256 digest in 64 hex digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(form: &Form, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!((form.check)(text), Ok(()), "{}: {text:?}", form.name);
        }
        for text in bad {
            assert!((form.check)(text).is_err(), "{}: {text:?}", form.name);
        }
    }

    #[test]
    fn each_form_admits_what_it_says() {
        admits(&NAME, &["a", "my-game_1.0"], &["", "a b", "a/b", "{a}", "é", &"x".repeat(65)]);
        admits(&PREFIX, &["", "playwave_", "a:"], &["a b", "é", &"x".repeat(65)]);
        admits(&ADDRESS, &["127.0.0.1:0", "[::1]:7600"], &["", "7600", "localhost:7600", "127.0.0.1", "127.0.0.1:x"]);
        admits(&NETWORK, &["10.0.0.0/8", "192.0.2.7", "::1", "fd00::/8"], &["", "10.0.0.0/33", "ten"]);
        admits(&ORIGIN, &["https://a.example", "http://localhost:3000"], &["", "a.example", "https://a/", "https://A"]);
        admits(&UTC_OFFSET, &["+00:00", "-12:00", "+14:00", "+05:30"], &["", "Z", "+9", "+14:01", "-13:00", "+01:60"]);
        admits(&LOG_FILTER, &["info", "warn,guildhall=debug"], &["guildhall=loud"]);
        admits(&REDIS_URL, &["redis://h:6379", "rediss://u:p@h"], &["", "redis://", "http://h"]);
        admits(&SECRET, &["x"], &["", "  ", " x", "x\n"]);
        admits(&SIGNING_SECRET, &["0123456789abcdef"], &["", "0123456789abcde"]);
        admits(&DIGEST, &[&"0f".repeat(32)], &["", "0f"]);
    }
}
