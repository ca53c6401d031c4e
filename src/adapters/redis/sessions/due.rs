//! What is due: a hint for each cafe, and the cafe's own deadlines.
//!
//! The hint of a cafe is a time no later than its earliest deadline. A commit that brings that deadline forward lowers
//! the hint right after it; one that moves it away leaves the hint alone, so most commits do not touch it. Whoever then
//! finds nothing due in the cafe raises the hint to the earliest deadline and looks once more, lowering it again if the
//! deadline was brought forward in between: either that look sees it, or the commit came later and lowers the raised
//! hint itself.
//!
//! A crash between a commit and its hint, and one between the raise and the second look, leave the hint too late. So
//! each call also looks at a few cafes, in turn, and lowers their hints where that is needed.

use futures_util::future::try_join_all;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::CafeId;
use guildhall_actors::ports::StoreError;
use guildhall_actors::session::DocumentKey;
use parking_lot::Mutex;
use tracing::error;

use super::{Keys, PAGE, cafe_id, count, score};
use crate::adapters::redis::Redis;
use crate::adapters::redis::keys::Tag;

/// The cafe that was looked at last.
#[derive(Default)]
pub(super) struct Walk(Mutex<Option<CafeId>>);

/// Deadlines and what they are of, as Redis answers.
type Scores = Vec<(String, f64)>;

impl Redis {
    pub(super) async fn due_documents(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(CafeId, DocumentKey)>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (mut due, mut idle, mut offset): (Vec<(f64, CafeId, DocumentKey)>, Vec<CafeId>, _) = (vec![], vec![], 0);
        loop {
            let hints = up_to(hints(), now, offset, PAGE);
            let hints: Scores = self.0.link.call(&hints).await?;
            // All further cafes come after these hints.
            let is_full = |first: f64| due.get(limit - 1).is_some_and(|(last, ..)| *last < first);
            if hints.first().is_none_or(|(_, first)| is_full(*first)) {
                break;
            }
            offset += hints.len();
            let cafes = hints.iter().map(|(cafe, _)| cafe_id(cafe)).collect::<Result<Vec<_>, _>>()?;
            let found = try_join_all(cafes.iter().map(|cafe| self.due_of(cafe, now, limit))).await?;
            for (cafe, found) in cafes.into_iter().zip(found) {
                if found.is_empty() {
                    idle.push(cafe.clone());
                }
                due.extend(found.into_iter().filter_map(|(name, at)| Some((at, cafe.clone(), document_key(&name)?))));
            }
            due.sort_by(|one, other| one.0.total_cmp(&other.0));
            due.truncate(limit);
        }
        try_join_all(idle.iter().map(|cafe| self.raise(cafe))).await?;
        Ok(due.into_iter().map(|(_, cafe, key)| (cafe, key)).collect())
    }

    async fn due_of(&self, cafe: &CafeId, now: Timestamp, limit: usize) -> Result<Scores, StoreError> {
        self.0.link.call(&up_to(Keys::of(cafe).deadlines, now, 0, limit)).await
    }

    async fn earliest(&self, cafe: &CafeId) -> Result<Option<f64>, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(Keys::of(cafe).deadlines).arg(0).arg(0).arg("WITHSCORES");
        let first: Scores = self.0.link.call(&command).await?;
        Ok(first.first().map(|(_, at)| *at))
    }

    /// Lowers the hint of a cafe to a deadline, if there is one.
    pub(super) async fn hint(&self, cafe: &CafeId, deadline: &str) -> Result<(), StoreError> {
        if deadline.is_empty() {
            return Ok(());
        }
        self.0.link.call(redis::cmd("ZADD").arg(hints()).arg("LT").arg(deadline).arg(cafe.as_str())).await
    }

    /// Raises the hint of a cafe in which nothing is due; see the module's text.
    async fn raise(&self, cafe: &CafeId) -> Result<(), StoreError> {
        match self.earliest(cafe).await? {
            Some(at) => self.0.link.call::<()>(redis::cmd("ZADD").arg(hints()).arg(at).arg(cafe.as_str())).await?,
            None => self.0.link.call::<()>(redis::cmd("ZREM").arg(hints()).arg(cafe.as_str())).await?,
        }
        self.lower(std::slice::from_ref(cafe)).await
    }

    /// Lowers the hints of cafes to their earliest deadlines.
    async fn lower(&self, cafes: &[CafeId]) -> Result<(), StoreError> {
        let earliest = try_join_all(cafes.iter().map(|cafe| self.earliest(cafe))).await?;
        let deadlines: Vec<_> =
            cafes.iter().zip(earliest).filter_map(|(cafe, at)| Some((at?, cafe.as_str()))).collect();
        if deadlines.is_empty() {
            return Ok(());
        }
        self.0.link.call(redis::cmd("ZADD").arg(hints()).arg("LT").arg(deadlines)).await
    }

    /// Looks at the next few cafes.
    pub(super) async fn walk(&self) -> Result<(), StoreError> {
        let after = self.0.upkeep.walk.0.lock().clone();
        let page = self.cafe_page(after.as_ref(), PAGE).await?;
        self.lower(&page).await?;
        *self.0.upkeep.walk.0.lock() = page.last().filter(|_| page.len() == PAGE).cloned();
        Ok(())
    }
}

fn hints() -> String {
    Tag::cafes().key("deadlines")
}

/// Members up to a time, earliest first, with their times.
fn up_to(key: String, now: Timestamp, offset: usize, limit: usize) -> redis::Cmd {
    let mut command = redis::cmd("ZRANGEBYSCORE");
    command.arg(key).arg("-inf").arg(score(now)).arg("WITHSCORES").arg("LIMIT").arg(offset).arg(count(limit));
    command
}

/// One that cannot be read must not hide the others.
fn document_key(name: &str) -> Option<DocumentKey> {
    let key = DocumentKey::parse(name);
    if key.is_none() {
        error!(name, "a document that is due has no name that can be read");
    }
    key
}
