//! The names of what a cafe has: its PCs, launchers, one-time tokens and game sessions.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A cafe, which is also the account that pays: 1-64 of `A-Z a-z 0-9 - . _`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CafeId(Arc<str>);

/// A PC within its cafe, named by its launcher: 1-128 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PcId(Arc<str>);

/// What an operator calls a credit, so that a repeat does not pay twice: 1-128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CreditId(Arc<str>);

/// A random UUID behind the prefix of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrefixedUuid<K>(Uuid, PhantomData<K>);

/// What tells one kind of UUID from another.
pub trait Prefix: Copy {
    const PREFIX: &'static str;
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OfSession {}
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OfToken {}
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OfLauncher {}

/// A game session: `gs_` and a UUID ("PlayWave API, verify").
pub type SessionId = PrefixedUuid<OfSession>;
/// A one-time token, the `ott` on the wire: a bare UUID ("PlayWave API, verify").
pub type TokenId = PrefixedUuid<OfToken>;
/// A launcher session: `ls_` and a UUID.
pub type LauncherId = PrefixedUuid<OfLauncher>;

/// How a launcher session is found: by the SHA-256 of its bearer token, so that the store holds no token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LauncherKey(pub [u8; 32]);

impl Prefix for OfSession {
    const PREFIX: &'static str = "gs_";
}

impl Prefix for OfToken {
    const PREFIX: &'static str = "";
}

impl Prefix for OfLauncher {
    const PREFIX: &'static str = "ls_";
}

impl CafeId {
    /// Longest cafe id, in characters.
    pub const MAX_CHARS: usize = 64;

    /// `None` when the text is not a cafe id.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let well_formed = (1..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(allowed);
        well_formed.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PcId {
    /// Longest PC id, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 128;

    /// `None` when the text is not a PC id.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = (1..=Self::MAX_BYTES).contains(&text.len()) && !text.contains(char::is_control);
        well_formed.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CreditId {
    /// Longest credit id, in characters.
    pub const MAX_CHARS: usize = 128;

    /// `None` when the text is not a credit id.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed =
            (1..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        well_formed.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<K: Prefix> PrefixedUuid<K> {
    /// Of 128 random bits, six of which give way to the marks of a random UUID (RFC 9562, section 5.4).
    pub fn from_random(bits: u128) -> Self {
        Self(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid(), PhantomData)
    }

    /// Reads the prefix and a hyphenated UUID in either case; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(K::PREFIX).filter(|digits| digits.len() == HYPHENATED)?;
        Uuid::try_parse(digits).ok().map(|uuid| Self(uuid, PhantomData))
    }
}

/// Characters of a hyphenated UUID. The parser takes other forms too, of other lengths.
const HYPHENATED: usize = 36;

impl LauncherKey {
    /// Reads 64 lower-case hexadecimal digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let well_formed = text.len() == 64 && text.bytes().all(digit);
        let byte = |at: usize| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).expect("checked to be hex digits");
        well_formed.then(|| Self(std::array::from_fn(byte)))
    }
}

impl fmt::Display for CafeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<K: Prefix> fmt::Display for PrefixedUuid<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(K::PREFIX)?;
        f.write_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl<K: Prefix> fmt::Debug for PrefixedUuid<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for LauncherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LauncherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Prefix> Serialize for PrefixedUuid<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Prefix> Deserialize<'de> for PrefixedUuid<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format_args!("{}<uuid>", K::PREFIX)))
    }
}

impl Serialize for LauncherKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LauncherKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("64 lower-case hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_gs_and_a_lower_case_hyphenated_uuid() {
        let id = SessionId::from_random(u128::MAX);
        assert_eq!(id.to_string(), "gs_ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(SessionId::parse(&id.to_string()), Some(id));
        assert_eq!(SessionId::parse("gs_FFFFFFFF-ffff-4fff-bfff-ffffffffffff"), Some(id));
        for bad in ["", "gs_", "ffffffff-ffff-4fff-bfff-ffffffffffff", "gs_ffffffffffff4fffbfffffffffffffff", "gs_é"] {
            assert_eq!(SessionId::parse(bad), None, "{bad}");
        }
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<SessionId>(&text).unwrap(), id);
    }

    #[test]
    fn a_token_is_a_bare_uuid_in_one_form() {
        let token = TokenId::from_random(7);
        assert_eq!(TokenId::parse(&token.to_string()), Some(token));
        for bad in ["urn:uuid:00000000-0000-4000-8000-000000000007", "{00000000-0000-4000-8000-000000000007}", "7"] {
            assert_eq!(TokenId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_cafe_and_a_pc_have_names_that_fit_a_key() {
        for good in ["cafe-1", "A.b_c", &"x".repeat(64)] {
            assert!(CafeId::parse(good).is_some(), "{good}");
        }
        for bad in ["", "a b", "a:b", "{a}", "é", &"x".repeat(65)] {
            assert!(CafeId::parse(bad).is_none(), "{bad}");
        }
        assert!(PcId::parse("창가 3").is_some());
        for bad in ["", "a\n", &"x".repeat(129)] {
            assert!(PcId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_launcher_key_is_read_as_it_is_written() {
        let key = LauncherKey(std::array::from_fn(|at| at as u8 * 8));
        assert_eq!(LauncherKey::parse(&key.to_string()), Some(key));
        assert_eq!(LauncherKey::parse(&"A".repeat(64)), None);
    }
}
