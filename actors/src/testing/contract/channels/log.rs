//! The event log: appending, reading and history.

use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::limits::{ChatLimits, LogLimits};
use crate::ports::History;

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(sequences_count_from_1_without_holes),
        clause(an_event_reads_back_as_it_was_appended),
        clause(an_author_must_be_a_member),
        clause(a_repeat_with_the_same_key_appends_nothing),
        clause(after_the_window_the_same_key_appends_anew),
        clause(concurrent_appends_get_consecutive_places),
        clause(concurrent_repeats_append_one_event),
        clause(reading_yields_what_comes_after_a_place),
        clause(reading_stops_at_the_limit),
        clause(reading_after_a_place_of_another_epoch_starts_over),
        clause(reading_after_a_place_beyond_the_newest_event_finds_nothing),
        clause(history_is_chat_only),
        clause(history_without_an_anchor_is_the_newest),
        clause(history_around_an_anchor_includes_it_once),
        clause(history_around_a_place_that_is_no_message),
        clause(history_around_a_place_of_another_epoch_is_empty),
        clause(history_shows_nothing_older_than_its_limit),
    ]
}

fn with_history() -> ChannelSpec {
    ChannelSpec { kind: ChannelKind::Group, history: true, ..open_to_all() }
}

async fn sequences_count_from_1_without_holes(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, with_password("secret"), &[ANN]).await;
    room.say(ANN, NOW).await;
    let refusals = [
        room.try_enter(BOB, Admission::Password(None)).await.map(|_| ()),
        room.channels.append(&room.key, NewEvent::new(chat(EVE)), NOW).await.map(|_| ()),
        room.channels.exit(&room.key, EVE, None, NOW).await.map(|_| ()),
    ];
    assert!(refusals.iter().all(Result::is_err), "{refusals:?}");
    room.try_enter(BOB, Admission::Password(Some(password("secret")))).await.expect("the password");
    room.append(custom("x"), NOW).await;
    room.exit(ANN, NOW).await;
    assert_eq!(sequences(&room.log().await), [1, 2, 3, 4, 5]);
    assert!(room.log().await.iter().all(|event| event.position.epoch == room.epoch));
}

async fn an_event_reads_back_as_it_was_appended(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let bodies = [
        EventBody::Chat {
            from: ANN,
            message: "\"quoted\" \\ \u{0} ⚒ 🏰".into(),
            extra_data: "{\"a\": [1]}".into(),
            hidden_from: vec![BOB, CAT],
        },
        EventBody::Notice { message: "maintenance".into(), lang: Some("de".into()) },
        EventBody::Notice { message: "".into(), lang: None },
        custom("{ \"spaces\" : \"stay\" }"),
    ];
    for (number, body) in (1u32..).zip(&bodies) {
        assert_eq!(room.append(body.clone(), later(number)).await, room.at(u64::from(number) + 1));
    }
    let read: Vec<_> = room.log().await.split_off(1).into_iter().map(|event| (event.at, event.body)).collect();
    assert_eq!(read, (1u32..).map(later).zip(bodies).collect::<Vec<_>>());
}

async fn an_author_must_be_a_member(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    room.say(ANN, NOW).await;
    room.exit(ANN, NOW).await;
    for stranger in [ANN, EVE] {
        let refused = room.channels.append(&room.key, NewEvent::new(chat(stranger)), NOW).await;
        assert!(matches!(refused, Err(ChannelError::NotMember)), "{refused:?}");
    }
    assert_eq!(room.append(custom("nobody's"), NOW).await, room.at(4));
}

fn keyed(body: EventBody, key: &str) -> NewEvent {
    NewEvent { body, idempotency_key: Some(key.into()) }
}

async fn a_repeat_with_the_same_key_appends_nothing(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[]).await;
    let append = async |body, key, now| {
        room.channels.append(&room.key, keyed(body, key), now).await.expect("an event without author")
    };
    let end = NOW + ChatLimits::default().idempotency;
    let first = append(custom("one"), "key", NOW).await;
    assert_eq!(append(custom("two"), "other key", NOW).await, room.at(2));
    assert_eq!(append(custom("one"), "key", NOW).await, first);
    assert_eq!(append(custom("another body"), "key", end - TICK).await, first);
    let bodies: Vec<_> = room.log().await.into_iter().map(|event| event.body).collect();
    assert_eq!(bodies, [custom("one"), custom("two")]);
}

