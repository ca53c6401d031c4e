//! Documents are read back, and found, while they are there.

use super::*;

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(a_document_that_is_not_there_has_no_version),
        clause(a_document_of_every_kind_reads_back_as_it_was_written),
        clause(documents_are_loaded_in_the_order_of_their_keys),
        clause(cafes_do_not_share_documents),
        clause(a_launcher_a_token_and_a_session_are_found_while_they_are_there),
        clause(documents_of_other_kinds_are_not_found),
        clause(what_a_soon_commit_did_is_found_at_once),
        clause(a_document_made_anew_elsewhere_is_found_there),
    ]
}

async fn a_document_that_is_not_there_has_no_version(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for (key, _) in one_of_each(&cafe) {
        let stored = cafe.get(&key).await;
        assert_eq!((stored.version, stored.document), (Version::ABSENT, None), "{key}");
    }
    assert_eq!(cafe.put(&DocumentKey::Account, account(1)).await, cafe.get(&DocumentKey::Account).await.version);
    assert_eq!(cafe.remove(&DocumentKey::Account).await, Version::ABSENT);
    assert_eq!(cafe.get(&DocumentKey::Account).await, Stored::default(), "removed");
}

async fn a_document_of_every_kind_reads_back_as_it_was_written(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for (key, document) in one_of_each(&cafe) {
        let version = cafe.put(&key, document.clone()).await;
        assert_ne!(version, Version::ABSENT);
        assert_eq!(cafe.get(&key).await, Stored { version, document: Some(Arc::new(document)) }, "{key}");
    }
}

async fn documents_are_loaded_in_the_order_of_their_keys(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for (name, deadline) in [("a", 1), ("b", 2), ("c", 3)] {
        cafe.put(&pc(name), pc_until(Some(later(deadline)))).await;
    }
    let keys = ["b", "missing", "c", "a", "b"].map(pc);
    let found: Vec<_> = cafe.load(&keys).await.into_iter().map(|stored| stored.document).collect();
    let expected = [Some(2), None, Some(3), Some(1), Some(2)];
    assert_eq!(found, expected.map(|deadline| deadline.map(|ticks| Arc::new(pc_until(Some(later(ticks)))))));
    assert!(cafe.load(&[]).await.is_empty());
}

async fn cafes_do_not_share_documents(ports: &Ports, game: GameId) {
    let here = Cafe::of(ports, game);
    let there = here.another("there");
    here.put(&DocumentKey::Account, account(1)).await;
    assert_eq!(there.get(&DocumentKey::Account).await, Stored::default());
    there.put(&DocumentKey::Account, account(2)).await;
    assert_eq!(here.get(&DocumentKey::Account).await.document, Some(Arc::new(account(1))));
    there.remove(&DocumentKey::Account).await;
    assert_eq!(here.get(&DocumentKey::Account).await.document, Some(Arc::new(account(1))));
}

async fn a_launcher_a_token_and_a_session_are_found_while_they_are_there(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let found_by_key = one_of_each(&cafe).into_iter().filter(|(key, _)| key.kind().is_found_by_key());
    for (number, (key, document)) in found_by_key.enumerate() {
        let home = cafe.another(&number.to_string());
        assert_eq!(cafe.find(&key).await, None, "{key}");
        home.put(&key, document.clone()).await;
        assert_eq!(cafe.find(&key).await, Some(home.id.clone()), "{key}");
        home.put(&key, document).await;
        assert_eq!(cafe.find(&key).await, Some(home.id.clone()), "{key} changed");
        home.remove(&key).await;
        assert_eq!(cafe.find(&key).await, None, "{key} removed");
    }
}

async fn documents_of_other_kinds_are_not_found(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for (key, document) in one_of_each(&cafe).into_iter().filter(|(key, _)| !key.kind().is_found_by_key()) {
        cafe.put(&key, document).await;
        assert_eq!(cafe.find(&key).await, None, "{key}");
    }
}

async fn what_a_soon_commit_did_is_found_at_once(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let (key, document) = (cafe.token(1), token(&cafe.game, NOW));
    for _ in 0..10 {
        cafe.change(Durability::Soon, vec![(key.clone(), Some(document.clone()))]).await;
        assert_eq!(cafe.find(&key).await, Some(cafe.id.clone()));
        assert_eq!(cafe.get(&key).await.document, Some(Arc::new(document.clone())));
        cafe.change(Durability::Soon, vec![(key.clone(), None)]).await;
        assert_eq!(cafe.find(&key).await, None);
        assert_eq!(cafe.get(&key).await, Stored::default());
    }
    let keys: Vec<_> = (2..50).map(|number| cafe.token(number)).collect();
    cafe.change(Durability::Soon, keys.iter().map(|key| (key.clone(), Some(document.clone()))).collect()).await;
    assert!(join_all(keys.iter().map(|key| cafe.find(key))).await.iter().all(|found| *found == Some(cafe.id.clone())));
}

async fn a_document_made_anew_elsewhere_is_found_there(ports: &Ports, game: GameId) {
    let here = Cafe::of(ports, game);
    let there = here.another("there");
    let (key, document) = (here.token(1), token(&here.game, NOW));
    // Both ways and back, so that the order within a batch does not help.
    for (from, to) in [(&here, &there), (&there, &here)].into_iter().cycle().take(10) {
        from.change(Durability::Soon, vec![(key.clone(), Some(document.clone()))]).await;
        assert_eq!(to.get(&key).await, Stored::default(), "of the other cafe");
        from.put(&DocumentKey::Account, account(1)).await;
        from.change(Durability::Soon, vec![(key.clone(), None)]).await;
        to.change(Durability::Soon, vec![(key.clone(), Some(document.clone()))]).await;
        to.put(&DocumentKey::Account, account(1)).await;
        assert_eq!(from.find(&key).await, Some(to.id.clone()));
        assert_eq!(from.get(&key).await, Stored::default());
        to.remove(&key).await;
    }
}
