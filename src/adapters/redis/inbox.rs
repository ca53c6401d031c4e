//! `Inbox` on Redis: all that belongs to a game has its hash tag, and every step is one script.
//!
//! A record is its cursor's entry in three hashes (time and name, body, answer), and that of each source in two sorted
//! sets: one in the order of the cursors, and one by age, of what is pending or of what is done. The names of the games
//! are elsewhere; a game's is written before its first record.

mod trim;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::GameId;
use guildhall_actors::ports::{Inbox, InboxEntry, InboxKey, InboxSlice, Recorded, StoreError};

use super::Redis;
use super::keys::Tag;
use super::script::Script;
use super::sessions::count;

static RECORD: Script =
    Script::new(concat!(include_str!("scripts/incarnation.lua"), include_str!("scripts/inbox/record.lua")));
static FINISH: Script = Script::new(include_str!("scripts/inbox/finish.lua"));
static FIND: Script =
    Script::new(concat!(include_str!("scripts/inbox/request.lua"), include_str!("scripts/inbox/find.lua")));
static PENDING: Script =
    Script::new(concat!(include_str!("scripts/inbox/request.lua"), include_str!("scripts/inbox/pending.lua")));
static READ: Script =
    Script::new(concat!(include_str!("scripts/inbox/request.lua"), include_str!("scripts/inbox/read.lua")));

/// Digits of a cursor.
const DIGITS: usize = 20;

/// The keys of a game.
struct Keys {
    tag: Tag,
    /// The last cursor, the incarnation of the server that gave it, and up to where each source was dropped.
    state: String,
    /// By name.
    cursors: String,
    heads: String,
    bodies: String,
    answers: String,
}

/// The keys of a source in a game.
struct Sets {
    order: String,
    pending: String,
    done: String,
}

/// A cursor, when it was recorded and its name, its body, and the answer: empty, or behind a mark.
type Row = (String, Vec<u8>, Vec<u8>, Vec<u8>);

/// Before every answer that is kept, so that there is a difference between an empty one and none.
const MARK: u8 = b'+';

impl Keys {
    fn of(game: &GameId) -> Self {
        let tag = Tag::inbox(game);
        let [state, cursors, heads, bodies, answers] =
            ["state", "cursors", "heads", "bodies", "answers"].map(|name| tag.key(name));
        Self { tag, state, cursors, heads, bodies, answers }
    }

    fn sets(&self, source: &str) -> Sets {
        let [order, pending, done] = ["order", "pending", "done"].map(|name| self.tag.key(format!("{name}:{source}")));
        Sets { order, pending, done }
    }
}

fn name(key: &InboxKey) -> String {
    format!("{}\0{}", key.source, key.key)
}

fn marked(answer: &[u8]) -> Vec<u8> {
    [&[MARK], answer].concat()
}

fn unmarked(answer: &[u8]) -> Option<Vec<u8>> {
    answer.split_first().map(|(_, answer)| answer.to_vec())
}

fn cursor_text(cursor: u64) -> String {
    format!("{cursor:0DIGITS$}")
}

fn entry((cursor, head, body, answer): Row) -> Result<InboxEntry, StoreError> {
    let parse = || {
        let (at, name) = std::str::from_utf8(&head).ok()?.split_once(' ')?;
        let (source, key) = name.split_once('\0')?;
        let (cursor, at) = (cursor.parse().ok()?, Timestamp(at.parse().ok()?));
        Some((cursor, source.to_owned(), key.to_owned(), at))
    };
    let parsed = parse().ok_or_else(|| StoreError(format!("redis: request {cursor} cannot be read")))?;
    let (cursor, source, key, at) = parsed;
    Ok(InboxEntry { cursor, source, key, body, at, answer: unmarked(&answer) })
}

fn entries(rows: Vec<Row>) -> Result<Vec<InboxEntry>, StoreError> {
    rows.into_iter().map(entry).collect()
}

