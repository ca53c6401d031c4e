//! The settings: read in layers, checked whole, printed with secrets hidden.
//!
//! A TOML file lies under environment variables (`GUILDHALL__SECTION__KEY`), and those under flags. `keys` is the one
//! table of what can be set. Guarantees that [`load`] either gives settings the server can start with or names every
//! mistake at once, each with its place. Making the development game is apart from that, because it writes a file.

mod banner;
mod checks;
mod convert;
mod development;
mod document;
mod forms;
mod keys;
mod layers;
mod limits;
mod mistakes;
mod reader;
mod sections;
mod settings;
mod unknown;

pub use banner::{banner, development_banner};
pub use development::DevelopmentError;
pub use document::{default_config, default_environment, markdown_table};
pub use forms::parse_network;
pub use layers::{Flag, Sources};
pub use limits::Limits;
pub use mistakes::{Mistake, Mistakes};
pub use settings::*;

use layers::Layers;
use reader::Reader;

/// Reads and checks everything `sources` say. Writes nothing.
///
/// # Errors
/// All mistakes, when there is one.
pub fn load(sources: &Sources) -> Result<Settings, Mistakes> {
    let reader = Reader::new(Layers::merge(sources));
    reader.report_unknown();
    let settings = sections::read(&reader);
    checks::check(&settings, &reader);
    let mistakes = reader.into_mistakes();
    if mistakes.is_empty() { Ok(settings) } else { Err(Mistakes(mistakes)) }
}

/// Settings from a text, as this module's tests need them.
#[cfg(test)]
mod testing {
    use std::ffi::OsString;

    use tempfile::TempDir;

    use super::*;

    pub(super) fn sources(text: &str, folder: &TempDir) -> Sources {
        let path = folder.path().join("test.toml");
        std::fs::write(&path, text).unwrap();
        Sources { file: Some(path), ..Sources::default() }
    }

    pub(super) fn load_text(text: &str) -> Result<Settings, Mistakes> {
        load(&sources(text, &TempDir::new().unwrap()))
    }

    pub(super) fn load_variables(variables: &[(&str, &str)]) -> Result<Settings, Mistakes> {
        let environment = variables.iter().map(|(name, text)| (OsString::from(name), OsString::from(text))).collect();
        load(&Sources { environment, ..Sources::default() })
    }

    pub(super) fn reader(text: &str) -> Reader {
        Reader::new(Layers::merge(&sources(text, &TempDir::new().unwrap())))
    }

    pub(super) fn defaults() -> Settings {
        load(&Sources::default()).expect("the defaults have no mistake")
    }

    /// `key: message` of each mistake.
    pub(super) fn mistakes_of(result: Result<Settings, Mistakes>) -> Vec<String> {
        let Mistakes(mistakes) = result.expect_err("a mistake");
        mistakes.iter().map(|mistake| format!("{}: {}", mistake.key, mistake.message)).collect()
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::testing::{load_text, load_variables, mistakes_of, sources};
    use super::*;

    const GAME: &str = r#"
        [[games]]
        name = "demo"
        [games.hive]
        game_index = 7
        certification_keys = ["certification-key"]
        login_key_secret = "0123456789abcdef"
        [games.playwave]
        api_keys = ["api-key"]
        api_keys_sha256 = ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]
        rate = { coins = 2, unit_sec = 30 }
        [games.aghanim]
        game_id = "gm_1"
        webhook_secrets = ["secret-1", "secret-2"]
        unknown_players = "create"
        [[cafes]]
        id = "cafe-1"
        secret = "cafe-secret"
        networks = ["127.0.0.0/8", "::1"]
        balance = 1000
    "#;

    #[test]
    fn a_game_and_a_cafe_are_read_with_all_their_contracts() {
        let settings = load_text(GAME).unwrap();
        let game = &settings.games[0];
        let (hive, playwave, aghanim) =
            (game.hive.as_ref().unwrap(), game.playwave.as_ref().unwrap(), game.aghanim.as_ref().unwrap());
        assert!(!settings.development);
        assert_eq!((game.name.as_str(), hive.game_index), ("demo", 7));
        assert_eq!(hive.suspension_utc_offset, "+00:00");
        assert!(hive.certification_keys[0].matches(b"certification-key"));
        assert!(playwave.api_keys[0].matches(b"api-key") && playwave.api_keys[1].matches(b"abc"));
        assert_eq!(playwave.rate, guildhall_actors::session::Rate { coins: 2, unit_sec: 30 });
        assert_eq!((aghanim.freshness_sec, aghanim.unknown_players), (300, UnknownPlayers::Create));
        assert_eq!((settings.cafes[0].balance, settings.cafes[0].networks.len()), (1000, 2));
    }