async fn after_the_window_the_same_key_appends_anew(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[]).await;
    let append = async |now| {
        room.channels.append(&room.key, keyed(custom("x"), "key"), now).await.expect("an event without author")
    };
    let second = NOW + ChatLimits::default().idempotency + TICK;
    assert_eq!(append(NOW).await, room.at(1));
    assert_eq!(append(second).await, room.at(2));
    let repeat = second + ChatLimits::default().idempotency - TICK;
    assert_eq!(append(repeat).await, room.at(2), "the window began anew");
}

async fn concurrent_appends_get_consecutive_places(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[]).await;
    let payloads: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    let places = join_all(payloads.iter().map(|payload| room.append(custom(payload), NOW))).await;
    let mut sorted: Vec<_> = places.iter().map(|place| place.sequence).collect();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=200).collect::<Vec<_>>());
    let log = room.log().await;
    assert_eq!(sequences(&log), sorted);
    for (place, payload) in places.into_iter().zip(&payloads) {
        let index = usize::try_from(place.sequence).expect("at most 200") - 1;
        assert_eq!(log[index].body, custom(payload), "the place told is where it went");
    }
}

async fn concurrent_repeats_append_one_event(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[]).await;
    let repeats = (0..50).map(|_| room.channels.append(&room.key, keyed(custom("x"), "key"), NOW));
    for place in join_all(repeats).await {
        assert_eq!(place.expect("an event without author"), room.at(1));
    }
    assert_eq!(sequences(&room.log().await), [1]);
}

async fn reading_yields_what_comes_after_a_place(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN, BOB, CAT]).await;
    for (after, expected) in [(0, vec![1, 2, 3]), (1, vec![2, 3]), (2, vec![3]), (3, vec![])] {
        let slice = room.channels.read(&room.key, room.at(after), 10).await.expect("the channel exists");
        assert_eq!((sequences(&slice.events), slice.complete, slice.head), (expected, true, room.at(3)));
    }
    let empty = Room::make(ports, &GameId::new(&format!("{game}-empty")), open_to_all(), &[]).await;
    let slice = empty.channels.read(&empty.key, empty.at(0), 10).await.expect("the channel exists");
    assert_eq!((slice.events, slice.complete, slice.head), (vec![], true, empty.at(0)));
}

async fn reading_stops_at_the_limit(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN, BOB, CAT]).await;
    for (limit, expected) in [(1, vec![2]), (2, vec![2, 3]), (3, vec![2, 3])] {
        let slice = room.channels.read(&room.key, room.at(1), limit).await.expect("the channel exists");
        assert_eq!((sequences(&slice.events), slice.complete, slice.head), (expected, true, room.at(3)));
    }
}

async fn reading_after_a_place_of_another_epoch_starts_over(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN, BOB, CAT]).await;
    for sequence in [0, 2, 3, 99] {
        let elsewhere = Position { epoch: Epoch(room.epoch.0 ^ 1), sequence };
        let slice = room.channels.read(&room.key, elsewhere, 10).await.expect("the channel exists");
        assert_eq!((sequences(&slice.events), slice.complete, slice.head), (vec![1, 2, 3], false, room.at(3)));
    }
}

// A log that lost its end: what was given out already must not be given out again.
async fn reading_after_a_place_beyond_the_newest_event_finds_nothing(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN, BOB]).await;
    let slice = room.channels.read(&room.key, room.at(3), 10).await.expect("the channel exists");
    assert_eq!((sequences(&slice.events), slice.complete, slice.head), (vec![], false, room.at(2)));
}

/// Which messages, and whether there are some before and after them.
fn outline(history: &History) -> (Vec<u64>, bool, bool) {
    (sequences(&history.messages), history.has_prev, history.has_next)
}

async fn history_is_chat_only(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, with_history(), &[ANN]).await;
    let said = room.say(ANN, later(1)).await;
    room.append(EventBody::Notice { message: "notice".into(), lang: None }, NOW).await;
    room.append(custom("x"), NOW).await;
    room.exit(ANN, NOW).await;
    let history = room.channels.history(&room.key, None, 10, 10, later(1)).await.expect("the channel exists");
    let message = Event { position: said, at: later(1), body: chat(ANN) };
    assert_eq!(history, History { messages: vec![message], has_prev: false, has_next: false });
}

