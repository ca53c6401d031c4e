//! The way to a game session over PlayWave's API: launcher, one-time token, game server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Args;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

const PATIENCE: Duration = Duration::from_secs(30);

/// Who the launchers and game servers are.
#[derive(Args, Clone, Debug)]
pub(crate) struct Keys {
    /// Opens the API for game servers (one of the game's playwave.api_keys)
    #[arg(long, value_name = "KEY", default_value = "api-key-of-the-bench")]
    pub(crate) api_key: String,
    /// Name of the game in the server's configuration
    #[arg(long, value_name = "NAME", default_value = "bench")]
    pub(crate) game: String,
    /// Cafe in which the sessions are played
    #[arg(long, value_name = "ID", default_value = "cafe")]
    pub(crate) cafe_id: String,
    /// Signs what its launchers say
    #[arg(long, value_name = "SECRET", default_value = "cafe-secret-of-the-bench")]
    pub(crate) cafe_secret: String,
}

/// Starts sessions.
pub(crate) struct Launcher<'a> {
    http: ureq::Agent,
    url: &'a str,
    keys: &'a Keys,
}

impl<'a> Launcher<'a> {
    pub(crate) fn new(url: &'a str, keys: &'a Keys) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        let http = config.timeout_global(Some(PATIENCE)).build().new_agent();
        Self { http, url: url.trim_end_matches('/'), keys }
    }

    /// Starts the session of a user on a PC of its own; its id.
    ///
    /// # Errors
    /// The server refuses a step of it.
    pub(crate) fn session(&self, user: &str) -> Result<String> {
        let body = json!({ "pc_id": format!("pc-{user}"), "internal_ip": "10.0.0.1" });
        let launcher = self.post("/v1/launcher/session/start", &self.signed(&body.to_string())?, &body)?;
        let bearer = [("Authorization", format!("Bearer {}", text(&launcher, "session_token")?))];
        let token = self.post("/v1/launcher/ott", &bearer, &json!({ "game_id": self.keys.game }))?;
        let verify = json!({ "ott": text(&token, "ott")?, "provider_user_id": user });
        let session = self.post("/v1/game/session/verify", &[("X-Api-Key", self.keys.api_key.clone())], &verify)?;
        Ok(text(&session, "game_session_id")?.to_owned())
    }

    /// The headers by which a launcher proves its cafe.
    fn signed(&self, body: &str) -> Result<[(&'static str, String); 3]> {
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().to_string();
        let mac = Hmac::<Sha256>::new_from_slice(self.keys.cafe_secret.as_bytes())?;
        let signature = mac.chain_update(&timestamp).chain_update(".").chain_update(body).finalize().into_bytes();
        let signature = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok([("X-Cafe-Id", self.keys.cafe_id.clone()), ("X-Timestamp", timestamp), ("X-Signature", signature)])
    }

    fn post(&self, path: &str, headers: &[(&str, String)], body: &Value) -> Result<Value> {
        let mut request = self.http.post(format!("{}{path}", self.url)).header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut answer = request.send(body.to_string()).context(path.to_owned())?;
        let told: Value = answer.body_mut().read_json().context(path.to_owned())?;
        ensure!(told["success"] == true, "{path}: {} {told}", answer.status());
        Ok(told["data"].clone())
    }
}

fn text<'a>(data: &'a Value, field: &str) -> Result<&'a str> {
    data[field].as_str().with_context(|| format!("no {field} in {data}"))
}
