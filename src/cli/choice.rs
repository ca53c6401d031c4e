//! Which game a command is about.

use anyhow::bail;

use crate::config::Game;

/// The game of this name, `None` when there is none of it; without a name the only one.
pub(super) fn choose<'a>(games: &[&'a Game], name: Option<&str>) -> anyhow::Result<Option<&'a Game>> {
    match (name, games) {
        (Some(name), _) => Ok(games.iter().find(|game| game.name == name).copied()),
        (None, [game]) => Ok(Some(game)),
        (None, _) => bail!("which game? Name one with --game: {}", names(games)),
    }
}

/// Those there are, for whoever named none of them.
pub(super) fn names(games: &[&Game]) -> String {
    games.iter().map(|game| game.name.as_str()).collect::<Vec<_>>().join(", ")
}
