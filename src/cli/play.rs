//! `guildhall play`: a whole session of a cafe, for trying things out: the launcher starts and gets a one-time token,
//! the game server verifies it, sends heartbeats and ends the session. Every request and answer is printed.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use guildhall_actors::ids::CafeId;
use serde_json::{Value, json};

use super::choice::choose;
use crate::clock;
use crate::config::{Cafe, Settings};
use crate::secret::Secret;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Public listener of the node; http only [default: listen.public]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Cafe whose launcher is played; may be left out when there is only one
    #[arg(long, value_name = "ID")]
    cafe: Option<String>,
    /// HMAC key of the cafe, when it is not in the configuration
    #[arg(long, value_name = "SECRET", env = "GUILDHALL_CAFE_SECRET", hide_env_values = true)]
    cafe_secret: Option<String>,
    /// Game to play; may be left out when there is only one
    #[arg(long, value_name = "NAME")]
    game: Option<String>,
    /// API key of the game, when it is not in the configuration
    #[arg(long, value_name = "KEY", env = "GUILDHALL_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// PC the launcher says it runs on
    #[arg(long, value_name = "ID", default_value = "pc-1")]
    pc: String,
    /// Roblox user id of the player
    #[arg(long, value_name = "ID", default_value_t = 5001, value_parser = clap::value_parser!(i64).range(0..))]
    player: i64,
    /// Heartbeats before the end
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    heartbeats: u32,
    /// Milliseconds between two heartbeats; a real game server waits as long as it is told
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(..=3_600_000))]
    every_ms: u64,
}

/// Takes a line for people.
type Print<'a> = &'a mut dyn FnMut(&str) -> anyhow::Result<()>;

/// What makes the requests.
struct Player<'a> {
    http: ureq::Agent,
    url: String,
    print: Print<'a>,
}

impl Arguments {
    pub(super) fn play(&self, settings: &Settings, print: Print<'_>) -> anyhow::Result<()> {
        let (cafe, cafe_secret) = self.cafe(settings)?;
        let (game, api_key) = self.game(settings)?;
        let url = self.url.clone().unwrap_or_else(|| format!("http://{}", settings.listen.public));
        ensure!(url.starts_with("http://"), "{url}: not an http:// URL");
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        let http = config.timeout_global(Some(Duration::from_secs(30))).build().new_agent();
        let mut player = Player { http, url: url.trim_end_matches('/').to_owned(), print };

        let launcher = self.start_launcher(&mut player, &cafe, &cafe_secret)?;
        let bearer = [("Authorization", format!("Bearer {}", text(&launcher, "session_token")?))];
        let token = player.call("POST", "/v1/launcher/ott", &bearer, &json!({ "game_id": game }))?;
        ensure!(token["issued"] == true, "no token: {}", text(&token, "reason")?);

        let key = [("X-Api-Key", api_key.expose().to_owned())];
        let user = self.player.to_string();
        let verify = json!({ "ott": text(&token, "launch_data")?, "provider_user_id": user });
        let verified = player.call("POST", "/v1/game/session/verify", &key, &verify)?;
        ensure!(verified["is_valid"] == true, "not verified: {}", text(&verified, "reason")?);
        let session = text(&verified, "game_session_id")?;
        let launcher = json!({ "launcher_session_id": text(&launcher, "launcher_session_id")? });
        for _ in 0..self.heartbeats {
            sleep(Duration::from_millis(self.every_ms));
            let body = json!({ "game_session_id": session, "provider_user_id": user });
            player.call("PATCH", "/v1/game/session/heartbeat", &key, &body)?;
            player.call("PATCH", "/v1/launcher/session/heartbeat", &bearer, &launcher)?;
        }
        player.call("DELETE", "/v1/game/session/end", &key, &json!({ "game_session_id": session }))?;
        player.call("DELETE", "/v1/launcher/session/end", &bearer, &launcher)?;
        Ok(())
    }

    fn start_launcher(&self, player: &mut Player<'_>, cafe: &CafeId, secret: &Secret) -> anyhow::Result<Value> {
        let body = json!({ "pc_id": self.pc, "internal_ip": "192.168.0.10", "launcher_version": "guildhall-play" });
        let timestamp = (clock::now().0 / 1000).to_string();
        let signature = secret.sign(&[timestamp.as_bytes(), b".", body.to_string().as_bytes()]);
        let headers = [("X-Cafe-Id", cafe.to_string()), ("X-Timestamp", timestamp), ("X-Signature", signature)];
        player.call("POST", "/v1/launcher/session/start", &headers, &body)
    }

    fn cafe(&self, settings: &Settings) -> anyhow::Result<(CafeId, Secret)> {
        let known = |id: &str| settings.cafes.iter().find(|cafe| cafe.id.as_str() == id);
        let ids = || settings.cafes.iter().map(|cafe| cafe.id.as_str()).collect::<Vec<_>>().join(", ");
        if let (Some(id), Some(secret)) = (&self.cafe, &self.cafe_secret) {
            let id = CafeId::parse(id).with_context(|| format!("{id} is no cafe id"))?;
            return Ok((id, Secret::new(secret)));
        }
        let cafe: &Cafe = match (&self.cafe, settings.cafes.as_slice()) {
            (Some(id), _) => known(id)
                .with_context(|| format!("no cafe {id} in the configuration ({}): give its --cafe-secret", ids()))?,
            (None, [cafe]) => cafe,
            (None, _) => bail!("which cafe? Name one with --cafe: {}", ids()),
        };
        let secret = self.cafe_secret.as_ref().map_or_else(|| cafe.secret.clone(), Secret::new);
        Ok((cafe.id.clone(), secret))
    }

    fn game(&self, settings: &Settings) -> anyhow::Result<(String, Secret)> {
        let games: Vec<_> = settings.games.iter().filter(|game| game.playwave.is_some()).collect();
        let game = choose(&games, self.game.as_deref())?;
        let configured = game.and_then(|game| game.playwave.as_ref()?.plain_api_keys.first().cloned());
        let key = self.api_key.as_ref().map(Secret::new).or(configured);
        let name = self.game.clone().or_else(|| game.map(|game| game.name.clone())).context("which game?")?;
        let key = key.with_context(|| format!("no key of {name} in the configuration: give its --api-key"))?;
        Ok((name, key))
    }
}

impl Player<'_> {
    /// `data` of the answer; an error of the API ends the play.
    fn call(&mut self, method: &str, path: &str, headers: &[(&str, String)], body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.url);
        let body = body.to_string();
        (self.print)(&format!("> {method} {path}\n  {body}"))?;
        let request =
            ureq::http::Request::builder().method(method).uri(&url).header("Content-Type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let request = self.http.configure_request(request.body(body)?).allow_non_standard_methods(true).build();
        let mut answer = self.http.run(request).with_context(|| url.clone())?;
        let status = answer.status();
        let told: Value = answer.body_mut().read_json().with_context(|| format!("{url}: {status}"))?;
        (self.print)(&format!("< {status}\n  {told}\n"))?;
        ensure!(status == 200, "{method} {path} was answered {status}");
        Ok(told["data"].clone())
    }
}

fn text(data: &Value, key: &str) -> anyhow::Result<String> {
    Ok(data[key].as_str().with_context(|| format!("no {key} in the answer"))?.to_owned())
}
