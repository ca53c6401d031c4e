//! Carrying a recorded webhook out: at once, or after a crash by whichever node looks next.
//!
//! Every step may happen twice: a profile follows the time of its events, a suspension the order of the records.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use guildhall_actors::backend::Backend;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::GameId;
use guildhall_actors::ports::{Decider, InboxEntry, InboxKey, ProfileUpdate, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::{info, warn};

use super::aghanim::Envelope;
use super::hive_suspension::Batch;
use super::{HIVE_SUSPENSION, SOURCES, game_name, profile};
use crate::config::{Aghanim, Game, Settings, UnknownPlayers};

/// Records taken up in one round.
const BATCH: usize = 256;

/// What a player is told when `notify_profile_update` is set.
const NOTICE: &str = "Your profile was updated.";

/// What a platform is answered, once and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// Aghanim's success.
    pub fn ok(status: u16) -> Self {
        Self { status, body: json!({ "status": "ok" }) }
    }

    /// Aghanim's failure.
    pub fn error(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, body: json!({ "status": "error", "code": code, "message": message.into() }) }
    }

    /// Hive's answer.
    pub fn result(status: u16, result_code: u16) -> Self {
        Self { status, body: json!({ "result_code": result_code }) }
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an answer is plain data")
    }

    /// As it was kept in the `Inbox`.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// For operators: the status, and the code in the words of the platform.
    pub fn outcome(&self) -> String {
        let code = ["code", "result_code"].into_iter().find_map(|key| self.body.get(key));
        match code {
            Some(Value::String(code)) => format!("{}/{code}", self.status),
            Some(code) => format!("{}/{code}", self.status),
            None => format!("{}/ok", self.status),
        }
    }
}

/// Why a record stays pending. What was accepted is never given up: configuration and program may change again.
#[derive(Debug, thiserror::Error)]
pub enum NotCarried {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the game, or this webhook of it, is not configured")]
    NoGame,
    #[error("the record cannot be read: {0}")]
    Unreadable(String),
}

/// Does what a record asks for, and marks it done.
///
/// # Errors
/// The record stays pending, and is carried out again.
pub async fn carry(backend: &Backend, game: &Game, key: &InboxKey, entry: &InboxEntry) -> Result<Answer, NotCarried> {
    let answer = match key.source {
        HIVE_SUSPENSION => suspend(backend, game, &key.game, entry).await?,
        _ => aghanim(backend, game, &key.game, entry).await?,
    };
    backend.ports().inbox.finish(key, &answer.to_bytes()).await?;
    Ok(answer)
}

async fn suspend(backend: &Backend, game: &Game, id: &GameId, entry: &InboxEntry) -> Result<Answer, NotCarried> {
    let hive = game.hive.as_ref().ok_or(NotCarried::NoGame)?;
    let Batch(batch) = Batch::recorded(&entry.body, &hive.suspension_utc_offset).map_err(NotCarried::Unreadable)?;
    let by = Decider::Webhook { cursor: entry.cursor, at: entry.at };
    // All of them, also when one fails, and side by side, so that they share the store's commits.
    let suspended = batch.iter().map(|(player, suspension)| {
        let player = id.player(*player);
        async move { backend.suspend(&player, Some(suspension), by).await }
    });
    join_all(suspended).await.into_iter().collect::<Result<Vec<()>, _>>()?;
    info!(game = %id, players = batch.len(), "suspensions applied");
    Ok(Answer::result(200, 0))
}

async fn aghanim(backend: &Backend, game: &Game, id: &GameId, entry: &InboxEntry) -> Result<Answer, NotCarried> {
    let terms = game.aghanim.as_ref().ok_or(NotCarried::NoGame)?;
    let envelope = Envelope::parse(&entry.body).map_err(NotCarried::Unreadable)?;
    match envelope.event_type.as_str() {
        "player.update" => Ok(update(backend, terms, id, &envelope, entry.at).await?),
        "player.verify" if terms.player_verify => Ok(verify(backend, id, &envelope).await?),
        // Nobody is found here, and the store has nothing of its own ("Aghanim webhooks, player.lookup, store.get").
        "player.lookup" => Ok(Answer { status: 200, body: json!({ "status": "ok", "data": [] }) }),
        "store.get" => Ok(Answer { status: 200, body: json!({ "status": "ok", "items": [] }) }),
        _ if envelope.is_known() => Ok(Answer::ok(200)),
        _ => {
            info!(game = %id, event_type = ?envelope.event_type, "unknown type of event recorded");
            Ok(Answer::ok(202))
        }
    }
}

