//! Dropping requests, some at a time: others wait for the server meanwhile.

use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::GameId;
use guildhall_actors::ports::StoreError;

use super::{Keys, Sets};
use crate::adapters::redis::Redis;
use crate::adapters::redis::script::{Call, Script};

static BY_AGE: Script =
    Script::new(concat!(include_str!("../scripts/inbox/trim.lua"), include_str!("../scripts/inbox/trim_by_age.lua")));
static BY_COUNT: Script =
    Script::new(concat!(include_str!("../scripts/inbox/trim.lua"), include_str!("../scripts/inbox/trim_by_count.lua")));

/// Requests dropped in one step.
const BATCH: u64 = 500;

/// All keys of some sources in a game.
struct Scope {
    keys: Keys,
    sets: Vec<Sets>,
}

impl Scope {
    fn new(game: &GameId, sources: &[&'static str]) -> Self {
        let keys = Keys::of(game);
        let sets = sources.iter().map(|source| keys.sets(source)).collect();
        Self { keys, sets }
    }

    fn call<'a>(&'a self, script: &'a Script) -> Call<'a> {
        let Keys { state, cursors, heads, bodies, answers, .. } = &self.keys;
        let mut names = vec![&**state, cursors, heads, bodies, answers];
        names.extend(self.sets.iter().flat_map(|sets| [&*sets.order, &sets.pending, &sets.done]));
        script.on(&names)
    }
}

impl Redis {
    pub(super) async fn trim_requests(
        &self,
        sources: &[&'static str],
        before: Timestamp,
        keep: u64,
        done_only: bool,
    ) -> Result<u64, StoreError> {
        let (mut dropped, what) = (0, if done_only { "done" } else { "all" });
        for game in self.games().await? {
            let scope = Scope::new(&game, sources);
            loop {
                let call = scope.call(&BY_AGE).arg(before.0).arg(BATCH).arg(what).arg(sources);
                let count: u64 = self.0.link.run(call).await?;
                dropped += count;
                if count < BATCH {
                    break;
                }
            }
            let mut after = String::new();
            loop {
                let call = scope.call(&BY_COUNT).arg(keep).arg(BATCH).arg(what).arg(&after).arg(sources);
                let (count, last): (u64, String) = self.0.link.run(call).await?;
                dropped += count;
                if last.is_empty() {
                    break;
                }
                after = last;
            }
        }
        Ok(dropped)
    }
}