    #[test]
    fn no_secret_is_printed() {
        let printed = format!("{:?}", load_text(GAME).unwrap());
        for secret in ["certification-key", "0123456789abcdef", "secret-1", "cafe-secret", "api-key\""] {
            assert!(!printed.contains(secret), "{secret}");
        }
    }

    #[test]
    fn variables_lie_over_the_file_and_flags_over_both() {
        let folder = TempDir::new().unwrap();
        let file = "[listen]\npublic = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"\n[limits]\nidle_sec = 5";
        let mut sources = sources(file, &folder);
        sources.environment = vec![
            ("GUILDHALL__LISTEN__PUBLIC".into(), "127.0.0.1:3".into()),
            ("GUILDHALL__LISTEN__ADMIN".into(), "127.0.0.1:4".into()),
            ("GUILDHALL_SERVICE_HOST".into(), "not ours".into()),
        ];
        sources.flags = vec![Flag { name: "--public", key: "listen.public", text: "127.0.0.1:5".into() }];
        let settings = load(&sources).unwrap();
        assert_eq!((settings.listen.public.port(), settings.listen.admin.port()), (5, 4));
        assert_eq!(settings.limits.idle_sec, 5);
    }

    #[test]
    fn a_game_can_come_from_variables_alone() {
        let settings = load_variables(&[
            ("GUILDHALL__GAMES__0__NAME", "demo"),
            ("GUILDHALL__GAMES__0__HIVE__GAME_INDEX", "7"),
            ("GUILDHALL__GAMES__0__HIVE__CERTIFICATION_KEYS", "old-key, new-key"),
            ("GUILDHALL__GAMES__0__HIVE__LOGIN_KEY_SECRET", "0123456789abcdef"),
            ("GUILDHALL__CHAT__REPLAY_ON_RECONNECT", "false"),
        ])
        .unwrap();
        let hive = settings.games[0].hive.as_ref().unwrap();
        assert_eq!((hive.game_index, hive.certification_keys.len()), (7, 2));
        assert!(!settings.chat.replay_on_reconnect);
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let folder = TempDir::new().unwrap();
        let mut sources = sources("[limits]\nidle_sec = 0\nidle_secs = 1\n[log]\nformat = \"xml\"", &folder);
        sources.environment = vec![
            ("GUILDHALL__LIMITS__CONNECT_SEC".into(), "soon".into()),
            ("GUILDHALL__LISTEN__ADDRESS".into(), "x".into()),
        ];
        sources.flags = vec![Flag { name: "--public", key: "listen.public", text: "7600".into() }];
        let told = load(&sources).unwrap_err().to_string();
        for part in [
            "6 mistakes",
            "limits.idle_sec (",
            "test.toml): 0 is outside 1 to 86400",
            "limits.idle_secs (",
            "did you mean idle_sec?",
            "log.format (",
            "limits.connect_sec (GUILDHALL__LIMITS__CONNECT_SEC): \"soon\" is not a whole number",
            "listen.address (GUILDHALL__LISTEN__ADDRESS): unknown setting",
            "listen.public (--public): \"7600\" is not IP:PORT",
        ] {
            assert!(told.contains(part), "{part} in\n{told}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_mistake() {
        let missing = Sources { file: Some("/nonexistent/guildhall.toml".into()), ..Sources::default() };
        assert!(load(&missing).unwrap_err().to_string().contains("/nonexistent/guildhall.toml: cannot be read"));
        assert!(mistakes_of(load_text("[listen"))[0].contains("line 1"));
    }

    #[test]
    fn missing_settings_of_a_section_are_named() {
        let told = mistakes_of(load_text("[[games]]\n[games.hive]\n[games.aghanim]\n[[cafes]]\n[listen.tls]"));
        for key in [
            "listen.tls.certificate",
            "listen.tls.key",
            "games[0].name",
            "games[0].hive.game_index",
            "games[0].hive.certification_keys",
            "games[0].hive.login_key_secret",
            "games[0].aghanim.game_id",
            "games[0].aghanim.webhook_secrets",
            "cafes[0].id",
            "cafes[0].secret",
            "cafes[0].networks",
        ] {
            assert!(told.contains(&format!("{key}: is missing")), "{key} in {told:#?}");
        }
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        for section in keys::SECTIONS {
            for key in section.keys {
                let parent = if section.path.starts_with("games[].") { "[[games]]\n" } else { "" };
                let text = format!("{parent}{}\n{} = {{ wrong = 1 }}", section.header(), key.name);
                let path = format!("{}.{}", section.path, key.name).replace("[]", "[0]");
                let Mistakes(mistakes) = load_text(&text).expect_err("a table is no value of any setting");
                assert!(mistakes.iter().any(|m| m.key == path && m.message.contains("not a table")), "{path}");
            }
        }
    }
}
