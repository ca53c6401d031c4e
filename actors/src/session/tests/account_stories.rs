//! Cafes and their coins.

use super::super::*;
use super::calls::finish;
use super::story::{Story, cafe};
use crate::ids::CafeId;

#[test]
fn an_account_is_opened_once() {
    let story = Story::with_coins(5);
    assert!(!finish(story.node.open_account(&cafe(), 100)).unwrap().reply);
    assert_eq!(story.account(), Account { balance: 5, credited: 5, charged: 0 });
}

#[test]
fn a_cafe_is_made_once_with_its_account() {
    let story = Story::with_coins(5);
    let ask = |balance| Register { secret: "hush".into(), networks: vec!["10.0.0.0/8".into()], balance };
    let new = CafeId::parse("new").unwrap();
    assert!(finish(story.node.register(&new, &ask(9))).unwrap().reply);
    assert!(!finish(story.node.register(&new, &ask(7))).unwrap().reply);
    assert!(!finish(story.node.register(&cafe(), &ask(7))).unwrap().reply, "one that is configured");
    story.store.look(|kept| {
        let account = Document::Account(Account { balance: 9, credited: 9, charged: 0 });
        assert_eq!(*kept.cafes[&new][&DocumentKey::Account].1, account);
        assert!(kept.cafes[&new].contains_key(&DocumentKey::Registration));
        assert!(!kept.cafes[&cafe()].contains_key(&DocumentKey::Registration));
    });
}

#[test]
fn a_credit_without_an_id_pays_each_time() {
    let story = Story::with_coins(5);
    assert_eq!(story.credit_as(None, 3), Ok(8));
    assert_eq!(story.credit_as(None, 3), Ok(11));
    assert_eq!(story.account(), Account { balance: 11, credited: 11, charged: 0 });
}

#[test]
fn a_credit_under_an_id_pays_once_and_a_repeat_hears_the_first_answer() {
    let mut story = Story::with_coins(5);
    assert_eq!(story.credit_as(Some("a"), 3), Ok(8));
    story.credit(100);
    assert_eq!(story.credit_as(Some("a"), 3), Ok(8));
    assert_eq!(story.credit_as(Some("a"), 4), Err(CreditRefusal::OtherCoins));
    assert_eq!(story.credit_as(Some("b"), 3), Ok(111));
    // It is remembered for a day, no longer.
    story.at(24 * 3600 - 1).sweep();
    assert_eq!(story.credit_as(Some("a"), 3), Ok(8));
    story.at(24 * 3600).sweep();
    assert_eq!(story.credit_as(Some("a"), 3), Ok(114));
}

#[test]
fn a_credit_needs_an_account_and_stays_within_what_every_reader_can_count() {
    let story = Story::with_coins(5);
    let nowhere = CafeId::parse("nowhere").unwrap();
    let told = finish(story.node.credit(&nowhere, &CreditAccount { id: None, coins: 1 })).unwrap();
    assert_eq!(told.reply, Err(CreditRefusal::NoSuchCafe));
    for coins in [CreditAccount::MAX_BALANCE - 4, u64::MAX] {
        assert_eq!(story.credit_as(Some("a"), coins), Err(CreditRefusal::TooMuch));
    }
    assert_eq!(story.account().balance, 5);
    assert_eq!(story.credit_as(Some("a"), CreditAccount::MAX_BALANCE - 5), Ok(CreditAccount::MAX_BALANCE));
}

#[test]
fn money_is_on_disk_before_it_is_answered() {
    use crate::ports::Durability::{Now, Soon};
    let story = Story::with_coins(5);
    let credit = |coins| finish(story.node.credit(&cafe(), &CreditAccount { id: None, coins })).unwrap().durability;
    assert_eq!((credit(1), credit(u64::MAX)), (Now, Soon));
}
