//! A commit: what must be there before it, the one script, and what may follow it.

use std::num::NonZero;

use futures_util::future::{try_join, try_join_all};
use guildhall_actors::ids::CafeId;
use guildhall_actors::ports::{Commit, Committed, StoreError, Version};
use guildhall_actors::session::{Document, DocumentKey};
use tracing::warn;

use super::settlements::place;
use super::{Keys, packed, score, version_text};
use crate::adapters::redis::Redis;
use crate::adapters::redis::keys::Tag;
use crate::adapters::redis::script::Script;

static COMMIT: Script = Script::new(include_str!("../scripts/cafe/commit.lua"));

/// What the script answers: what became of the commit, and a deadline that is earlier than every one before, or none.
type Outcome = (String, String);

impl Redis {
    /// One round trip, unless a document that is found by its key is made or removed, or the cafe's earliest deadline
    /// is brought forward. Once a minute one more, for the name of the cafe.
    pub(super) async fn commit_to(&self, cafe: &CafeId, commit: &Commit) -> Result<Committed, StoreError> {
        if commit.expected.is_empty() && commit.changes.is_empty() && commit.settlements.is_empty() {
            return Ok(Committed::Done(Vec::new()));
        }
        if let Some(other) = commit.settlements.iter().find(|settlement| settlement.cafe_id != *cafe) {
            return Err(StoreError(format!("{} is settled in another cafe than its own", other.session_id)));
        }
        let (made, removed) = (made(commit), removed(commit));
        let care = self.0.upkeep.strays.care(cafe, made.iter().chain(&removed).copied());
        try_join(self.know(cafe), try_join_all(made.iter().map(|key| self.point(key, cafe)))).await?;
        // Random, because a counter would be taken back by a failover that loses its end.
        let version = Version(rand::random::<NonZero<u64>>().get());
        let (outcome, forward) = self.run_commit(cafe, commit, version).await?;
        match outcome.as_str() {
            "done" => {
                match try_join(self.hint(cafe, &forward), self.unpoint(cafe, &removed)).await {
                    Ok(_) => care.over(),
                    Err(error) => warn!(%cafe, %error, "a commit took effect; what follows it is made up for"),
                }
                let of = |change: &Option<_>| if change.is_some() { version } else { Version::ABSENT };
                Ok(Committed::Done(commit.changes.iter().map(|(_, change)| of(change)).collect()))
            }
            "conflict" => {
                // Whoever decides again writes the same pointers; whoever does not leaves them astray.
                if made.is_empty() {
                    care.over();
                }
                Ok(Committed::Conflict)
            }
            _ => Err(StoreError(format!("a session of cafe {cafe} has a settlement already"))),
        }
    }

    async fn run_commit(&self, cafe: &CafeId, commit: &Commit, version: Version) -> Result<Outcome, StoreError> {
        let keys = Keys::of(cafe);
        let of_games: Vec<_> = commit.settlements.iter().map(|settlement| keys.order_of(&settlement.game_id)).collect();
        let mut names = vec![&*keys.documents, &keys.names, &keys.deadlines, &keys.settlements, &keys.order];
        names.extend(of_games.iter().map(String::as_str));
        let mut call = COMMIT.on(&names).arg(commit.expected.len());
        for (key, expected) in &commit.expected {
            let is_there = *expected != Version::ABSENT;
            call = call.arg(key.to_string()).arg(if is_there { version_text(*expected) } else { String::new() });
        }
        call = call.arg(commit.settlements.len());
        for settlement in &commit.settlements {
            let body = serde_json::to_string(settlement).expect("settlements are plain data");
            let (session, place) = (settlement.session_id, place(settlement.ended_at, settlement.session_id));
            call = call.arg(session.to_string()).arg(place).arg(body);
        }
        let version = version_text(version);
        call = call.arg(commit.changes.len());
        for (key, change) in &commit.changes {
            let document = change.as_deref().map(|document| packed(&version, document)).unwrap_or_default();
            let deadline = change.as_deref().and_then(Document::deadline);
            let deadline = deadline.map(|deadline| score(deadline).to_string()).unwrap_or_default();
            call = call.arg(key.to_string()).arg(document).arg(deadline);
        }
        self.0.link.run(call).await
    }

    /// Sees that the cafe is among the names of all cafes.
    async fn know(&self, cafe: &CafeId) -> Result<(), StoreError> {
        if !self.0.upkeep.known.is_fresh(cafe) {
            let names = Tag::cafes().key("names");
            self.0.link.call::<()>(redis::cmd("ZADD").arg(names).arg(0).arg(cafe.as_str())).await?;
            self.0.upkeep.known.written(cafe);
        }
        Ok(())
    }
}

/// What is found by its key and may not have been there before.
fn made(commit: &Commit) -> Vec<&DocumentKey> {
    let was_there = |key: &DocumentKey| {
        let found = commit.expected.iter().find(|(expected, _)| expected == key);
        found.is_some_and(|(_, version)| *version != Version::ABSENT)
    };
    let made =
        |(key, change): &&(DocumentKey, Option<_>)| change.is_some() && key.kind().is_found_by_key() && !was_there(key);
    commit.changes.iter().filter(made).map(|(key, _)| key).collect()
}

fn removed(commit: &Commit) -> Vec<&DocumentKey> {
    let is_removed = |(key, change): &&(DocumentKey, Option<_>)| change.is_none() && key.kind().is_found_by_key();
    commit.changes.iter().filter(is_removed).map(|(key, _)| key).collect()
}
