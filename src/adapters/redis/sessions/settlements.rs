//! Settlements, in the order of their ends: within a cafe a sorted set has it, over all cafes their pages are merged.

use futures_util::future::try_join_all;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::{CafeId, GameId, SessionId};
use guildhall_actors::ports::{SettlementQuery, StoreError};
use guildhall_actors::session::Settlement;

use super::{DIGITS, Keys, PAGE, count};
use crate::adapters::redis::Redis;
use crate::adapters::redis::script::Script;

static READ: Script = Script::new(include_str!("../scripts/cafe/read_settlements.lua"));

/// Where a settlement stands in the order, as text that sorts like it.
pub(super) fn place(ended_at: Timestamp, session: SessionId) -> String {
    format!("{}:{session}", digits(ended_at))
}

/// A time as text of one length that sorts like it.
fn digits(at: Timestamp) -> String {
    format!("{:0DIGITS$x}", at.0.cast_unsigned() ^ (1 << 63))
}

impl Keys {
    pub(super) fn order_of(&self, game: &GameId) -> String {
        format!("{}:{game}", self.order)
    }
}

impl Redis {
    pub(super) async fn find_settlements(&self, query: &SettlementQuery) -> Result<Vec<Settlement>, StoreError> {
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        if let Some(cafe) = &query.cafe {
            return self.settlements_of(cafe, query).await;
        }
        let (mut query, mut after, mut found) = (query.clone(), None, Vec::new());
        loop {
            let page = self.cafe_page(after.as_ref(), PAGE).await?;
            for part in try_join_all(page.iter().map(|cafe| self.settlements_of(cafe, &query))).await? {
                found.extend(part);
            }
            found.sort_by_key(|settlement: &Settlement| (settlement.ended_at, settlement.session_id));
            found.truncate(query.limit);
            // What ended later than all of a full page is not asked for any more.
            if let Some(last) = found.get(query.limit - 1) {
                query.to = query.to.min(Timestamp(last.ended_at.0.saturating_add(1)));
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(found),
            }
        }
    }

    async fn settlements_of(&self, cafe: &CafeId, query: &SettlementQuery) -> Result<Vec<Settlement>, StoreError> {
        let keys = Keys::of(cafe);
        let order = query.game.as_ref().map_or_else(|| keys.order.clone(), |game| keys.order_of(game));
        let from = match query.after {
            Some((ended_at, session)) if ended_at >= query.from => format!("({}", place(ended_at, session)),
            _ => format!("[{}", digits(query.from)),
        };
        let to = format!("({}", digits(query.to));
        let call = READ.on(&[&order, &keys.settlements]).arg(from).arg(to).arg(count(query.limit));
        let bodies: Vec<String> = self.0.link.run(call).await?;
        let read = |body: &String| {
            let unreadable = |error| StoreError(format!("redis: a settlement of cafe {cafe} cannot be read: {error}"));
            serde_json::from_str(body).map_err(unreadable)
        };
        bodies.iter().map(read).collect()
    }
}