async fn history_without_an_anchor_is_the_newest(ports: &Ports, game: GameId) {
    // Messages at 2, 3, 4, 5.
    let room = Room::make(ports, &game, with_history(), &[ANN]).await;
    for _ in 0..4 {
        room.say(ANN, NOW).await;
    }
    let newest = [
        (0, (vec![], true, false)),
        (1, (vec![5], true, false)),
        (3, (vec![3, 4, 5], true, false)),
        (4, (vec![2, 3, 4, 5], false, false)),
        (9, (vec![2, 3, 4, 5], false, false)),
    ];
    for (prev, expected) in newest {
        let history = room.channels.history(&room.key, None, prev, 7, NOW).await.expect("the channel exists");
        assert_eq!(outline(&history), expected, "{prev}");
    }
}

async fn history_around_an_anchor_includes_it_once(ports: &Ports, game: GameId) {
    // Messages at 2, 3, 4, 5, 6.
    let room = Room::make(ports, &game, with_history(), &[ANN]).await;
    for _ in 0..5 {
        room.say(ANN, NOW).await;
    }
    let around = [
        ((4, 1, 1), (vec![3, 4, 5], true, true)),
        ((4, 2, 2), (vec![2, 3, 4, 5, 6], false, false)),
        ((4, 0, 0), (vec![4], true, true)),
        ((4, 0, 1), (vec![4, 5], true, true)),
        ((4, 0, 2), (vec![4, 5, 6], true, false)),
        ((4, 2, 0), (vec![2, 3, 4], false, true)),
        ((2, 3, 0), (vec![2], false, true)),
        ((6, 1, 3), (vec![5, 6], true, false)),
    ];
    for ((anchor, prev, next), expected) in around {
        let anchor = Some(room.at(anchor));
        let history = room.channels.history(&room.key, anchor, prev, next, NOW).await.expect("the channel exists");
        assert_eq!(outline(&history), expected, "{anchor:?} {prev} {next}");
    }
}

async fn history_around_a_place_that_is_no_message(ports: &Ports, game: GameId) {
    // Messages at 2, 3, 5, 6.
    let room = Room::make(ports, &game, with_history(), &[ANN]).await;
    room.say(ANN, NOW).await;
    room.say(ANN, NOW).await;
    room.append(custom("x"), NOW).await;
    room.say(ANN, NOW).await;
    room.say(ANN, NOW).await;
    let around = [
        ((4, 1, 1), (vec![3, 5], true, true)),
        ((4, 2, 2), (vec![2, 3, 5, 6], false, false)),
        ((1, 5, 1), (vec![2], false, true)),
        ((7, 1, 5), (vec![6], true, false)),
    ];
    for ((anchor, prev, next), expected) in around {
        let anchor = Some(room.at(anchor));
        let history = room.channels.history(&room.key, anchor, prev, next, NOW).await.expect("the channel exists");
        assert_eq!(outline(&history), expected, "{anchor:?} {prev} {next}");
    }
}

async fn history_around_a_place_of_another_epoch_is_empty(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, with_history(), &[ANN]).await;
    room.say(ANN, NOW).await;
    let anchor = Some(Position { epoch: Epoch(room.epoch.0 ^ 1), sequence: 2 });
    let history = room.channels.history(&room.key, anchor, 5, 5, NOW).await.expect("the channel exists");
    assert_eq!(outline(&history), (vec![], false, false));
}

async fn history_shows_nothing_older_than_its_limit(ports: &Ports, game: GameId) {
    // Messages at 2, 3, 4, an hour apart.
    let room = Room::make(ports, &game, with_history(), &[ANN]).await;
    let hour = Duration::from_secs(3600);
    for hours in 0..3 {
        room.say(ANN, NOW + hour * hours).await;
    }
    let end = NOW + LogLimits::default().history_age;
    let shown = [
        (end, (vec![2, 3, 4], false, false)),
        (end + TICK, (vec![3, 4], false, false)),
        (end + hour * 2, (vec![4], false, false)),
        (end + hour * 3, (vec![], false, false)),
    ];
    for (now, expected) in shown {
        for anchor in [None, Some(room.at(3))] {
            let history = room.channels.history(&room.key, anchor, 5, 5, now).await.expect("the channel exists");
            assert_eq!(outline(&history), expected, "{anchor:?} {now:?}");
        }
    }
    // A page that ends where the limit begins has nothing before it.
    let history = room.channels.history(&room.key, None, 2, 0, end + TICK).await.expect("the channel exists");
    assert_eq!(outline(&history), (vec![3, 4], false, false));
}
