//! The games anything was ever stored of, for those who look over all of them.

use guildhall_actors::ids::GameId;
use guildhall_actors::ports::StoreError;

use super::Redis;

const GAMES: &str = "guildhall:{games}";

impl Redis {
    /// Sees that the game is among those anything was ever stored of.
    pub(super) async fn know_game(&self, game: &GameId) -> Result<(), StoreError> {
        if !self.0.games.is_fresh(game) {
            let command = redis::cmd("SADD").arg(GAMES).arg(game.as_str()).to_owned();
            self.0.link.call::<()>(&command).await?;
            self.0.games.written(game);
        }
        Ok(())
    }

    pub(super) async fn games(&self) -> Result<Vec<GameId>, StoreError> {
        let names: Vec<String> = self.0.link.call(redis::cmd("SMEMBERS").arg(GAMES)).await?;
        let mut games: Vec<_> = names.iter().map(|name| GameId::new(name)).collect();
        games.sort();
        Ok(games)
    }
}
