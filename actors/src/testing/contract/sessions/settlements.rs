//! What sessions cost.

use std::slice;

use super::*;
use crate::ports::SettlementQuery;

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(a_settlement_reads_back_as_it_was_written),
        clause(settlements_are_those_that_ended_from_one_time_up_to_another),
        clause(settlements_are_of_the_cafe_and_the_game_that_were_asked_for),
        clause(settlements_are_ordered_by_end_and_then_by_id),
        clause(settlements_are_read_in_pages),
    ]
}

/// Everything of a cafe.
fn all(cafe: &Cafe) -> SettlementQuery {
    let (from, to) = (Timestamp(i64::MIN), Timestamp::MAX);
    SettlementQuery { cafe: Some(cafe.id.clone()), game: None, from, to, after: None, limit: 99 }
}

impl Cafe {
    async fn settle(&self, settlements: &[Settlement]) {
        self.decide(Durability::Now, vec![], settlements.to_vec()).await;
    }

    async fn query(&self, query: &SettlementQuery) -> Vec<Settlement> {
        self.sessions.settlements(query).await.expect("the store answers")
    }

    async fn ids(&self, query: &SettlementQuery) -> Vec<SessionId> {
        self.query(query).await.into_iter().map(|settlement| settlement.session_id).collect()
    }
}

async fn a_settlement_reads_back_as_it_was_written(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let one = cafe.settlement(1, later(1));
    let two = Settlement { client_play_duration_sec: None, coins: 0, ..cafe.settlement(2, later(2)) };
    cafe.settle(slice::from_ref(&one)).await;
    assert_eq!(cafe.query(&all(&cafe)).await, slice::from_ref(&one));
    cafe.settle(slice::from_ref(&two)).await;
    assert_eq!(cafe.query(&all(&cafe)).await, [one, two]);
}

async fn settlements_are_those_that_ended_from_one_time_up_to_another(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    cafe.settle(&[1, 2, 3].map(|number| cafe.settlement(number, later(number as u32 * 10)))).await;
    let between = async |from, to| {
        let ids = cafe.ids(&SettlementQuery { from: later(from), to: later(to), ..all(&cafe) }).await;
        (1..=3).filter(|number| ids.contains(&cafe.session_id(*number))).collect::<Vec<_>>()
    };
    assert_eq!(between(10, 30).await, [1, 2], "the first is in, the last is not");
    assert_eq!(between(11, 31).await, [2, 3]);
    assert_eq!(between(20, 21).await, [2]);
    assert!(between(20, 20).await.is_empty());
    assert!(between(30, 10).await.is_empty());
}

async fn settlements_are_of_the_cafe_and_the_game_that_were_asked_for(ports: &Ports, game: GameId) {
    let here = Cafe::of(ports, game.clone());
    let there = Cafe { game: GameId::new(&format!("{game}-other")), ..here.another("there") };
    // A time in which nothing else ends.
    let then = Timestamp(-i64::from(here.seed as u32) - 1_000_000);
    let other_game = Settlement { game_id: there.game.clone(), ..here.settlement(2, then) };
    let other_cafe = Settlement { game_id: here.game.clone(), ..there.settlement(3, then) };
    here.settle(&[here.settlement(1, then), other_game]).await;
    there.settle(&[other_cafe, there.settlement(4, then)]).await;
    let of = async |cafe: Option<&Cafe>, game: Option<&Cafe>| {
        let (cafe, game) = (cafe.map(|cafe| cafe.id.clone()), game.map(|cafe| cafe.game.clone()));
        let ids = here.ids(&SettlementQuery { cafe, game, from: then, to: then + TICK, after: None, limit: 9 }).await;
        (1..=4).filter(|number| ids.contains(&here.session_id(*number))).collect::<Vec<_>>()
    };
    assert_eq!(of(None, None).await, [1, 2, 3, 4]);
    assert_eq!(of(Some(&here), None).await, [1, 2]);
    assert_eq!(of(Some(&there), None).await, [3, 4]);
    assert_eq!(of(None, Some(&here)).await, [1, 3]);
    assert_eq!(of(None, Some(&there)).await, [2, 4]);
    assert_eq!(of(Some(&here), Some(&there)).await, [2]);
    assert!(of(Some(&here.another("nobody")), None).await.is_empty());
}

async fn settlements_are_ordered_by_end_and_then_by_id(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let ends = [(9, 1), (1, 2), (12, 1), (10, 1), (3, 3), (2, 2)];
    let settlements = ends.map(|(number, ticks)| cafe.settlement(number, later(ticks)));
    for settlement in &settlements {
        cafe.settle(slice::from_ref(settlement)).await;
    }
    let in_order = [9, 10, 12, 1, 2, 3].map(|number| cafe.session_id(number));
    assert_eq!(cafe.ids(&all(&cafe)).await, in_order);
    assert_eq!(cafe.ids(&SettlementQuery { limit: 4, ..all(&cafe) }).await, in_order[..4]);
    assert!(cafe.ids(&SettlementQuery { limit: 0, ..all(&cafe) }).await.is_empty());
}

async fn settlements_are_read_in_pages(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    // Many that ended at the same time, before and after a page's end.
    let ends = [1, 2, 2, 2, 2, 2, 3].into_iter().zip(1..);
    let settlements: Vec<_> = ends.map(|(ticks, number)| cafe.settlement(number, later(ticks))).collect();
    cafe.settle(&settlements).await;
    for limit in 1..=8 {
        let mut query = SettlementQuery { limit, ..all(&cafe) };
        let mut read = Vec::new();
        loop {
            let page = cafe.query(&query).await;
            let Some(last) = page.last() else { break };
            query.after = Some((last.ended_at, last.session_id));
            read.extend(page);
        }
        assert_eq!(read, settlements, "in pages of {limit}");
    }
    let after = Some((later(1), cafe.session_id(1)));
    let query = SettlementQuery { after, from: later(3), ..all(&cafe) };
    assert_eq!(cafe.query(&query).await, settlements[6..], "never before `from`");
    let between = Some((later(2), cafe.session_id(0)));
    assert_eq!(
        cafe.query(&SettlementQuery { after: between, ..all(&cafe) }).await,
        settlements[1..],
        "one that is none"
    );
}