impl Redis {
    async fn pending_of(
        &self,
        game: GameId,
        source: &str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(GameId, InboxEntry)>, StoreError> {
        let keys = Keys::of(&game);
        let pending = keys.sets(source).pending;
        let call = PENDING.on(&[&keys.heads, &keys.bodies, &keys.answers, &pending]).arg(before.0).arg(count(limit));
        let found = entries(self.0.link.run(call).await?)?;
        Ok(found.into_iter().map(|entry| (game.clone(), entry)).collect())
    }

    /// After a cursor, or else the newest. Up to which cursor the sources were dropped, and the requests.
    async fn requests(
        &self,
        game: &GameId,
        sources: &[&'static str],
        after: Option<u64>,
        limit: usize,
    ) -> Result<(u64, Vec<InboxEntry>), StoreError> {
        let keys = Keys::of(game);
        let orders: Vec<_> = sources.iter().map(|source| keys.sets(source).order).collect();
        let mut names = vec![&*keys.heads, &keys.bodies, &keys.answers, &keys.state];
        names.extend(orders.iter().map(String::as_str));
        let after = after.map(cursor_text).unwrap_or_default();
        let call = READ.on(&names).arg(after).arg(count(limit)).arg(InboxSlice::BYTES).arg(sources);
        let (dropped, rows): (String, Vec<Row>) = self.0.link.run(call).await?;
        Ok((dropped.parse().unwrap_or(0), entries(rows)?))
    }
}

#[async_trait]
impl Inbox for Redis {
    async fn record(
        &self,
        key: &InboxKey,
        body: &[u8],
        keep: Duration,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        self.know_game(&key.game).await?;
        let keys = Keys::of(&key.game);
        let sets = keys.sets(key.source);
        let names = [&*keys.state, &keys.cursors, &keys.heads, &keys.bodies, &keys.answers];
        let call = RECORD.on(&[&names[..], &[&sets.order, &sets.pending, &sets.done]].concat());
        let call = call.arg(name(key)).arg(body).arg(now.0).arg((now - keep).0).arg(key.source);
        let (found, is_same, what): (String, String, Vec<u8>) = self.0.link.run(call).await?;
        let same_body = is_same == "same";
        match found.as_str() {
            "new" => Ok(Recorded::New),
            "done" => Ok(Recorded::Done { answer: unmarked(&what).unwrap_or_default(), same_body }),
            _ => {
                let at = std::str::from_utf8(&what).ok().and_then(|at| at.parse().ok());
                let since = at.ok_or_else(|| StoreError(format!("redis: request {} cannot be read", key.key)))?;
                Ok(Recorded::Pending { since: Timestamp(since), same_body })
            }
        }
    }

    async fn finish(&self, key: &InboxKey, answer: &[u8]) -> Result<(), StoreError> {
        let keys = Keys::of(&key.game);
        let sets = keys.sets(key.source);
        let names = [&*keys.cursors, &keys.heads, &keys.answers, &sets.pending, &sets.done];
        self.0.link.run(FINISH.on(&names).arg(name(key)).arg(marked(answer))).await
    }

    async fn entry(&self, key: &InboxKey) -> Result<Option<InboxEntry>, StoreError> {
        let keys = Keys::of(&key.game);
        let call = FIND.on(&[&keys.heads, &keys.bodies, &keys.answers, &keys.cursors]).arg(name(key));
        Ok(entries(self.0.link.run(call).await?)?.pop())
    }

    async fn pending(
        &self,
        source: &'static str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(GameId, InboxEntry)>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let of_games = self.games().await?.into_iter().map(|game| self.pending_of(game, source, before, limit));
        let mut found = try_join_all(of_games).await?.concat();
        found.sort_by_key(|(_, entry)| entry.at);
        found.truncate(limit);
        Ok(found)
    }

    async fn read(
        &self,
        game: &GameId,
        sources: &[&'static str],
        after: u64,
        limit: usize,
    ) -> Result<InboxSlice, StoreError> {
        let (dropped, entries) = self.requests(game, sources, Some(after), limit).await?;
        Ok(InboxSlice { entries, complete: dropped <= after })
    }

    async fn read_newest(
        &self,
        game: &GameId,
        sources: &[&'static str],
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let (_, mut entries) = self.requests(game, sources, None, limit).await?;
        entries.reverse();
        Ok(entries)
    }

    async fn trim(
        &self,
        sources: &[&'static str],
        before: Timestamp,
        keep: u64,
        done_only: bool,
    ) -> Result<u64, StoreError> {
        self.trim_requests(sources, before, keep, done_only).await
    }
}
