//! An actor that panics comes back from the store: its channel answers again by itself, its login ends, its session
//! goes on, and nothing that was acknowledged is lost or repeated.
//!
//! These tests drive the backend in this process, over the real embedded store, with ports that panic on demand.
//! `GUILDHALL_PANIC_ROUNDS=1000 cargo test --test blackbox restart_after_panic::` repeats the panics more often.

mod explosive;
mod sessions;
pub(crate) mod stage;

use futures_util::future::{join_all, join3};
use guildhall_actors::event::EventBody;
use guildhall_actors::ports::{ChannelKind, NewEvent};

use crate::seed::amount;
use crate::support::{eventually, within};
use explosive::{EXPLOSIVE_LOGIN, EXPLOSIVE_PLAYER, PANIC};
use stage::{Player, Stage};

#[actix::test]
async fn a_channel_that_panicked_answers_again_and_its_members_go_on_hearing_it() {
    let stage = Stage::new();
    let [mut first, mut second] = stage.room(ChannelKind::Public, [5001, 5002]).await;
    assert_eq!(first.say("one").await, 200);
    assert_eq!(first.say(PANIC).await, 500);
    assert_eq!(second.say("two").await, 200);
    for player in [&mut first, &mut second] {
        assert_eq!(player.hears(2).await, ["one", "two"]);
    }
    assert_eq!(stage.history().await, ["one", "two"]);
}

#[actix::test]
async fn members_hear_what_others_append_although_nobody_here_touches_the_crashed_channel() {
    let stage = Stage::new();
    let [mut first, mut second] = stage.room(ChannelKind::Public, [5001, 5002]).await;
    assert_eq!(first.say(PANIC).await, 500);
    // As another node would: straight into the store. Only the restarted actor's subscription can bring it here.
    let notice = EventBody::Notice { message: "from elsewhere".into(), lang: None };
    let (key, now) = (stage.key(), stage.backend.now());
    let append = stage.ports.channels.append(&key, NewEvent::new(notice), now);
    append.await.expect("the store takes it");
    for player in [&mut first, &mut second] {
        assert_eq!(player.hears(1).await, ["from elsewhere"]);
    }
}

#[actix::test]
async fn under_load_a_panic_loses_and_repeats_nothing_that_was_acknowledged() {
    let stage = Stage::new();
    let [mut first, mut second, mut listener] = stage.room(ChannelKind::Public, [5001, 5002, 5003]).await;
    let (mut acknowledged, mut bomber) = (Vec::new(), stage.member(5004).await);
    for round in 0..amount("GUILDHALL_PANIC_ROUNDS", 50) {
        let talk = async |player: &mut Player| {
            let mut said = Vec::new();
            for number in 0..4 {
                let text = format!("{} says {round}.{number}", player.id);
                // 500 is the truth for a message that was under way when its channel crashed.
                if player.say(&text).await == 200 {
                    said.push(text);
                }
            }
            said
        };
        let (one, two, panicked) = join3(talk(&mut first), talk(&mut second), bomber.say(PANIC)).await;
        assert_eq!(panicked, 500);
        acknowledged.extend(one.into_iter().chain(two));
    }
    assert_eq!(first.say("the end").await, 200);

    let history = stage.history().await;
    for player in [&mut first, &mut second, &mut listener, &mut bomber] {
        // All hear the same: everything in the log, in its order, once.
        assert_eq!(player.hears(history.len()).await, history);
    }
    for text in &acknowledged {
        assert_eq!(history.iter().filter(|known| *known == text).count(), 1, "{text}");
    }
    assert!(acknowledged.len() > 4, "hardly a message was acknowledged");
}

#[actix::test]
async fn a_connection_that_panicked_is_logged_out_and_can_come_back() {
    let stage = Stage::new();
    let [mut other, mut victim] = stage.room(ChannelKind::Public, [5001, 5002]).await;
    assert_eq!(other.say("before").await, 200);
    assert_eq!(victim.hears(1).await, ["before"]);
    victim.whisper_into_the_void(EXPLOSIVE_PLAYER).await;

    let logged_out = async || stage.look_up(5002).await.login.is_none().then_some(());
    eventually("the login of the crashed connection ends", logged_out).await;
    let resume = stage.look_up(5002).await.resume.expect("a snapshot for RECONNECT");
    assert_eq!(resume.channels.len(), 1, "{resume:?}");
    let alone = async || (stage.members().await == [5001]).then_some(());
    eventually("the crashed connection leaves its channel", alone).await;
    other.expect_packet("NOTIFY_EXIT_CHANNEL").await;

    assert_eq!(other.say("meanwhile").await, 200);
    let mut back = stage.log_in(5002, "RECONNECT").await;
    assert_eq!(back.hears(1).await, ["meanwhile"]);
}

#[actix::test]
async fn a_connection_that_panicked_leaves_nothing_of_itself_on_the_node() {
    let stage = Stage::new();
    let mut victims = join_all((0..4).map(|at| stage.log_in(5001 + at, "CONNECT"))).await;
    for victim in &mut victims {
        victim.whisper_into_the_void(EXPLOSIVE_PLAYER).await;
    }
    let gone = async || (stage.backend.connection_count() == 0).then_some(());
    eventually("crashed connections leave the registry", gone).await;
    // A drain asks every connection there is to go, and ends when none is left.
    let drain = stage.backend.shut_down_connections(guildhall_actors::close::Close::Drain, std::time::Duration::ZERO);
    within("a drain after a crash", drain).await;
}

#[actix::test]
async fn a_login_that_panics_half_way_leaves_no_login_behind() {
    let stage = Stage::new();
    stage.try_log_in(EXPLOSIVE_LOGIN).await;
    let logged_out = async || stage.look_up(EXPLOSIVE_LOGIN).await.login.is_none().then_some(());
    eventually("the login that crashed half way ends", logged_out).await;
}
