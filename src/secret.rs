//! Secrets in memory: keys that callers present and keys that sign.
//!
//! Guarantees that a secret is never printed by `Debug` or `Display`, and that comparing tells an attacker nothing by
//! its duration. Erasing memory is left out: every key lives as long as the process.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
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

    /// HMAC-SHA256 of `parts` with this key, in lower-case hex.
    pub fn sign(&self, parts: &[&[u8]]) -> String {
        hex(&self.mac(parts).finalize().into_bytes())
    }

    /// Whether `signature` is what [`Self::sign`] gives, in time that depends on neither.
    pub fn has_signed(&self, parts: &[&[u8]], signature: &str) -> bool {
        let is_lower_case = !signature.bytes().any(|byte| byte.is_ascii_uppercase());
        let signature = KeyDigest::from_hex(signature).filter(|_| is_lower_case);
        signature.is_some_and(|signature| self.mac(parts).verify_slice(&signature.0).is_ok())
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("any length is a key");
        parts.iter().fold(mac, |mac, part| mac.chain_update(part))
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

    /// Whether both are digests of the same key, in time that depends on neither.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    pub fn into_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Whether `candidate` is the key with this digest. Digests have one length, so that of the key does not leak.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.is(&Self::of(candidate))
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

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
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
    fn a_signature_is_lower_case_hex_of_hmac_sha256() {
        // RFC 4231, test case 2.
        let secret = Secret::new("Jefe");
        let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        let signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(secret.sign(&parts), signature);
        assert!(secret.has_signed(&parts, signature));
        for bad in ["", &signature[1..], &signature.to_uppercase(), &signature.replace('5', "6")] {
            assert!(!secret.has_signed(&parts, bad), "{bad}");
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
