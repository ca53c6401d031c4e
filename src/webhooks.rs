//! Webhooks of platforms, apart from HTTP: what their bodies say, what follows, and the event stream they make.
//!
//! `aghanim` and `hive_suspension` are pure: from bytes to what is meant, or to what is wrong. `carry` has the backend
//! do it, at once or after a crash. `event` shows a record to game servers and operators.

pub mod aghanim;
pub mod carry;
pub mod event;
pub mod hive_suspension;
pub mod json;
pub mod profile;

use guildhall_actors::ids::GameId;

/// Where Aghanim's webhooks are recorded in the `Inbox`.
pub const AGHANIM: &str = "aghanim";
/// Where Hive's suspensions are.
pub const HIVE_SUSPENSION: &str = "hive_suspension";
/// Both: the event stream of a game.
pub const SOURCES: [&str; 2] = [AGHANIM, HIVE_SUSPENSION];

/// Follows a game's name where the sandbox is meant. No configured name has it.
const SANDBOX: &str = "#sandbox";

/// The game, or its sandbox: players, records and stream of the two never meet.
pub fn game_id(name: &str, sandbox: bool) -> GameId {
    if sandbox { GameId::new(&format!("{name}{SANDBOX}")) } else { GameId::new(name) }
}

/// The configured name of a game or of its sandbox.
pub fn game_name(game: &str) -> &str {
    game.strip_suffix(SANDBOX).unwrap_or(game)
}
