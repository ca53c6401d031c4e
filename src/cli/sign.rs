//! `guildhall sign`: a signed webhook as a curl line to paste, so that anyone can try them without the platform.

use anyhow::{Context, bail};
use guildhall_actors::clock::Timestamp;
use serde_json::{Map, Value, json};

use super::choice::{choose, names};
use crate::clock;
use crate::config::{Game, Settings};
use crate::webhooks::hive_suspension::date;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    webhook: Webhook,
}

#[derive(Debug, clap::Subcommand)]
enum Webhook {
    /// An event of Aghanim, signed with the game's webhook secret
    Aghanim(Aghanim),
    /// A suspension pushed by Hive, with the game's suspension key
    HiveSuspension(HiveSuspension),
}

#[derive(Debug, clap::Args)]
struct Target {
    /// Game it is for; may be left out when there is only one
    #[arg(long, value_name = "NAME")]
    game: Option<String>,
    /// Public listener of the node [default: listen.public]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Aghanim {
    #[command(flatten)]
    target: Target,
    /// Type of the event
    #[arg(long, value_name = "TYPE", default_value = "player.update")]
    event: String,
    /// Player it is about
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    player: String,
    /// New name of the player
    #[arg(long)]
    name: Option<String>,
    /// New e-mail address of the player
    #[arg(long)]
    email: Option<String>,
    /// New picture of the player
    #[arg(long, value_name = "URL")]
    avatar_url: Option<String>,
    /// Id of the event; the same one twice is one event [default: a random one]
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// More of event_data, as a JSON object
    #[arg(long, value_name = "JSON")]
    event_data: Option<String>,
    /// Whether it comes from the sandbox
    #[arg(long)]
    sandbox: bool,
}

#[derive(Debug, clap::Args)]
struct HiveSuspension {
    #[command(flatten)]
    target: Target,
    /// Player it is about
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    player: i64,
    /// P for good, B for a time
    #[arg(long, default_value = "B", value_parser = ["P", "B"])]
    status: String,
    /// First moment, as YYYY-MM-DD HH:mm:ss in the game's suspension_utc_offset [default: now]
    #[arg(long, value_name = "DATE")]
    start: Option<String>,
    /// First moment after it, in the same form [default: seven days from now, or never]
    #[arg(long, value_name = "DATE")]
    end: Option<String>,
}

/// How long a suspension is when nobody says.
const WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

impl Arguments {
    /// The curl line and a line end.
    pub(super) fn sign(&self, settings: &Settings) -> anyhow::Result<String> {
        match &self.webhook {
            Webhook::Aghanim(webhook) => webhook.sign(settings, clock::now()),
            Webhook::HiveSuspension(webhook) => webhook.sign(settings, clock::now()),
        }
    }
}

impl Aghanim {
    fn sign(&self, settings: &Settings, now: Timestamp) -> anyhow::Result<String> {
        let game = self.target.game(settings, |game| game.aghanim.is_some(), "[games.aghanim]")?;
        let aghanim = game.aghanim.as_ref().context("chosen for having it")?;
        let secret = aghanim.webhook_secrets.first().context("no webhook secret")?;
        let now_sec = now.0 / 1000;
        let body = json!({
            "event_id": self.event_id.clone().unwrap_or_else(random_event_id),
            "game_id": aghanim.game_id,
            "event_type": self.event,
            "event_time": now_sec,
            "event_data": self.event_data()?,
            "idempotency_key": null,
            "request_id": null,
            "sandbox": self.sandbox,
            "trigger": "test",
            "transaction_id": null,
            "context": null,
        });
        let (body, timestamp) = (body.to_string(), now_sec.to_string());
        let signature = secret.sign(&[timestamp.as_bytes(), b".", body.as_bytes()]);
        let headers =
            [("X-Aghanim-Signature-Timestamp", timestamp.as_str()), ("X-Aghanim-Signature", signature.as_str())];
        Ok(curl(&self.target.address(settings, "/webhooks/aghanim"), &headers, &body))
    }

    fn event_data(&self) -> anyhow::Result<Map<String, Value>> {
        let mut data = Map::from_iter([("player_id".to_owned(), json!(self.player))]);
        for (key, value) in [("name", &self.name), ("email", &self.email), ("avatar_url", &self.avatar_url)] {
            data.extend(value.as_ref().map(|value| (key.to_owned(), json!(value))));
        }
        if let Some(more) = &self.event_data {
            let more: Map<String, Value> = serde_json::from_str(more).context("--event-data: a JSON object")?;
            data.extend(more);
        }
        Ok(data)
    }
}

/// In the form of Aghanim's own.
fn random_event_id() -> String {
    let letters = rand::random::<[u8; 26]>().map(|byte| char::from(b'A' + byte % 26));
    format!("whevt_{}", letters.iter().collect::<String>())
}