async fn update(
    backend: &Backend,
    terms: &Aghanim,
    id: &GameId,
    envelope: &Envelope,
    received_at: Timestamp,
) -> Result<Answer, StoreError> {
    let refused = |code, message| Ok(Answer::error(terms.business_error_status, code, message));
    let asked = profile::player(&envelope.event_data).and_then(|player| Ok((player, profile::patch(envelope)?)));
    let (player, patch) = match asked {
        Ok(asked) => asked,
        Err(problem) => return refused("validation_error", problem),
    };
    // One event from the far future would win over every later one.
    if envelope.event_time_us > (received_at + FUTURE).0.saturating_mul(1000) {
        return refused("validation_error", "event_time: lies in the future".into());
    }
    let Some(player) = player else { return refused("not_found", UNKNOWN.into()) };
    let create = terms.unknown_players == UnknownPlayers::Create;
    let notice = terms.notify_profile_update.then_some(NOTICE);
    match backend.update_profile(&id.player(player), &patch, create, notice).await? {
        ProfileUpdate::Unknown => refused("not_found", UNKNOWN.into()),
        ProfileUpdate::Same | ProfileUpdate::Changed(_) => Ok(Answer::ok(200)),
    }
}

/// By which the platform's clock may be ahead of ours.
const FUTURE: Duration = Duration::from_secs(24 * 3600);

const UNKNOWN: &str = "There is no such player.";

async fn verify(backend: &Backend, id: &GameId, envelope: &Envelope) -> Result<Answer, StoreError> {
    let player = match profile::player(&envelope.event_data) {
        Ok(Some(player)) => player,
        Ok(None) => return Ok(Answer::error(404, "not_found", UNKNOWN)),
        Err(problem) => return Ok(Answer::error(400, "validation_error", problem)),
    };
    let state = backend.ports().players.look_up(&id.player(player)).await?;
    if state.known_since.is_none() {
        return Ok(Answer::error(404, "not_found", UNKNOWN));
    }
    Ok(Answer { status: 200, body: profile::verified(player, &state, backend.now()) })
}

/// Carries out what was recorded before `before` and is pending; says how many. What fails stays for the next call, and
/// keeps nothing behind it waiting.
///
/// # Errors
/// The store cannot say what is pending.
pub async fn carry_pending(backend: &Backend, settings: &Settings, before: Timestamp) -> Result<usize, StoreError> {
    let (mut carried, mut passed_over, mut example) = (0, 0, None);
    for source in SOURCES {
        let mut failed = HashSet::new();
        loop {
            let limit = BATCH + failed.len();
            let mut pending = backend.ports().inbox.pending(source, before, limit).await?;
            pending.retain(|(game, entry)| !failed.contains(&(game.clone(), entry.cursor)));
            if pending.is_empty() {
                break;
            }
            // One after the other: the order of the records is what decides between them.
            for (game, entry) in pending {
                match carry_one(backend, settings, &game, source, &entry).await {
                    Ok(_) => carried += 1,
                    Err(error) => {
                        failed.insert((game.clone(), entry.cursor));
                        example.get_or_insert((game, source, entry.cursor, error));
                    }
                }
            }
        }
        passed_over += failed.len();
    }
    if let Some((game, source, cursor, error)) = example {
        warn!(passed_over, %game, source, cursor, %error, "webhooks stay pending; of the first one");
    }
    Ok(carried)
}

async fn carry_one(
    backend: &Backend,
    settings: &Settings,
    id: &GameId,
    source: &'static str,
    entry: &InboxEntry,
) -> Result<Answer, NotCarried> {
    let game = settings.games.iter().find(|game| game.name == game_name(id.as_str()));
    let key = InboxKey { game: id.clone(), source, key: entry.key.clone() };
    carry(backend, game.ok_or(NotCarried::NoGame)?, &key, entry).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_whole_and_shown_short() {
        for (answer, outcome) in [
            (Answer::ok(202), "202/ok"),
            (Answer::error(200, "not_found", "x"), "200/not_found"),
            (Answer::result(200, 0), "200/0"),
        ] {
            assert_eq!(Answer::from_bytes(&answer.to_bytes()), Some(answer.clone()));
            assert_eq!(answer.outcome(), outcome);
        }
        assert_eq!(Answer::from_bytes(b"?"), None);
    }
}
