//! The documents of a cafe, and the cafes.

use super::*;
use crate::session::DocumentKind;

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(a_list_has_the_documents_of_one_kind_and_cafe),
        clause(a_list_is_in_the_order_of_the_keys_as_text),
        clause(a_list_is_read_in_pages),
        clause(a_list_shows_what_a_soon_commit_did_at_once),
        clause(cafes_with_an_account_are_in_the_order_of_their_ids),
    ]
}

impl Cafe {
    async fn list(&self, kind: DocumentKind, after: Option<&DocumentKey>, limit: usize) -> Vec<DocumentKey> {
        let listed = self.sessions.list(&self.id, kind, after, limit).await.expect("the store answers");
        listed.into_iter().map(|(key, _)| key).collect()
    }

    /// Cafes of this clause: their ids follow the first one's.
    async fn cafes(&self, after: Option<&Self>, limit: usize) -> Vec<String> {
        let after = after.map_or_else(|| self.id.clone(), |cafe| cafe.id.clone());
        let cafes = self.sessions.cafes(Some(&after), limit).await.expect("the store answers");
        assert!(cafes.len() <= limit);
        cafes.iter().filter_map(|id| id.as_str().strip_prefix(self.id.as_str())).map(str::to_owned).collect()
    }
}

async fn a_list_has_the_documents_of_one_kind_and_cafe(ports: &Ports, game: GameId) {
    let here = Cafe::of(ports, game);
    let there = here.another("there");
    let documents = one_of_each(&here);
    for (key, document) in &documents {
        here.put(key, document.clone()).await;
    }
    there.put(&pc("there"), pc_until(None)).await;
    for (key, document) in documents {
        let listed = here.sessions.list(&here.id, key.kind(), None, 9).await.expect("the store answers");
        assert_eq!(listed, [(key.clone(), Arc::new(document))]);
        assert!(here.list(key.kind(), Some(&key), 9).await.is_empty(), "after the only {key}");
    }
    assert_eq!(there.list(DocumentKind::Pc, None, 9).await, [pc("there")]);
    assert!(there.list(DocumentKind::Account, None, 9).await.is_empty());
}

async fn a_list_is_in_the_order_of_the_keys_as_text(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    let in_order = [" ", "1", "10", "2", "A", "a", "a:b", "aa", "é", "창", "\u{10ffff}"];
    for name in in_order.iter().rev() {
        cafe.put(&pc(name), pc_until(None)).await;
    }
    assert_eq!(cafe.list(DocumentKind::Pc, None, 99).await, in_order.map(pc));
    assert!(in_order.map(|name| pc(name).to_string()).is_sorted());
}

async fn a_list_is_read_in_pages(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for name in ["c", "a", "e", "b"] {
        cafe.put(&pc(name), pc_until(None)).await;
    }
    let page = async |after: &str, limit| cafe.list(DocumentKind::Pc, Some(&pc(after)), limit).await;
    assert_eq!(cafe.list(DocumentKind::Pc, None, 2).await, ["a", "b"].map(pc));
    assert_eq!(page("b", 2).await, ["c", "e"].map(pc));
    assert_eq!(page("d", 9).await, [pc("e")], "after one that is not there");
    assert!(page("e", 9).await.is_empty());
    assert!(page("a", 0).await.is_empty());
}

async fn a_list_shows_what_a_soon_commit_did_at_once(ports: &Ports, game: GameId) {
    let cafe = Cafe::of(ports, game);
    for round in 0..10 {
        let document = pc_until(Some(later(round)));
        cafe.change(Durability::Soon, vec![(pc("a"), Some(document.clone()))]).await;
        let listed = cafe.sessions.list(&cafe.id, DocumentKind::Pc, None, 9).await.expect("the store answers");
        assert_eq!(listed, [(pc("a"), Arc::new(document))]);
    }
    cafe.change(Durability::Soon, vec![(pc("a"), None)]).await;
    assert!(cafe.list(DocumentKind::Pc, None, 9).await.is_empty());
}

async fn cafes_with_an_account_are_in_the_order_of_their_ids(ports: &Ports, game: GameId) {
    let first = Cafe::of(ports, game);
    let named = |name: &str| first.another(name);
    for name in ["c", "B", "a", "d"] {
        named(name).put(&DocumentKey::Account, account(0)).await;
    }
    named("poor").put(&pc("a"), pc_until(None)).await;
    named("d").remove(&DocumentKey::Account).await;
    assert_eq!(first.cafes(None, 100).await, ["-B", "-a", "-c"]);
    assert_eq!(first.cafes(None, 2).await, ["-B", "-a"]);
    assert_eq!(first.cafes(Some(&named("B")), 1).await, ["-a"]);
    assert_eq!(first.cafes(Some(&named("b")), 100).await, ["-c"], "after one that is not there");
    let all = first.sessions.cafes(None, 100_000).await.expect("the store answers");
    assert!(all.is_sorted() && all.contains(&named("a").id));
}
