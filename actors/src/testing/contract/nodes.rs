//! The contract of `Nodes`.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{Clause, NOW, TICK, clause};
use crate::backend::Ports;
use crate::clock::Timestamp;
use crate::connection::Note;
use crate::event::{Epoch, Position};
use crate::ids::{ChannelId, GameId, LoginId, NodeId, PlayerId};
use crate::ports::{Mail, MailId, Nodes, Receipt};

/// Every clause of `Nodes`.
pub fn nodes() -> Vec<Clause> {
    vec![
        clause(a_node_is_registered_before_it_renews),
        clause(a_lease_runs_out_after_its_end),
        clause(a_renewed_lease_has_not_run_out),
        clause(a_live_or_unknown_node_cannot_be_claimed),
        clause(of_many_claimers_at_once_one_gets_the_node),
        clause(the_claimer_may_claim_again),
        clause(a_claim_lapses_with_the_lease_of_the_claimer),
        clause(a_claimed_node_cannot_renew),
        clause(a_retired_node_is_gone),
        clause(a_node_registers_anew_once_it_is_retired),
        clause(a_node_that_registers_again_keeps_its_mail),
        clause(mail_to_an_unknown_node_is_refused),
        clause(mail_is_received_in_the_order_it_was_sent),
        clause(mail_is_received_until_a_later_place_is_asked_for),
        clause(mailboxes_are_apart),
        clause(retiring_drops_the_mailbox),
        clause(receiving_waits_for_mail),
        clause(receiving_returns_empty_when_none_came),
    ]
}

/// The nodes of one clause.
struct Hall {
    nodes: Arc<dyn Nodes>,
    game: GameId,
}

impl Hall {
    fn of(ports: &Ports, game: GameId) -> Self {
        Self { nodes: ports.nodes.clone(), game }
    }

    fn id(&self, name: &str) -> NodeId {
        NodeId::new(&format!("{}-{name}", self.game))
    }

    async fn register(&self, name: &str, until: Timestamp) -> bool {
        self.nodes.register(&self.id(name), until).await.expect("the store answers")
    }

    async fn renew(&self, name: &str, until: Timestamp) -> bool {
        self.nodes.renew(&self.id(name), until).await.expect("the store answers")
    }

    async fn has_expired(&self, name: &str, now: Timestamp) -> bool {
        self.nodes.expired(now).await.expect("the store answers").contains(&self.id(name))
    }

    async fn claim(&self, dead: &str, by: &str, now: Timestamp) -> bool {
        self.nodes.claim(&self.id(dead), &self.id(by), now).await.expect("the store answers")
    }

    async fn retire(&self, name: &str) {
        self.nodes.retire(&self.id(name)).await.expect("the store answers");
    }

    async fn send(&self, to: &str, number: i64) -> bool {
        self.nodes.send(&self.id(to), &self.mail(number)).await.expect("the store answers")
    }

    async fn receive(&self, name: &str, after: MailId) -> Vec<(MailId, Mail)> {
        self.nodes.receive(&self.id(name), after).await.expect("the store answers")
    }

    fn mail(&self, number: i64) -> Mail {
        let note = Note::Blocked { player: PlayerId(number), blocked: true };
        Mail::Note { login: LoginId::new("a"), note }
    }
}

async fn a_lease_runs_out_after_its_end(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    assert!(!hall.has_expired("a", NOW).await, "unknown");
    assert!(hall.register("a", NOW).await);
    assert!(!hall.has_expired("a", NOW).await, "it ends then, not before");
    assert!(hall.has_expired("a", NOW + TICK).await);
}

async fn a_renewed_lease_has_not_run_out(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    assert!(hall.register("a", NOW).await);
    assert!(hall.renew("a", NOW + TICK * 10).await);
    assert!(!hall.has_expired("a", NOW + TICK * 10).await);
    assert!(hall.has_expired("a", NOW + TICK * 11).await);
    assert!(hall.renew("a", NOW + TICK * 20).await, "late, but nobody was faster");
    assert!(!hall.claim("a", "b", NOW + TICK * 11).await);
}

async fn a_live_or_unknown_node_cannot_be_claimed(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("by", NOW + TICK * 100).await;
    hall.register("live", NOW).await;
    assert!(!hall.claim("live", "by", NOW).await);
    assert!(!hall.claim("unknown", "by", NOW + TICK).await);
    assert!(hall.renew("live", NOW + TICK).await);
}

