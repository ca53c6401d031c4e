//! The login key: the HS256 JWT a game server obtains for its player ("Hive Chat, user token").

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::PlayerId;

/// The claims of a login key; times in seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    pub game_index: i64,
    pub player_id: PlayerId,
    pub iat: i64,
    pub exp: i64,
}

/// Makes a login key signed with `secret`.
pub fn mint(secret: &[u8], claims: &Claims) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret))
        .expect("HS256 over plain claims always signs")
}

/// Whether `key` was signed with `secret` by HS256 for this player of this game and is valid at `now`.
/// Times may be off by `leeway` either way.
pub fn verify(
    secret: &[u8],
    key: &str,
    game_index: i64,
    player_id: PlayerId,
    now: Timestamp,
    leeway: Duration,
) -> bool {
    let Ok(token) = decode::<Claims>(key, &DecodingKey::from_secret(secret), &pinned()) else { return false };
    let claims = token.claims;
    let at = |seconds: i64| Timestamp(seconds.saturating_mul(1000));
    claims.game_index == game_index
        && claims.player_id == player_id
        && now < at(claims.exp) + leeway
        && at(claims.iat) <= now + leeway
}

/// HS256 and nothing else. The times are checked by [`verify`] against the `now` it is given.
fn pinned() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    // The contract names no audience; a key that has one is none the worse.
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const LEEWAY: Duration = Duration::from_secs(30);

    fn claims() -> Claims {
        Claims { game_index: 7, player_id: PlayerId(5001), iat: 1_700_000_000, exp: 1_700_003_600 }
    }

    fn accepted(key: &str) -> bool {
        verify(SECRET, key, 7, PlayerId(5001), NOW, LEEWAY)
    }

    #[test]
    fn the_player_it_was_made_for_is_accepted() {
        assert!(accepted(&mint(SECRET, &claims())));
    }

    #[test]
    fn another_secret_game_or_player_is_refused() {
        assert!(!accepted(&mint(b"another-secret-another-secret-00", &claims())));
        assert!(!accepted(&mint(SECRET, &Claims { game_index: 8, ..claims() })));
        assert!(!accepted(&mint(SECRET, &Claims { player_id: PlayerId(5002), ..claims() })));
    }

    #[test]
    fn times_are_checked_with_the_leeway_and_no_more() {
        let expired = |ago: i64| mint(SECRET, &Claims { exp: 1_700_000_000 - ago, ..claims() });
        assert!(accepted(&expired(29)));
        assert!(!accepted(&expired(30)));
        let issued = |ahead: i64| mint(SECRET, &Claims { iat: 1_700_000_000 + ahead, ..claims() });
        assert!(accepted(&issued(30)));
        assert!(!accepted(&issued(31)));
    }

    #[test]
    fn a_key_with_more_claims_is_none_the_worse() {
        let claims = serde_json::json!({
            "gameIndex": 7, "playerId": 5001, "iat": 1_700_000_000, "exp": 1_700_003_600, "aud": "game", "x": 1,
        });
        let key = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET)).expect("signs");
        assert!(accepted(&key));
    }

    #[test]
    fn other_algorithms_and_garbage_are_refused() {
        let key = EncodingKey::from_secret(SECRET);
        let hs512 = encode(&Header::new(Algorithm::HS512), &claims(), &key).expect("signs");
        assert!(!accepted(&hs512));
        let payload = mint(SECRET, &claims()).split('.').nth(1).expect("three parts").to_owned();
        assert!(!accepted(&format!("eyJhbGciOiJub25lIn0.{payload}.")));
        for bad in ["", "..", "a.b.c", "x"] {
            assert!(!accepted(bad), "{bad}");
        }
    }
}
