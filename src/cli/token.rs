//! `guildhall token`: a login key as the chat HTTP API would issue it, for trying things out.

use anyhow::Context;
use guildhall_actors::ids::PlayerId;
use guildhall_actors::login_key::{self, Claims};

use super::choice::{choose, names};
use crate::clock;
use crate::config::{Game, Hive, Settings};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Game the key is for; may be left out when there is only one
    #[arg(long, value_name = "NAME")]
    game: Option<String>,
    /// Player the key is for
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    player: i64,
    /// Seconds until it expires
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(i64).range(1..=315_360_000))]
    ttl_sec: i64,
}

impl Arguments {
    /// The key and a line end.
    pub(super) fn mint(&self, settings: &Settings) -> anyhow::Result<String> {
        let hive = self.hive(settings)?;
        let iat = clock::now().0 / 1000;
        let claims =
            Claims { game_index: hive.game_index, player_id: PlayerId(self.player), iat, exp: iat + self.ttl_sec };
        Ok(login_key::mint(hive.login_key_secret.expose().as_bytes(), &claims) + "\n")
    }

    fn hive<'a>(&self, settings: &'a Settings) -> anyhow::Result<&'a Hive> {
        let game = self.game(&settings.games)?;
        game.hive.as_ref().with_context(|| format!("game {} has no [games.hive] section, so no login keys", game.name))
    }

    fn game<'a>(&self, games: &'a [Game]) -> anyhow::Result<&'a Game> {
        let (games, name) = (games.iter().collect::<Vec<_>>(), self.game.as_deref());
        let missing = || format!("there is no game {}; there is {}", name.unwrap_or_default(), names(&games));
        choose(&games, name)?.with_context(missing)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::secret::Secret;

    const SECRET: &str = "0123456789abcdef";

    fn game(name: &str, game_index: i64) -> Game {
        let hive = Hive {
            game_index,
            certification_keys: vec![],
            login_key_secret: Secret::new(SECRET),
            suspension_keys: vec![],
            suspension_utc_offset: "+00:00".into(),
        };
        Game { name: name.into(), hive: Some(hive), playwave: None, aghanim: None }
    }

    fn settings(games: Vec<Game>) -> Settings {
        Settings { games, ..crate::config::load(&crate::config::Sources::default()).unwrap() }
    }

    fn ask(game: Option<&str>) -> Arguments {
        Arguments { game: game.map(str::to_owned), player: 5001, ttl_sec: 60 }
    }

    #[test]
    fn the_key_opens_the_chat_for_that_player_of_that_game() {
        let line = ask(Some("b")).mint(&settings(vec![game("a", 1), game("b", 2)])).unwrap();
        let verify = |index| {
            login_key::verify(SECRET.as_bytes(), line.trim_end(), index, PlayerId(5001), clock::now(), Duration::ZERO)
        };
        assert!(verify(2) && !verify(1));
    }

    #[test]
    fn the_game_is_named_when_there_are_several() {
        let told = |ask: &Arguments, games| ask.mint(&settings(games)).unwrap_err().to_string();
        assert!(ask(None).mint(&settings(vec![game("a", 1)])).is_ok());
        assert!(told(&ask(None), vec![game("a", 1), game("b", 2)]).contains("--game: a, b"));
        assert!(told(&ask(Some("c")), vec![game("a", 1)]).contains("there is a"));
        let without = Game { hive: None, ..game("a", 1) };
        assert!(told(&ask(None), vec![without]).contains("[games.hive]"));
    }
}
