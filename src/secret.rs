//! Secrets in memory: keys that callers present and keys that sign.
//!
//! Guarantees that a secret is never printed by `Debug` or `Display`, and that comparing tells an attacker nothing by
//! its duration. Erasing memory is left out: every key lives as long as the process.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A key in clear text.
#[derive(Clone)]
pub struct Secret(String);

/// The SHA-256 of a key, enough to recognise a caller who presents it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyDigest([u8; 32]);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// 256 random bits in hex.
    pub fn random() -> Self {
        Self(hex(&rand::random::<[u8; 32]>()))
    }

    /// Whether `candidate` is this secret, in time that depends on neither.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.digest().matches(candidate)
    }

    /// The clear text, for signing and for handing it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.0.as_bytes())
    }
}

impl KeyDigest {
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Reads 64 hexadecimal digits; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let byte = |at: usize| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).expect("checked to be hex digits");
        digits.then(|| Self(std::array::from_fn(byte)))
    }

    /// Whether `candidate` is the key with this digest. Digests have one length, so that of the key does not leak.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.0.ct_eq(&Self::of(candidate).0).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_match() {
        let secret = Secret::new("certification-key");
        assert!(secret.matches(b"certification-key"));
        for other in ["", "certification-ke", "certification-keyx", "Certification-key"] {
            assert!(!secret.matches(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("hush");
        assert!(!format!("{secret} {secret:?} {:?}", secret.digest()).contains("hush"));
    }

    #[test]
    fn random_secrets_have_256_bits_and_differ() {
        let (a, b) = (Secret::random(), Secret::random());
        assert_eq!(a.expose().len(), 64);
        assert_ne!(a.expose(), b.expose());
    }

    #[test]
    fn a_digest_is_read_from_64_hex_digits_only() {
        // FIPS 180-4, SHA-256 of "abc".
        let abc = "BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(KeyDigest::from_hex(abc).expect("hex").matches(b"abc"));
        for bad in ["", "ba78", &abc[1..], &format!("{abc}0"), &abc.replace('B', "g"), &"é".repeat(32)] {
            assert_eq!(KeyDigest::from_hex(bad), None, "{bad}");
        }
    }
}
