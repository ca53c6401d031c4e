//! Login keys: HS256 JWTs (RFC 7519) as the chat HTTP API would issue them, signed here so that a storm of logins is a
//! storm of logins and not one of HTTP calls.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Longer than any run.
const VALID_SECS: u64 = 24 * 3600;

/// Signs login keys of one game. Cloning it spares the hashing of the secret.
#[derive(Clone)]
pub(crate) struct Signer {
    game_index: u32,
    issued: u64,
    keyed: Hmac<Sha256>,
    header: String,
}

impl Signer {
    pub(crate) fn new(game_index: u32, secret: &str) -> Self {
        let keyed = Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        let issued = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { game_index, issued, keyed, header: URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#) }
    }

    pub(crate) fn login_key(&self, player: i64) -> String {
        let (game_index, iat, exp) = (self.game_index, self.issued, self.issued + VALID_SECS);
        let claims = format!(r#"{{"gameIndex":{game_index},"playerId":{player},"iat":{iat},"exp":{exp}}}"#);
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.keyed.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_signed_over_its_header_and_claims() {
        let mut signer = Signer::new(7, "secret-of-the-test");
        signer.issued = 1_700_000_000;
        // Signed by another implementation (Python's hmac module).
        let (header, claims) = (
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
            "eyJnYW1lSW5kZXgiOjcsInBsYXllcklkIjo1MDAxLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDA4NjQwMH0",
        );
        let expected = format!("{header}.{claims}.SSNitmiz4vEGqHpJwiMLfcQDn1c5njy54qEEOZ2kaZo");
        assert_eq!(signer.login_key(5001), expected);
    }
}
