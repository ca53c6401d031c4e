//! A decision takes effect whole, and only while everything it was made from still holds.

use super::*;

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(a_commit_takes_effect_whole),
        clause(a_conflict_leaves_everything_as_it_was),
        clause(a_commit_conflicts_when_anything_expected_differs),
        clause(a_commit_that_changes_nothing_says_whether_all_still_holds),
        clause(new_versions_come_in_the_order_of_the_changes),
        clause(a_version_never_comes_back),
        clause(of_many_commits_that_expect_the_same_one_is_done),
        clause(no_change_is_lost_among_many),
        clause(a_session_is_settled_once),
        clause(of_many_that_settle_a_session_the_others_conflict),
    ]
}

/// Both kinds of commits, where a clause says the same of them.
const BOTH: [Durability; 2] = [Durability::Soon, Durability::Now];

impl Cafe {
    /// The documents of some PCs and their versions, as expected by a commit.
    async fn expect(&self, names: &[&str]) -> Vec<(DocumentKey, Version)> {
        let keys: Vec<_> = names.iter().map(|name| pc(name)).collect();
        let stored = self.load(&keys).await;
        keys.into_iter().zip(stored.into_iter().map(|stored| stored.version)).collect()
    }

    async fn settled(&self) -> Vec<Settlement> {
        let query = crate::ports::SettlementQuery {
            cafe: Some(self.id.clone()),
            game: None,
            from: Timestamp(i64::MIN),
            to: Timestamp::MAX,
            after: None,
            limit: 99,
        };
        self.sessions.settlements(&query).await.expect("the store answers")
    }
}

/// What a PC becomes; the ticks tell it from others.
fn becomes(name: &str, ticks: u32) -> (DocumentKey, Option<Arc<Document>>) {
    (pc(name), Some(Arc::new(pc_until(Some(later(ticks))))))
}

async fn a_commit_takes_effect_whole(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    cafe.put(&pc("changed"), pc_until(None)).await;
    cafe.put(&pc("removed"), pc_until(None)).await;
    let changes = vec![becomes("changed", 1), (pc("removed"), None), becomes("made", 2)];
    let settlements = vec![cafe.settlement(1, later(1)), cafe.settlement(2, later(2))];
    let expected = cafe.expect(&["changed", "removed", "made"]).await;
    let commit =
        Commit { expected, changes: changes.clone(), settlements: settlements.clone(), durability: Durability::Now };
    assert!(matches!(cafe.commit(commit).await, Committed::Done(_)));
    for (key, document) in changes {
        assert_eq!(cafe.get(&key).await.document, document, "{key}");
    }
    assert_eq!(cafe.settled().await, settlements);
}

async fn a_conflict_leaves_everything_as_it_was(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for durability in BOTH {
        cafe.put(&pc("a"), pc_until(None)).await;
        let mut expected = cafe.expect(&["a", "b"]).await;
        expected[1].1 = Version(u64::MAX >> 1);
        let changes = vec![becomes("a", 1), becomes("b", 1)];
        let settlements = vec![cafe.settlement(1, NOW)];
        let before = cafe.load(&["a", "b"].map(pc)).await;
        let commit = Commit { expected, changes, settlements, durability };
        assert_eq!(cafe.commit(commit).await, Committed::Conflict);
        assert_eq!(cafe.load(&["a", "b"].map(pc)).await, before);
        // A later commit would carry to the disk what was left over.
        cafe.put(&pc("c"), pc_until(None)).await;
        assert!(cafe.settled().await.is_empty());
    }
}

async fn a_commit_conflicts_when_anything_expected_differs(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for durability in BOTH {
        cafe.put(&pc("changed"), pc_until(None)).await;
        cafe.put(&pc("removed"), pc_until(None)).await;
        cafe.put(&pc("same"), pc_until(None)).await;
        cafe.remove(&pc("made")).await;
        let expected = cafe.expect(&["changed", "removed", "made", "same", "nowhere"]).await;
        cafe.change(durability, vec![(pc("changed"), Some(pc_until(Some(NOW))))]).await;
        cafe.change(durability, vec![(pc("removed"), None)]).await;
        cafe.change(durability, vec![(pc("made"), Some(pc_until(Some(NOW))))]).await;
        for (at, (differing, _)) in expected[..3].iter().enumerate() {
            let both = vec![expected[at].clone(), expected[3].clone()];
            // Once the document to be changed differs, and once one that was only looked at.
            for changes in [vec![(differing.clone(), None)], vec![becomes("same", 1)]] {
                for expected in [both.clone(), both.iter().rev().cloned().collect()] {
                    let commit = Commit { expected, changes: changes.clone(), settlements: vec![], durability };
                    assert_eq!(cafe.commit(commit).await, Committed::Conflict, "{differing} {durability:?}");
                }
            }
        }
        let commit = Commit {
            expected: expected[3..].to_vec(),
            changes: vec![becomes("same", 1)],
            settlements: vec![],
            durability,
        };
        assert!(matches!(cafe.commit(commit).await, Committed::Done(_)), "these are as they were");
    }
}

