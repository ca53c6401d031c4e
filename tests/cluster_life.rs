//! Several nodes that share one store: who is logged in where, mail between them, and a lease that is lost.
//!
//! These tests drive the backends in this process, over one embedded store; by the switch of the deployment, each over
//! a link of its own to one Redis server.
//! `GUILDHALL_LOGINS=10000 cargo test --test blackbox cluster_life::` has more logins at once.

mod bells;
mod fickle;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use guildhall_actors::backend::Ports;
use guildhall_actors::connection::Note;
use guildhall_actors::event::EventBody;
use guildhall_actors::ids::{GameId, LoginId, NodeId, PlayerId, PlayerKey};
use guildhall_actors::ports::{ChannelKind, Decider, Login, NewEvent, Resume, Suspension};
use serde_json::json;
use tokio::time::timeout;

use crate::restart_after_panic::stage::{Player, Stage};
use crate::seed::amount;
use crate::support::{eventually, within};
use bells::Bells;
use fickle::Fickle;

const SECOND_LOGIN: Option<u16> = Some(4000);
/// Short, so that a node soon learns that it has lost it.
const LEASE: Duration = Duration::from_millis(600);
/// Longer than what should not wait takes.
const MOMENT: Duration = Duration::from_millis(100);
/// Enough for the most logins at once on a busy machine.
const LONG: Duration = Duration::from_secs(120);
/// Every lease has run out by then.
const LATE: Duration = Duration::from_secs(3600);