async fn of_many_claimers_at_once_one_gets_the_node(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    let claimers: Vec<_> = (0..50).map(|number| format!("claimer-{number}")).collect();
    for claimer in &claimers {
        hall.register(claimer, NOW + TICK * 100).await;
    }
    hall.register("dead", NOW).await;
    let claims = join_all(claimers.iter().map(|claimer| hall.claim("dead", claimer, NOW + TICK))).await;
    assert_eq!(claims.into_iter().filter(|claimed| *claimed).count(), 1);
}

// A claimer that failed half way, or never heard the answer, takes the work up again.
async fn the_claimer_may_claim_again(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("by", NOW + TICK * 100).await;
    hall.register("other", NOW + TICK * 100).await;
    hall.register("dead", NOW).await;
    assert!(hall.claim("dead", "by", NOW + TICK).await);
    assert!(hall.claim("dead", "by", NOW + TICK * 2).await);
    assert!(!hall.claim("dead", "other", NOW + TICK * 2).await);
    assert!(hall.has_expired("dead", NOW + TICK * 2).await, "it is still to be recovered");
}

async fn a_claim_lapses_with_the_lease_of_the_claimer(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("first", NOW + TICK * 10).await;
    hall.register("second", NOW + TICK * 100).await;
    hall.register("dead", NOW).await;
    assert!(hall.claim("dead", "first", NOW + TICK).await);
    assert!(!hall.claim("dead", "second", NOW + TICK * 10).await, "the claimer lives");
    assert!(hall.claim("dead", "second", NOW + TICK * 11).await);
    assert!(!hall.claim("dead", "first", NOW + TICK * 11).await);
}

async fn a_claimed_node_cannot_renew(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("by", NOW + TICK * 100).await;
    hall.register("dead", NOW).await;
    assert!(hall.claim("dead", "by", NOW + TICK).await);
    assert!(!hall.renew("dead", NOW + TICK * 100).await);
    assert!(hall.has_expired("dead", NOW + TICK * 2).await);
}

// A process that was only asleep while it was claimed and its logins were ended must learn of it.
async fn a_retired_node_is_gone(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("by", NOW + TICK * 100).await;
    hall.register("dead", NOW).await;
    assert!(hall.claim("dead", "by", NOW + TICK).await);
    hall.retire("dead").await;
    assert!(!hall.has_expired("dead", NOW + TICK * 2).await);
    assert!(!hall.claim("dead", "by", NOW + TICK * 2).await);
    assert!(!hall.send("dead", 1).await);
    assert!(!hall.renew("dead", NOW + TICK * 100).await);
    hall.retire("dead").await;
}

async fn a_node_is_registered_before_it_renews(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    assert!(!hall.renew("a", NOW).await);
    assert!(!hall.has_expired("a", NOW + TICK).await);
    assert!(!hall.send("a", 1).await);
    assert!(hall.register("a", NOW).await);
    assert!(hall.renew("a", NOW + TICK).await);
}

async fn a_node_registers_anew_once_it_is_retired(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("by", NOW + TICK * 100).await;
    hall.register("asleep", NOW).await;
    hall.send("asleep", 1).await;
    assert!(hall.claim("asleep", "by", NOW + TICK).await);
    assert!(!hall.register("asleep", NOW + TICK * 100).await, "its logins are still being ended");
    hall.retire("asleep").await;
    assert!(hall.register("asleep", NOW + TICK * 100).await);
    assert!(hall.renew("asleep", NOW + TICK * 100).await);
    assert!(!hall.claim("asleep", "by", NOW + TICK).await);
    assert!(hall.send("asleep", 2).await);
    let received: Vec<_> = hall.receive("asleep", MailId(0)).await.into_iter().map(|(_, mail)| mail).collect();
    assert_eq!(received, [hall.mail(2)], "mail of its earlier life is gone");
}

async fn a_node_that_registers_again_keeps_its_mail(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    assert!(hall.register("a", NOW).await);
    hall.send("a", 1).await;
    assert!(hall.register("a", NOW + TICK * 10).await, "the answer may have been lost");
    assert!(!hall.has_expired("a", NOW + TICK).await);
    assert_eq!(hall.receive("a", MailId(0)).await.len(), 1);
}

