//! What the sweeper is told.

use std::time::Duration;

use super::*;

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(documents_are_due_from_their_deadline_on_earliest_first),
        clause(due_documents_are_at_most_the_limit),
        clause(a_document_is_due_by_its_newest_deadline_at_once),
        clause(a_soon_commit_moves_a_deadline_within_a_second),
    ]
}

/// What `Durability::Soon` allows, and as much again for a busy machine.
const SOON: Duration = Duration::from_secs(2);

impl Cafe {
    /// Due documents of the cafes of this clause.
    async fn due(&self, now: Timestamp) -> Vec<(CafeId, DocumentKey)> {
        let mut due = self.sessions.due(now, 100_000).await.expect("the store answers");
        due.retain(|(cafe, _)| cafe.as_str().starts_with(self.id.as_str()));
        due
    }

    /// Waits until these PCs are due then.
    async fn becomes_due(&self, now: Timestamp, names: &[&str]) {
        let expected: Vec<_> = names.iter().map(|name| (self.id.clone(), pc(name))).collect();
        let until = tokio::time::Instant::now() + SOON;
        while self.due(now).await != expected {
            assert!(tokio::time::Instant::now() < until, "{:?} is due, not {names:?}", self.due(now).await);
            tokio::time::sleep(TICK * 5).await;
        }
    }
}

async fn documents_are_due_from_their_deadline_on_earliest_first(ports: &Ports, game: GameId) {
    let here = Cafe::of(ports, game);
    let there = here.another("there");
    here.put(&pc("third"), pc_until(Some(later(3)))).await;
    here.put(&pc("first"), pc_until(Some(later(1)))).await;
    there.put(&there.token(1), token(&there.game, later(2))).await;
    here.put(&pc("never"), pc_until(None)).await;
    here.put(&DocumentKey::Account, account(1)).await;
    let in_order = [(here.id.clone(), pc("first")), (there.id.clone(), there.token(1)), (here.id.clone(), pc("third"))];
    for (ticks, count) in [(0, 0), (1, 1), (2, 2), (3, 3), (1_000_000, 3)] {
        assert_eq!(here.due(later(ticks)).await, in_order[..count], "{ticks}");
    }
}

async fn due_documents_are_at_most_the_limit(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    // Before those of every other clause.
    let early = |millis: i64| Timestamp(-1_000_000_000_000 + millis);
    for (name, millis) in [("b", 2), ("c", 3), ("a", 1)] {
        cafe.put(&pc(name), pc_until(Some(early(millis)))).await;
    }
    for (limit, expected) in [(0, &[][..]), (2, &["a", "b"]), (3, &["a", "b", "c"])] {
        let due = cafe.sessions.due(NOW, limit).await.expect("the store answers");
        assert_eq!(due, expected.iter().map(|name| (cafe.id.clone(), pc(name))).collect::<Vec<_>>());
    }
    // They must not be in the way of another run on the same store.
    cafe.change(Durability::Now, ["a", "b", "c"].map(|name| (pc(name), None)).into()).await;
}

async fn a_document_is_due_by_its_newest_deadline_at_once(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let due = async |ticks| cafe.due(later(ticks)).await.len();
    cafe.put(&pc("a"), pc_until(Some(later(5)))).await;
    assert_eq!((due(4).await, due(5).await), (0, 1));
    cafe.put(&pc("a"), pc_until(Some(later(2)))).await;
    assert_eq!((due(1).await, due(2).await, due(9).await), (0, 1, 1), "earlier, and once");
    cafe.put(&pc("a"), pc_until(Some(later(7)))).await;
    assert_eq!((due(6).await, due(7).await), (0, 1), "later");
    cafe.put(&pc("a"), pc_until(None)).await;
    assert_eq!(due(9).await, 0, "never");
    cafe.put(&pc("a"), pc_until(Some(later(1)))).await;
    assert_eq!(due(1).await, 1);
    cafe.remove(&pc("a")).await;
    assert_eq!(due(9).await, 0, "removed");
}

async fn a_soon_commit_moves_a_deadline_within_a_second(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let becomes = async |name, document| cafe.change(Durability::Soon, vec![(pc(name), document)]).await;
    becomes("a", Some(pc_until(Some(later(1))))).await;
    cafe.becomes_due(later(1), &["a"]).await;
    becomes("b", Some(pc_until(Some(later(0))))).await;
    becomes("a", Some(pc_until(Some(later(2))))).await;
    cafe.becomes_due(later(1), &["b"]).await;
    cafe.becomes_due(later(2), &["b", "a"]).await;
    becomes("b", None).await;
    cafe.becomes_due(later(2), &["a"]).await;
}
