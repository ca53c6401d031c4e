//! Login keys made by hand, good and bad. Good ones normally come from the HTTP token API.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::node::{GAME_INDEX, LOGIN_KEY_SECRET};

/// The base64url text of `{"alg":"none","typ":"JWT"}`.
const HEADER_OF_NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

/// A login key in the making. Starts as a good one for the `demo` game.
pub(crate) struct LoginKey {
    claims: Value,
    algorithm: Algorithm,
    secret: String,
}

impl LoginKey {
    /// A good key, valid for an hour from now.
    pub(crate) fn of(player: i64) -> Self {
        let claims = json!({ "gameIndex": GAME_INDEX, "playerId": player });
        let key = Self { claims, algorithm: Algorithm::HS256, secret: LOGIN_KEY_SECRET.to_owned() };
        key.issued(0).expires(3600)
    }

    /// Sets any claim; `null` takes it out.
    pub(crate) fn claim(mut self, name: &str, value: Value) -> Self {
        let claims = self.claims.as_object_mut().expect("claims are an object");
        match value {
            Value::Null => claims.remove(name),
            value => claims.insert(name.to_owned(), value),
        };
        self
    }

    /// Issued so many seconds from now.
    pub(crate) fn issued(self, in_sec: i64) -> Self {
        self.claim("iat", json!(now_sec() + in_sec))
    }

    /// Expires so many seconds from now.
    pub(crate) fn expires(self, in_sec: i64) -> Self {
        self.claim("exp", json!(now_sec() + in_sec))
    }

    pub(crate) fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    pub(crate) fn secret(mut self, secret: &str) -> Self {
        self.secret = secret.to_owned();
        self
    }

    /// The token text.
    pub(crate) fn sign(&self) -> String {
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        jsonwebtoken::encode(&Header::new(self.algorithm), &self.claims, &key).expect("claims are encodable")
    }

    /// The claims under a header that says `"alg":"none"`, without a signature.
    pub(crate) fn unsigned(&self) -> String {
        let signed = self.sign();
        let claims = signed.split('.').nth(1).expect("a token has three parts");
        format!("{HEADER_OF_NONE}.{claims}.")
    }
}

/// Milliseconds of Unix time.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn now_sec() -> i64 {
    now_ms() / 1000
}