async fn a_commit_that_changes_nothing_says_whether_all_still_holds(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for durability in BOTH {
        cafe.change(durability, vec![(pc("a"), Some(pc_until(None)))]).await;
        let expected = cafe.expect(&["a", "nowhere"]).await;
        let look = Commit { expected, changes: vec![], settlements: vec![], durability };
        assert_eq!(cafe.commit(look.clone()).await, Committed::Done(vec![]));
        assert_eq!(cafe.commit(look.clone()).await, Committed::Done(vec![]), "it changed nothing");
        cafe.change(durability, vec![(pc("a"), Some(pc_until(None)))]).await;
        assert_eq!(cafe.commit(look).await, Committed::Conflict, "a change to the same is a change");
    }
    let nothing = Commit { expected: vec![], changes: vec![], settlements: vec![], durability: Durability::Now };
    assert_eq!(cafe.commit(nothing).await, Committed::Done(vec![]));
}

async fn new_versions_come_in_the_order_of_the_changes(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for durability in BOTH {
        let names = ["c", "a", "b"].map(pc);
        let changes = names.iter().map(|key| (key.clone(), Some(pc_until(None)))).collect();
        let versions = cafe.change(durability, changes).await;
        let stored = cafe.load(&names).await;
        assert_eq!(versions, stored.iter().map(|stored| stored.version).collect::<Vec<_>>());
        let changes = vec![(pc("c"), None), (pc("a"), Some(pc_until(None)))];
        let versions = cafe.change(durability, changes).await;
        assert_eq!(versions, [Version::ABSENT, cafe.get(&pc("a")).await.version]);
    }
}

async fn a_version_never_comes_back(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let mut seen = std::collections::BTreeSet::new();
    for (round, durability) in BOTH.into_iter().cycle().take(12).enumerate() {
        for _ in 0..2 {
            let version = cafe.change(durability, vec![(pc("a"), Some(pc_until(None)))]).await[0];
            assert!(version != Version::ABSENT && seen.insert(version), "{version:?} again after {seen:?}");
        }
        if round % 3 < 2 {
            cafe.change(durability, vec![(pc("a"), None)]).await;
        }
    }
}

async fn of_many_commits_that_expect_the_same_one_is_done(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for durability in BOTH {
        let expected = cafe.expect(&["a", "b"]).await;
        let commits = (1..=50).map(|ticks| {
            let changes = vec![becomes("a", ticks)];
            cafe.commit(Commit { expected: expected.clone(), changes, settlements: vec![], durability })
        });
        let committed = join_all(commits).await;
        let is_done = |committed: &Committed| matches!(committed, Committed::Done(_));
        assert_eq!(committed.iter().filter(|committed| is_done(committed)).count(), 1, "{committed:?}");
        let winner = committed.iter().position(is_done).expect("there is one");
        let ticks = u32::try_from(winner).expect("one of 50") + 1;
        assert_eq!(cafe.get(&pc("a")).await.document, becomes("a", ticks).1, "what the one did");
    }
}

async fn no_change_is_lost_among_many(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let add_one = async |durability| {
        loop {
            let stored = cafe.get(&DocumentKey::Account).await;
            let balance = match stored.document.as_deref() {
                Some(Document::Account(account)) => account.balance,
                _ => 0,
            };
            let commit = Commit {
                expected: vec![(DocumentKey::Account, stored.version)],
                changes: vec![(DocumentKey::Account, Some(Arc::new(account(balance + 1))))],
                settlements: vec![],
                durability,
            };
            if cafe.commit(commit).await != Committed::Conflict {
                return;
            }
        }
    };
    join_all((0..50).map(|number| add_one(BOTH[number % 2]))).await;
    assert_eq!(cafe.get(&DocumentKey::Account).await.document, Some(Arc::new(account(50))));
}

async fn a_session_is_settled_once(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let there = cafe.another("there");
    let first = cafe.settlement(1, later(1));
    cafe.decide(Durability::Now, vec![], vec![first.clone()]).await;
    let fresh = cafe.settlement(2, later(1));
    let again = Settlement { coins: 7, ended_at: later(2), ..first.clone() };
    let refused = [vec![again.clone()], vec![fresh.clone(), again], vec![fresh.clone(), fresh.clone()]];
    for (settlements, durability) in refused.into_iter().flat_map(|refused| BOTH.map(|both| (refused.clone(), both))) {
        for elsewhere in [&cafe, &there] {
            let before = elsewhere.get(&pc("a")).await;
            let expected = vec![(pc("a"), before.version)];
            let settlements = settlements.clone();
            let commit = Commit { expected, changes: vec![becomes("a", 1)], settlements, durability };
            elsewhere.sessions.commit(&elsewhere.id, &commit).await.expect_err("settled already");
            assert_eq!(elsewhere.get(&pc("a")).await, before, "nothing took effect");
        }
    }
    cafe.decide(Durability::Now, vec![], vec![fresh.clone()]).await;
    assert_eq!(cafe.settled().await, [first, fresh]);
}

// Those that were too late must decide again, and see that the session has ended.
async fn of_many_that_settle_a_session_the_others_conflict(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let expected = cafe.expect(&["a"]).await;
    let settlements = vec![cafe.settlement(1, NOW)];
    let commit = Commit { expected, changes: vec![becomes("a", 1)], settlements, durability: Durability::Now };
    let committed = join_all((0..50).map(|_| cafe.commit(commit.clone()))).await;
    let conflicts = committed.iter().filter(|committed| **committed == Committed::Conflict).count();
    assert_eq!(conflicts, 49, "{committed:?}");
    assert_eq!(cafe.commit(commit).await, Committed::Conflict, "also when it is on disk");
    assert_eq!(cafe.settled().await.len(), 1);
}