impl HiveSuspension {
    fn sign(&self, settings: &Settings, now: Timestamp) -> anyhow::Result<String> {
        let has_key = |game: &Game| game.hive.as_ref().is_some_and(|hive| !hive.suspension_keys.is_empty());
        let game = self.target.game(settings, has_key, "suspension_keys in [games.hive]")?;
        let hive = game.hive.as_ref().context("chosen for having it")?;
        let key = hive.suspension_keys.first().context("chosen for having one")?;
        let offset = &hive.suspension_utc_offset;
        let last = if self.status == "P" { "9999-12-31 00:00:00".to_owned() } else { date(now + WEEK, offset) };
        let url = self.target.address(settings, "/webhooks/hive/suspensions");
        let body = json!({
            "game_index": hive.game_index,
            "server_url": url,
            "data": [{
                "player_id": self.player,
                "status": self.status,
                "start_date": self.start.clone().unwrap_or_else(|| date(now, offset)),
                "end_date": self.end.clone().unwrap_or(last),
            }],
        });
        let bearer = format!("Bearer {}", key.expose());
        Ok(curl(&url, &[("Authorization", &bearer)], &body.to_string()))
    }
}

impl Target {
    fn game<'a>(
        &self,
        settings: &'a Settings,
        is_fit: impl Fn(&Game) -> bool,
        needed: &str,
    ) -> anyhow::Result<&'a Game> {
        let games: Vec<_> = settings.games.iter().filter(|game| is_fit(game)).collect();
        let name = self.game.as_deref();
        if name.is_none() && games.is_empty() {
            bail!("no game has {needed}");
        }
        let missing =
            || format!("there is no game {} with {needed}; there is {}", name.unwrap_or_default(), names(&games));
        choose(&games, name)?.with_context(missing)
    }

    fn address(&self, settings: &Settings, path: &str) -> String {
        let http = if settings.listen.tls.is_some() { "https" } else { "http" };
        let base = self.url.clone().unwrap_or_else(|| format!("{http}://{}", settings.listen.public));
        let base = base.trim_end_matches('/');
        if base.ends_with(path) { base.to_owned() } else { format!("{base}{path}") }
    }
}

fn curl(url: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers = headers
        .iter()
        .fold(String::new(), |text, (name, value)| format!("{text} -H {}", quoted(&format!("{name}: {value}"))));
    format!(
        "curl -sS -X POST {} -H 'Content-Type: application/json'{headers} --data-binary {}\n",
        quoted(url),
        quoted(body)
    )
}

/// One word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::webhooks::aghanim::{Envelope, is_signed};
    use crate::webhooks::hive_suspension::Batch;

    fn settings(folder: &TempDir) -> Settings {
        let mut settings = crate::config::load(&crate::config::Sources::default()).unwrap();
        settings.store.path = folder.path().to_owned();
        settings.with_development_game().unwrap()
    }

    fn target(url: Option<&str>) -> Target {
        Target { game: None, url: url.map(str::to_owned) }
    }

    /// The words of a line that only has words in single quotes and plain ones.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut in_quotes, mut escaped) = (vec![], String::new(), false, false);
        for character in line.trim_end().chars() {
            match character {
                _ if escaped => (word.push(character), escaped = false).1,
                '\\' if !in_quotes => escaped = true,
                '\'' => in_quotes = !in_quotes,
                ' ' if !in_quotes => words.push(std::mem::take(&mut word)),
                _ => word.push(character),
            }
        }
        words.push(word);
        words
    }

    #[test]
    fn an_event_is_signed_with_the_secret_of_its_game() {
        let folder = TempDir::new().unwrap();
        let settings = settings(&folder);
        let webhook = Aghanim {
            target: target(Some("http://127.0.0.1:1/")),
            event: "player.update".into(),
            player: "5001".into(),
            name: Some("O'Brien $(x)".into()),
            email: None,
            avatar_url: None,
            event_id: None,
            event_data: Some(r#"{"level":7}"#.into()),
            sandbox: true,
        };
        let words = words(&webhook.sign(&settings, Timestamp(1_700_000_000_000)).unwrap());
        assert!(words.contains(&"http://127.0.0.1:1/webhooks/aghanim".to_owned()), "{words:?}");
        let header = |name: &str| words.iter().find_map(|word| word.strip_prefix(&format!("{name}: "))).unwrap();
        let (timestamp, signature) = (header("X-Aghanim-Signature-Timestamp"), header("X-Aghanim-Signature"));
        let body = words.last().unwrap();
        let secrets = &settings.games[0].aghanim.as_ref().unwrap().webhook_secrets;
        assert!(is_signed(secrets, timestamp, signature, body.as_bytes()));
        let envelope = Envelope::parse(body.as_bytes()).unwrap();
        assert_eq!((envelope.game_id.as_str(), envelope.sandbox), ("gm_demo", true));
        assert_eq!(envelope.event_data["name"], "O'Brien $(x)");
        assert_eq!(envelope.event_data["level"], 7);
    }

    #[test]
    fn a_suspension_is_one_that_is_accepted() {
        let folder = TempDir::new().unwrap();
        let settings = settings(&folder);
        for status in ["P", "B"] {
            let webhook =
                HiveSuspension { target: target(None), player: 7, status: status.into(), start: None, end: None };
            let words = words(&webhook.sign(&settings, Timestamp(1_700_000_000_000)).unwrap());
            let Batch(batch) = Batch::parse(words.last().unwrap().as_bytes(), 1, "+00:00").unwrap();
            let suspension = batch.values().next().unwrap();
            assert_eq!(suspension.from, Timestamp(1_700_000_000_000));
            assert_eq!(suspension.until, (status == "B").then_some(Timestamp(1_700_000_000_000) + WEEK));
        }
    }
}
