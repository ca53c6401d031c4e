//! What a node prints when it has started.
//!
//! A development node shows its URLs, its keys and lines to paste, so that the first message takes a minute. The keys
//! of configured games are never shown.

use std::net::SocketAddr;

use super::development;
use super::settings::{Game, Hive, Settings};

/// A player for the sample lines.
const PLAYER: i64 = 5001;

/// The banner of this node; `public` and `admin` are the addresses it really listens on.
pub fn banner(settings: &Settings, public: SocketAddr, admin: SocketAddr) -> String {
    if settings.development {
        development_banner(settings, public, admin)
    } else {
        configured_banner(settings, public, admin)
    }
}

fn configured_banner(settings: &Settings, public: SocketAddr, admin: SocketAddr) -> String {
    let http = if settings.listen.tls.is_some() { "https" } else { "http" };
    format!(
        "guildhall listens on {http}://{public} for clients, game servers and platforms\n\
         and on http://{admin} for operators\n"
    )
}

/// For a development node; of any other it shows no more than [`banner`].
pub fn development_banner(settings: &Settings, public: SocketAddr, admin: SocketAddr) -> String {
    let demo = settings.games.first().filter(|_| settings.development);
    let (
        Some(Game { name, hive: Some(hive), playwave: Some(playwave), aghanim: Some(aghanim) }),
        Some(admin_key),
        Some(cafe),
    ) = (demo, settings.admin.keys.last(), settings.cafes.last())
    else {
        return configured_banner(settings, public, admin);
    };
    [
        format!("{}\n", configured_banner(settings, public, admin)),
        format!("Development node: no game is configured, so \"{name}\" (gameIndex {}) is served,\n", hive.game_index),
        format!(
            "on loopback only. Its keys are kept in {}.\n\n",
            settings.store.path.join(development::FILE).display()
        ),
        format!("  certification key   {}\n", hive.certification_keys[0].expose()),
        format!("  API key             {}\n", playwave.plain_api_keys[0].expose()),
        format!("  suspension key      {}\n", hive.suspension_keys[0].expose()),
        format!("  webhook secret      {}\n", aghanim.webhook_secrets[0].expose()),
        format!("  secret of {:<10}{}\n", cafe.id.as_str(), cafe.secret.expose()),
        format!("  admin key           {}\n\n", admin_key.expose()),
        sample_lines(settings, hive, public),
        format!("\nPlay a session of the demo cafe:\n  guildhall play --url http://{public}{}\n", data_flag(settings)),
        format!("\nTry the webhooks: each prints a signed curl line\n  {}\n", sign_lines(settings, public)),
    ]
    .concat()
}

fn sample_lines(settings: &Settings, hive: &Hive, public: SocketAddr) -> String {
    let (http, ws) = if settings.listen.tls.is_some() { ("https", "wss") } else { ("http", "ws") };
    let base = format!("{http}://{public}/api/v1/games/{}", hive.game_index);
    let bearer = format!("-H 'Authorization: Bearer {}'", hive.certification_keys[0].expose());
    let channel = r#"{"channelId":"lobby","channelName":"Lobby","type":"PUBLIC","maxMemberCount":100}"#;
    format!(
        "Make a channel:\n  curl -X POST {base}/channel {bearer} -H 'Content-Type: application/json' -d '{channel}'\n\n\
         Issue a login key for player {PLAYER}, over HTTP or here:\n  curl -X POST {base}/users/{PLAYER}/token {bearer}\n  \
         guildhall token --player {PLAYER}{}\n\n\
         Connect with it:\n  {ws}://{public}/v1/chat/socket\n",
        data_flag(settings)
    )
}

fn sign_lines(settings: &Settings, public: SocketAddr) -> String {
    let http = if settings.listen.tls.is_some() { "https" } else { "http" };
    let flags = format!("--url {http}://{public}{}", data_flag(settings));
    format!(
        "guildhall sign aghanim --player {PLAYER} --name Bob {flags}\n  \
         guildhall sign hive-suspension --player {PLAYER} --status P {flags}"
    )
}

/// What the `token` command needs to find the same keys.
fn data_flag(settings: &Settings) -> String {
    let path = settings.store.path.display().to_string();
    if path == "guildhall-data" { String::new() } else { format!(" --data '{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::testing;
    use super::*;

    fn of(mut settings: Settings) -> (Settings, String) {
        let folder = TempDir::new().unwrap();
        settings.store.path = folder.path().to_owned();
        let settings = settings.with_development_game().unwrap();
        let text = banner(&settings, "127.0.0.1:7700".parse().unwrap(), "127.0.0.1:7701".parse().unwrap());
        (settings, text)
    }

    #[test]
    fn a_development_node_shows_its_keys_and_lines_that_work() {
        let (settings, text) = of(testing::defaults());
        let key = settings.games[0].hive.as_ref().unwrap().certification_keys[0].expose();
        let data = settings.store.path.display();
        for part in [
            format!("curl -X POST http://127.0.0.1:7700/api/v1/games/1/channel -H 'Authorization: Bearer {key}'"),
            r#"-d '{"channelId":"lobby","channelName":"Lobby","type":"PUBLIC","maxMemberCount":100}'"#.to_owned(),
            "http://127.0.0.1:7700/api/v1/games/1/users/5001/token".to_owned(),
            format!("guildhall token --player 5001 --data '{data}'"),
            "ws://127.0.0.1:7700/v1/chat/socket".to_owned(),
            format!("admin key           {}", settings.admin.keys[0].expose()),
            "http://127.0.0.1:7701".to_owned(),
        ] {
            assert!(text.contains(&part), "{part} in\n{text}");
        }
    }

    #[test]
    fn a_configured_node_shows_two_lines_and_no_key() {
        let game = "[admin]\nkeys = [\"hush-admin\"]\n[[games]]\nname = \"g\"\n[games.hive]\ngame_index = 1\n\
                    certification_keys = [\"hush-game\"]\nlogin_key_secret = \"0123456789abcdef\"";
        let (settings, text) = of(testing::load_text(game).unwrap());
        assert_eq!(text.lines().count(), 2);
        let anywhere = "0.0.0.0:1".parse().unwrap();
        for text in [text, development_banner(&settings, anywhere, anywhere)] {
            assert!(!text.contains("hush"), "{text}");
        }
    }
}
