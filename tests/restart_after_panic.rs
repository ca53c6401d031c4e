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
use explosive::{EXPLOSIVE_LOGIN, EXPLOSIVE_PLAYER, PANIC, blown};
use stage::{Player, Stage};

#[actix::test]
async fn a_channel_that_panicked_answers_again_and_its_members_go_on_hearing_it() {
    let stage = Stage::new();
    let [mut first, mut second] = stage.room(ChannelKind::Public, [5001, 5002]).await;
    for text in ["one", PANIC, "two"] {
        assert_eq!(first.say(text).await, 200);
    }
    for player in [&mut first, &mut second] {
        assert_eq!(player.hears(3).await, ["one", PANIC, "two"]);
    }
    assert_eq!((blown(), stage.history().await), (1, ["one", PANIC, "two"].map(str::to_owned).to_vec()));
}

#[actix::test]
async fn members_hear_what_others_append_although_nobody_here_touches_the_crashed_channel() {
    let stage = Stage::new();
    let [mut first, mut second] = stage.room(ChannelKind::Public, [5001, 5002]).await;
    assert_eq!(first.say(PANIC).await, 200);
    // As another node would: straight into the store. Only the restarted actor's subscription can bring it here.
    let notice = EventBody::Notice { message: "from elsewhere".into(), lang: None };
    let (key, now) = (stage.key(), stage.backend.now());
    let append = stage.ports.channels.append(&key, NewEvent::new(notice), now);
    append.await.expect("the store takes it");
    for player in [&mut first, &mut second] {
        assert_eq!(player.hears(2).await, [PANIC, "from elsewhere"]);
    }
    assert_eq!(blown(), 1);
}

#[actix::test]
async fn under_load_a_panic_loses_and_repeats_nothing_that_was_acknowledged() {
    let stage = Stage::new();
    let [mut first, mut second, mut listener] = stage.room(ChannelKind::Public, [5001, 5002, 5003]).await;
    let mut bomber = stage.member(5004).await;
    let (mut acknowledged, rounds) = (Vec::new(), amount("GUILDHALL_PANIC_ROUNDS", 50));
    for round in 0..rounds {
        let talk = async |player: &mut Player| {
            let said: Vec<_> = (0..4).map(|number| format!("{} says {round}.{number}", player.id)).collect();
            for text in &said {
                assert_eq!(player.say(text).await, 200);
            }
            said
        };
        let panics = format!("{PANIC} {round}");
        let (one, two, panicked) = join3(talk(&mut first), talk(&mut second), bomber.say(&panics)).await;
        assert_eq!(panicked, 200);
        acknowledged.extend(one.into_iter().chain(two).chain([panics]));
    }

    let history = stage.history().await;
    for player in [&mut first, &mut second, &mut listener, &mut bomber] {
        // All hear the same: everything in the log, in its order, once.
        assert_eq!(player.hears(history.len()).await, history);
    }
    for text in &acknowledged {
        assert_eq!(history.iter().filter(|known| *known == text).count(), 1, "{text}");
    }
    assert_eq!((blown(), history.len()), (rounds, acknowledged.len()));
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
