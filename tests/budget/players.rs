//! What players of a game say, and what the server must know of the game.

use guildhall::clock;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

pub(crate) const GAME: &str = "demo";
pub(crate) const GAME_INDEX: i64 = 7;
pub(crate) const LOGIN_KEY_SECRET: &str = "login-key-secret-of-demo-0123456789abcdef";

/// CONNECT with a login key that is good for an hour.
pub(crate) fn connect(player: i64) -> String {
    let now = clock::now().0 / 1000;
    let claims = json!({ "gameIndex": GAME_INDEX, "playerId": player, "iat": now, "exp": now + 3600 });
    let secret = EncodingKey::from_secret(LOGIN_KEY_SECRET.as_bytes());
    let key = jsonwebtoken::encode(&Header::default(), &claims, &secret).expect("claims are encodable");
    let body = json!({ "gameIndex": GAME_INDEX, "playerId": player, "langCode": "en", "loginKey": key });
    json!({ "packetType": "CONNECT", "correlationId": "login", "body": body }).to_string()
}

/// CHANNEL_CHAT.
pub(crate) fn chat(player: i64, channel: &str, message: &str) -> String {
    let body = json!({
        "gameIndex": GAME_INDEX, "from": player, "to": channel, "message": message, "extraData": "", "langCode": "en",
    });
    json!({ "packetType": "CHANNEL_CHAT", "correlationId": "chat", "body": body }).to_string()
}