async fn mail_to_an_unknown_node_is_refused(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    assert!(!hall.send("a", 1).await);
    hall.register("a", NOW).await;
    assert!(hall.send("a", 2).await);
    let received: Vec<_> = hall.receive("a", MailId(0)).await.into_iter().map(|(_, mail)| mail).collect();
    assert_eq!(received, [hall.mail(2)]);
}

async fn mail_is_received_in_the_order_it_was_sent(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("a", NOW).await;
    let entered = Position { epoch: Epoch(u64::MAX), sequence: 9 };
    let (channel, at) = (ChannelId::parse("room").expect("a channel id"), NOW);
    let notes = [
        Note::Joined { channel: channel.clone(), entered },
        Note::Blocked { player: PlayerId(i64::MIN), blocked: false },
        Note::DirectChat { from: PlayerId(1), message: "⚒ \" \\".into(), extra_data: "".into(), at },
        Note::Notice { message: "hear".into(), at },
        Note::Custom { payload: "{}".into(), at },
        Note::Suspension(None),
        Note::Disconnected,
    ];
    let login = LoginId::new("a");
    let mut sent: Vec<_> = notes.into_iter().map(|note| Mail::Note { login: login.clone(), note }).collect();
    let (note, by, receipt) = (Note::Disconnected, hall.id("b"), Receipt(u64::MAX));
    sent.push(Mail::HandOver { login: login.clone(), note, by, receipt });
    sent.push(Mail::HandedOver { receipt, taken: true });
    sent.push(Mail::Kick { login: login.clone(), by: hall.id("b") });
    sent.push(Mail::Kicked { login, seen: vec![(hall.game.channel(channel), entered)] });
    for mail in &sent {
        assert!(hall.nodes.send(&hall.id("a"), mail).await.expect("the store answers"));
    }
    let received = hall.receive("a", MailId(0)).await;
    assert!(received.is_sorted_by(|(a, _), (b, _)| a < b), "{received:?}");
    assert_eq!(received.into_iter().map(|(_, mail)| mail).collect::<Vec<_>>(), sent);
}

async fn mail_is_received_until_a_later_place_is_asked_for(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("a", NOW).await;
    for number in 1..=3 {
        hall.send("a", number).await;
    }
    let first = hall.receive("a", MailId(0)).await;
    assert_eq!(first.len(), 3);
    assert_eq!(hall.receive("a", MailId(0)).await, first, "an answer may have been lost");
    assert_eq!(hall.receive("a", first[0].0).await, first[1..]);
    hall.send("a", 4).await;
    let rest = hall.receive("a", first[2].0).await;
    assert_eq!((rest.len(), &rest[0].1), (1, &hall.mail(4)));
    assert!(rest[0].0 > first[2].0, "places count up");
}

async fn mailboxes_are_apart(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    for (name, number) in [("b", 2), ("a", 1)] {
        hall.register(name, NOW).await;
        hall.send(name, number).await;
    }
    let (a, b) = (hall.receive("a", MailId(0)).await, hall.receive("b", MailId(0)).await);
    assert_eq!((a.len(), &a[0].1), (1, &hall.mail(1)));
    assert_eq!((b.len(), &b[0].1), (1, &hall.mail(2)));
    hall.send("b", 3).await;
    hall.send("a", 4).await;
    let rest = hall.receive("a", a[0].0).await;
    assert_eq!((rest.len(), &rest[0].1), (1, &hall.mail(4)));
    assert_eq!(hall.receive("b", MailId(0)).await.len(), 2, "dropped from one's own mailbox only");
}

async fn retiring_drops_the_mailbox(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("a", NOW).await;
    hall.send("a", 1).await;
    hall.retire("a").await;
    assert!(hall.receive("a", MailId(0)).await.is_empty());
}

async fn receiving_waits_for_mail(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("a", NOW).await;
    // The wait is bounded, and may end early because of another node's mail: ask again, as a node does.
    let receive = async {
        loop {
            let mail = hall.receive("a", MailId(0)).await;
            if !mail.is_empty() {
                return mail;
            }
        }
    };
    let (received, sent) = tokio::join!(receive, hall.send("a", 1));
    assert!(sent);
    assert_eq!((received.len(), &received[0].1), (1, &hall.mail(1)));
}

async fn receiving_returns_empty_when_none_came(ports: &Ports, game: GameId) {
    let hall = Hall::of(ports, game);
    hall.register("a", NOW).await;
    assert!(hall.receive("a", MailId(0)).await.is_empty());
}