/// Nodes that live; the first one is nobody but the way into the store.
async fn nodes<const N: usize>(names: [&'static str; N]) -> [(Stage, Arc<Fickle>); N] {
    let (first, subscribers) = (Stage::deployed().await, Arc::default());
    let mut nodes = Vec::new();
    for name in names {
        let ports = first.seen_by_another().await;
        let fickle = Fickle::new(ports.nodes.clone());
        let channels = Bells::of(&ports.channels, name, &subscribers, &fickle);
        let stage = first.beside(name, Ports { nodes: fickle.clone(), channels, ..ports });
        stage.backend.begin_life(LEASE).await.expect("a first lease");
        nodes.push((stage, fickle));
    }
    nodes.try_into().unwrap_or_else(|_| unreachable!("one node per name"))
}

fn key(player: i64) -> PlayerKey {
    GameId::new("demo").player(PlayerId(player))
}

async fn closed_with(player: &Player, code: u16) {
    let closed = async || (player.close_code() == Some(code)).then_some(());
    eventually(&format!("player {} is closed with {code}, not {:?}", player.id, player.close_code()), closed).await;
}

fn notices(player: &Player) -> Vec<String> {
    let packets = player.packets().into_iter();
    let told = packets.filter(|packet| packet["packetType"] == "NOTIFY_NOTICE");
    told.map(|packet| packet["body"]["message"].as_str().expect("a text").to_owned()).collect()
}

#[actix::test]
async fn a_login_on_another_node_closes_the_first_and_goes_on_where_its_socket_was() {
    let [(a, _), (b, _)] = nodes(["a", "b"]).await;
    let [mut friend, mut first] = a.room(ChannelKind::Public, [5001, 5002]).await;
    assert_eq!(friend.say("heard").await, 200);
    assert_eq!(first.hears(1).await, ["heard"]);
    first.stops_reading();
    assert_eq!(friend.say("not taken by the socket").await, 200);
    assert_eq!(friend.hears(2).await.len(), 2);

    let mut second = b.log_in(5002, "RECONNECT").await;
    assert_eq!(friend.say("after").await, 200);
    assert_eq!(second.hears(2).await, ["not taken by the socket", "after"]);
    assert_eq!(first.written_words(), ["heard"]);
    assert_eq!(first.closing_code(), SECOND_LOGIN);
    assert_eq!(a.members().await, [5001, 5002]);
    assert_eq!(second.say("back").await, 200);
    assert_eq!(friend.hears(2).await, ["after", "back"]);
}

#[actix::test]
async fn what_happens_on_one_node_reaches_a_socket_on_another() {
    let [(a, _), (b, _)] = nodes(["a", "b"]).await;
    let [mut friend] = a.room(ChannelKind::Public, [5001]).await;
    let mut there = b.log_in(5002, "CONNECT").await;
    a.backend.enter(&key(5002), &a.key().channel, None).await.expect("a member");
    there.expect_packet("NOTIFY_ENTER_CHANNEL").await;
    assert_eq!(friend.say("hello").await, 200);
    assert_eq!(there.hears(1).await, ["hello"]);

    a.backend.set_blocked(&key(5002), PlayerId(5001), true).await.expect("blocked");
    a.backend
        .send_note(&key(5002), Note::Notice { message: "blocked by now".into(), at: a.backend.now() })
        .await
        .expect("online");
    there.expect_packet("NOTIFY_NOTICE").await;
    assert_eq!(friend.say("not for you").await, 200);
    let notice = EventBody::Notice { message: "for all".into(), lang: None };
    a.backend.append(a.key(), NewEvent::new(notice)).await.expect("appended");
    assert_eq!(there.hears(1).await, ["for all"]);

    a.backend.exit(&key(5002), &a.key().channel).await.expect("no member any more");
    there.expect_packet("NOTIFY_EXIT_CHANNEL").await;
    assert_eq!(there.say("too late").await, 400);
}

#[actix::test]
async fn what_was_answered_is_in_force_on_another_node() {
    let [(a, _), (b, link)] = nodes(["a", "b"]).await;
    let [mut friend] = a.room(ChannelKind::Public, [5001]).await;
    let mut there = b.member(5002).await;
    let held = link.mail.write().await;
    let backend = a.backend.clone();
    let mut blocked = actix::spawn(async move { backend.set_blocked(&key(5002), PlayerId(5001), true).await });
    eventually("the mail is held up", async || (link.fetched.load(Ordering::SeqCst) > 0).then_some(())).await;
    timeout(MOMENT, &mut blocked).await.expect_err("it is not in force");
    drop(held);
    within("the block", blocked).await.expect("no panic").expect("the store works");
    assert_eq!(friend.say("not for you").await, 200);

    let note = Note::Notice { message: "a gift".into(), at: a.backend.now() };
    a.backend.send_note(&key(5002), note).await.expect("online");
    assert_eq!(notices(&there), ["a gift"]);
    let notice = EventBody::Notice { message: "for all".into(), lang: None };
    a.backend.append(a.key(), NewEvent::new(notice)).await.expect("appended");
    assert_eq!(there.hears(1).await, ["for all"]);
}

#[actix::test]
async fn what_a_node_that_does_not_answer_was_to_hear_is_answered_without_it() {
    let [(a, _), (b, link)] = nodes(["a", "b"]).await;
    let there = b.log_in(5001, "CONNECT").await;
    let held = link.mail.write().await;
    let note = |message: &str| Note::Notice { message: message.into(), at: a.backend.now() };
    within("patience", a.backend.send_note(&key(5001), note("patience"))).await.expect("in the mailbox");
    assert!(notices(&there).is_empty());
    drop(held);
    eventually("the notice", async || (notices(&there) == ["patience"]).then_some(())).await;
}

#[actix::test]
async fn what_is_said_after_a_login_is_heard_although_its_node_does_not_follow_the_channel_yet() {
    let [(a, _), (b, link)] = nodes(["a", "b"]).await;
    let [] = a.room(ChannelKind::Group, []).await;
    for player in [5001, 5002] {
        a.backend.enter(&key(player), &a.key().channel, None).await.expect("a member, away");
    }
    let mut friend = a.log_in(5001, "CONNECT").await;
    assert_eq!(friend.say("before").await, 200);
    let held = link.subscriptions.write().await;
    let mut there = b.log_in(5002, "CONNECT").await;
    assert_eq!(friend.say("hello").await, 200);
    drop(held);
    assert_eq!(there.hears(1).await, ["hello"]);
}

#[actix::test]
async fn who_has_heard_an_exit_finds_the_player_offline_although_the_login_is_still_to_be_given_up() {
    let [(a, _), (b, _)] = nodes(["a", "b"]).await;
    let [mut friend, leaves] = a.room(ChannelKind::Public, [5001, 5002]).await;
    let login = a.look_up(5002).await.login.expect("one lives").id;
    let resume = Resume { lost_at: a.backend.now(), channels: Vec::new() };
    // As a logout begins, which then leaves the channels.
    assert!(a.ports.players.save_resume(&key(5002), &login, Some(&resume)).await.expect("the store works"));
    let whisper =
        json!({ "gameIndex": 7, "from": 5001, "to": 5002, "message": "psst", "extraData": "", "langCode": "en" });
    assert_eq!(friend.request("DIRECT_CHAT", whisper).await, 409);
    let note = Note::Notice { message: "a gift".into(), at: b.backend.now() };
    b.backend.send_note(&key(5002), note).await.expect_err("offline");
    b.backend.disconnect(&key(5002)).await.expect("a socket all the same");
    closed_with(&leaves, 1000).await;
}

#[actix::test]
async fn a_suspension_and_an_operators_word_close_a_socket_on_another_node() {
    let [(a, _), (b, _)] = nodes(["a", "b"]).await;
    let (suspended, disconnected) = (b.log_in(5001, "CONNECT").await, b.log_in(5002, "CONNECT").await);
    let suspension = Suspension { from: a.backend.now(), until: None, reason: "cheating".into() };
    let by = Decider::Operator(a.backend.now());
    a.backend.suspend(&key(5001), Some(&suspension), by).await.expect("the store works");
    a.backend.disconnect(&key(5002)).await.expect("online");
    closed_with(&suspended, 4003).await;
    closed_with(&disconnected, 1000).await;
}

#[actix::test]
async fn mail_comes_once_and_in_order_although_the_mailbox_fails() {
    let [(a, _), (b, fickle)] = nodes(["a", "b"]).await;
    let there = b.log_in(5001, "CONNECT").await;
    fickle.garbles_mail.store(true, Ordering::SeqCst);
    let sent: Vec<_> = (0..100).map(|number| format!("news {number}")).collect();
    for message in &sent {
        let note = Note::Notice { message: message.as_str().into(), at: a.backend.now() };
        a.backend.send_note(&key(5001), note).await.expect("online");
    }
    eventually("all the news", async || (notices(&there).len() >= sent.len()).then_some(())).await;
    assert_eq!(notices(&there), sent);
}

#[actix::test]
async fn of_many_logins_at_once_on_three_nodes_one_socket_stays_and_presence_is_true() {
    let nodes = nodes(["a", "b", "c"]).await;
    let stages: Vec<_> = nodes.iter().map(|(stage, _)| stage).collect();
    let [mut friend] = stages[0].room(ChannelKind::Public, [5001]).await;
    let member = stages[1].member(5002).await;
    let logins = amount("GUILDHALL_LOGINS", 300);
    let begun = std::time::Instant::now();
    let attempts = (0..logins).map(|_| {
        let stage = stages[rand::random_range(0..stages.len())];
        stage.try_login_as(5002, "RECONNECT")
    });
    let all = timeout(LONG, join_all(attempts)).await;
    let mut sockets: Vec<_> = all.expect("every login comes to an end");
    sockets.push(member);

    let open = || sockets.iter().filter(|socket| socket.closing_code().is_none()).count();
    eventually(&format!("one of {} sockets is open", sockets.len()), async || (open() == 1).then_some(())).await;
    tracing::info!(logins, took = ?begun.elapsed(), "logins at once");
    let (mut live, mut closed) = (Vec::new(), Vec::new());
    for socket in sockets {
        if socket.closing_code().is_none() { live.push(socket) } else { closed.push(socket) }
    }
    assert!(closed.iter().all(|socket| socket.closing_code() == SECOND_LOGIN));
    let state = stages[0].look_up(5002).await;
    let login = state.login.expect("one login lives");
    assert_eq!(live[0].session_id(), Some(login.id.to_string()));
    let joined: Vec<_> = state.joined.iter().map(|joined| joined.channel.clone()).collect();
    assert_eq!((stages[0].members().await, joined), (vec![5001, 5002], vec![stages[0].key().channel]));
    assert_eq!(state.resume, None);
    assert_eq!(friend.say("who is there").await, 200);
    assert_eq!(live[0].hears(1).await, ["who is there"]);
    assert_eq!(live[0].say("me").await, 200);
    assert!(closed.iter().all(|socket| socket.written_words().is_empty()));
}

#[actix::test]
async fn a_node_that_was_taken_for_dead_claims_its_logins_anew_and_its_sockets_miss_nothing() {
    let [(a, _), (b, undertaker)] = nodes(["a", "b"]).await;
    let [mut friend] = b.room(ChannelKind::Public, [5001]).await;
    let (mut stays, goes) = (a.member(5002).await, a.member(5003).await);
    let suspended = a.log_in(5004, "CONNECT").await;
    assert_eq!(friend.say("before").await, 200);

    let (backend, late) = (b.backend.clone(), b.backend.now() + LATE);
    let recovery = actix::spawn(async move { backend.recover_dead_nodes(late).await });
    eventually("the logins are ended", async || (b.members().await == [5001]).then_some(())).await;
    eventually("the node knows", async || a.backend.has_lost_lease().then_some(())).await;
    assert_eq!(stays.say("in limbo").await, 500);
    assert_eq!(friend.say("gap").await, 200);
    let mut elsewhere = b.log_in(5003, "RECONNECT").await;
    let suspension = Suspension { from: b.backend.now(), until: None, reason: "cheating".into() };
    let by = Decider::Operator(b.backend.now());
    b.backend.suspend(&key(5004), Some(&suspension), by).await.expect("the store works");
    undertaker.retires.add_permits(1);
    within("the recovery", recovery).await.expect("no panic").expect("the store works");

    eventually("the player is back", async || b.members().await.contains(&5002).then_some(())).await;
    closed_with(&goes, 4000).await;
    closed_with(&suspended, 4003).await;
    assert_eq!(friend.say("after").await, 200);
    assert_eq!(stays.hears(3).await, ["before", "gap", "after"]);
    assert_eq!(stays.say("here").await, 200);
    assert_eq!(elsewhere.hears(3).await, ["gap", "after", "here"]);
    let state = b.look_up(5002).await;
    assert_eq!((state.login.expect("alive").node, state.resume), (a.backend.node().clone(), None));
    assert_eq!(b.look_up(5003).await.login.expect("alive").node, *b.backend.node());
    assert_eq!(b.look_up(5004).await.login, None);
    let members = b.members().await;
    assert_eq!((members.len(), members.contains(&5003)), (3, true), "{members:?}");
}

#[actix::test]
async fn a_login_during_the_limbo_is_refused_and_the_next_one_succeeds() {
    let [(a, _), (b, undertaker)] = nodes(["a", "b"]).await;
    let (backend, late) = (b.backend.clone(), b.backend.now() + LATE);
    let recovery = actix::spawn(async move { backend.recover_dead_nodes(late).await });
    eventually("the node knows", async || a.backend.has_lost_lease().then_some(())).await;
    let refused = a.try_login_as(5001, "CONNECT").await;
    assert_eq!((refused.session_id(), refused.closing_code()), (None, None));
    assert_eq!(a.look_up(5001).await.login, None);
    undertaker.retires.add_permits(1);
    within("the recovery", recovery).await.expect("no panic").expect("the store works");
    eventually("a new lease", async || (!a.backend.has_lost_lease()).then_some(())).await;
    a.log_in(5001, "CONNECT").await;
}

#[actix::test]
async fn after_an_outage_for_all_nobody_takes_the_others_for_dead() {
    let [(a, link_of_a), (b, link_of_b)] = nodes(["a", "b"]).await;
    let _members = (a.room(ChannelKind::Public, [5001]).await, b.member(5002).await);
    let expired = async || a.ports.nodes.expired(a.backend.now()).await.expect("the store works");
    for link in [&link_of_a, &link_of_b] {
        link.renews.store(false, Ordering::SeqCst);
    }
    let (id_a, id_b) = (a.backend.node().clone(), b.backend.node().clone());
    let all_expired = async || {
        let expired = expired().await;
        (expired.contains(&id_a) && expired.contains(&id_b)).then_some(())
    };
    eventually("every lease runs out", all_expired).await;
    assert!(a.backend.is_lease_in_doubt() && b.backend.is_lease_in_doubt(), "they ask for no traffic");
    link_of_a.renews.store(true, Ordering::SeqCst);
    eventually("one is back", async || (!expired().await.contains(&id_a)).then_some(())).await;
    link_of_b.renews.store(true, Ordering::SeqCst);
    eventually("so is the other", async || (!expired().await.contains(&id_b)).then_some(())).await;

    assert!(!a.backend.has_lost_lease() && !b.backend.has_lost_lease());
    for node in [&a, &b] {
        eventually("traffic is welcome", async || (!node.backend.is_lease_in_doubt()).then_some(())).await;
    }
    let entries = a.ports.channels.get(&a.key()).await.expect("the room").head.sequence;
    assert_eq!((a.members().await, entries), (vec![5001, 5002], 2), "nobody left");
}

#[actix::test]
async fn a_dead_node_is_recovered_by_one_of_the_others() {
    let [(a, link), (b, first), (c, second)] = nodes(["a", "b", "c"]).await;
    let [watcher] = b.room(ChannelKind::Public, [5001]).await;
    let _lost = a.member(5002).await;
    for survivor in [&first, &second] {
        survivor.retires.add_permits(1);
    }
    link.renews.store(false, Ordering::SeqCst);
    eventually("the dead node's member leaves", async || (b.members().await == [5001]).then_some(())).await;
    watcher.expect_packet("NOTIFY_EXIT_CHANNEL").await;
    // Given up after the exits, so that a crash in between leaves somebody who owns the rest.
    eventually("the login is given up", async || b.look_up(5002).await.login.is_none().then_some(())).await;
    let back = c.log_in(5002, "RECONNECT").await;
    assert_eq!(back.session_id(), b.look_up(5002).await.login.map(|login| login.id.to_string()));
    assert_eq!(b.members().await, [5001, 5002]);
}

#[actix::test]
async fn a_node_that_another_one_has_claimed_is_left_to_that_one() {
    let [(a, _), (b, survivor)] = nodes(["a", "b"]).await;
    let [_friend] = b.room(ChannelKind::Public, [5001]).await;
    let _member = a.member(5002).await;
    let (claimer, late) = (NodeId::new("c"), b.backend.now() + LATE);
    assert!(b.ports.nodes.register(&claimer, late + LATE).await.expect("the store works"));
    assert!(b.ports.nodes.claim(a.backend.node(), &claimer, late).await.expect("the store works"));
    survivor.retires.add_permits(1);
    within("a look at the dead", b.backend.recover_dead_nodes(late)).await.expect("the store works");
    assert_eq!(b.look_up(5002).await.login.map(|login| login.node).as_ref(), Some(a.backend.node()));
    assert_eq!(b.members().await, [5001, 5002]);
}

// A node that dies between its claim and its mail leaves a socket behind that nobody told.
#[actix::test]
async fn a_socket_whose_login_was_replaced_in_silence_does_not_stay() {
    let [(a, _)] = nodes(["a"]).await;
    let (replaced, forgotten) = (a.log_in(5001, "CONNECT").await, a.log_in(5002, "CONNECT").await);
    let (id, node, at) = (LoginId::new("silent"), NodeId::new("dead"), a.backend.now());
    let silent = Login { id, node, at };
    for player in [5001, 5002] {
        a.ports.players.claim(&key(player), &silent).await.expect("no suspension");
    }
    a.ports.players.release(&key(5002), &silent.id).await.expect("the store works");
    let vacant = Login { id: LoginId::new("vacant"), node: a.backend.node().clone(), ..silent };
    a.ports.players.claim(&key(5003), &vacant).await.expect("no suspension");

    within("a look at the logins", a.backend.settle_logins()).await.expect("the store works");
    closed_with(&replaced, 4000).await;
    let login = a.look_up(5002).await.login.map(|login| login.id.to_string());
    assert_eq!((login, forgotten.closing_code()), (forgotten.session_id(), None));
    assert_eq!(a.look_up(5003).await.login, None);
}
