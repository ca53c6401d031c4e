//! The contract of `Channels`.

mod log;
mod membership;
mod subscription;

use std::sync::Arc;

use super::{Clause, NOW, TICK, clause};
use crate::backend::Ports;
use crate::clock::Timestamp;
use crate::event::{Epoch, Event, EventBody, Position};
use crate::ids::{ChannelId, ChannelKey, GameId, PlayerId};
use crate::ports::{
    Admission, Channel, ChannelError, ChannelKind, ChannelPatch, ChannelSpec, Channels, Entered, NewEvent, Owner,
    Password,
};

const ANN: PlayerId = PlayerId(i64::MIN);
const BOB: PlayerId = PlayerId(2);
const CAT: PlayerId = PlayerId(i64::MAX);
const EVE: PlayerId = PlayerId(666);

/// Every clause of `Channels`.
pub fn channels() -> Vec<Clause> {
    let mut clauses = vec![
        clause(a_channel_reads_back_as_it_was_made),
        clause(making_a_channel_enters_its_members_in_order),
        clause(a_taken_id_is_a_duplicate_and_changes_nothing),
        clause(games_do_not_share_channels),
        clause(a_missing_channel_is_not_found),
        clause(a_patch_changes_what_it_names_and_nothing_else),
        clause(lowering_the_member_limit_evicts_nobody),
        clause(a_new_password_is_a_new_revision),
        clause(a_deleted_channel_is_gone_with_its_members_and_its_log),
        clause(a_channel_made_anew_has_a_new_epoch_and_remembers_nothing),
        clause(pages_are_in_the_order_of_ids_and_count_from_1),
        clause(a_kind_filters_the_pages_and_the_total),
        clause(a_channel_is_vacant_when_a_player_owns_it_and_nobody_was_in_since_before),
        clause(vacant_channels_are_at_most_the_limit),
        clause(only_a_vacant_channel_is_deleted_if_vacant),
    ];
    clauses.extend(membership::clauses());
    clauses.extend(log::clauses());
    clauses.extend(subscription::clauses());
    clauses
}

/// A channel, and the steps most clauses take in it.
struct Room {
    channels: Arc<dyn Channels>,
    key: ChannelKey,
    epoch: Epoch,
}

impl Room {
    async fn make(ports: &Ports, game: &GameId, spec: ChannelSpec, members: &[PlayerId]) -> Self {
        let (channels, key) = (ports.channels.clone(), key(game, "room"));
        let channel = channels.create(&key, spec, members, NOW).await.expect("the id is free");
        Self { channels, key, epoch: channel.head.epoch }
    }

    fn at(&self, sequence: u64) -> Position {
        Position { epoch: self.epoch, sequence }
    }

    async fn get(&self) -> Channel {
        self.channels.get(&self.key).await.expect("the channel exists")
    }

    async fn enter(&self, player: PlayerId) -> Entered {
        self.try_enter(player, Admission::Password(None)).await.expect("the channel is open")
    }

    async fn try_enter(&self, player: PlayerId, admission: Admission) -> Result<Entered, ChannelError> {
        self.channels.enter(&self.key, player, admission, NOW).await
    }

    async fn exit(&self, player: PlayerId, now: Timestamp) {
        self.channels.exit(&self.key, player, None, now).await.expect("the player is a member");
    }

    async fn say(&self, player: PlayerId, now: Timestamp) -> Position {
        self.append(chat(player), now).await
    }

    async fn append(&self, body: EventBody, now: Timestamp) -> Position {
        self.channels.append(&self.key, NewEvent::new(body), now).await.expect("the event may be appended")
    }

    async fn players(&self) -> Vec<PlayerId> {
        let members = self.channels.members(&self.key).await.expect("the channel exists");
        members.iter().map(|member| member.player).collect()
    }

    async fn log(&self) -> Vec<Event> {
        self.channels.read(&self.key, self.at(0), 10_000).await.expect("the channel exists").events
    }

    async fn vacant(&self, before: Timestamp) -> bool {
        let vacant = self.channels.vacant(before, 10_000).await.expect("the store answers");
        vacant.contains(&self.key)
    }
}

fn key(game: &GameId, id: &str) -> ChannelKey {
    game.channel(ChannelId::parse(id).expect("a channel id"))
}

/// An open channel of the game's system, for up to 10 members.
fn open_to_all() -> ChannelSpec {
    ChannelSpec {
        kind: ChannelKind::Public,
        name: "Zunftstube ⚒".into(),
        max_members: 10,
        password: None,
        password_revision: 0,
        history: false,
        owner: Owner::System,
    }
}

fn with_password(text: &str) -> ChannelSpec {
    ChannelSpec { kind: ChannelKind::Private, password: Some(password(text)), ..open_to_all() }
}

fn owned_by(player: PlayerId) -> ChannelSpec {
    ChannelSpec { owner: Owner::Player(player), ..open_to_all() }
}

fn password(text: &str) -> Password {
    Password::new(text.into())
}

fn chat(from: PlayerId) -> EventBody {
    EventBody::Chat { from, message: "hi".into(), extra_data: "".into(), hidden_from: Vec::new() }
}

fn custom(payload: &str) -> EventBody {
    EventBody::Custom { payload: payload.into() }
}

fn sequences(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.position.sequence).collect()
}

fn later(ticks: u32) -> Timestamp {
    NOW + TICK * ticks
}

async fn a_channel_reads_back_as_it_was_made(ports: &Ports, game: GameId) {
    let channels = &ports.channels;
    let specs = [
        open_to_all(),
        ChannelSpec { password_revision: 7, ..with_password("'; DROP TABLE channels; -- ü") },
        ChannelSpec { kind: ChannelKind::Group, history: true, max_members: u32::MAX, ..open_to_all() },
        ChannelSpec { kind: ChannelKind::OneOnOne, name: String::new(), ..owned_by(ANN) },
    ];
    for (number, spec) in specs.into_iter().enumerate() {
        let key = key(&game, &format!("room:{number}"));
        let made = channels.create(&key, spec.clone(), &[], NOW).await.expect("the id is free");
        assert_eq!((&made.id, &made.spec, made.created_at), (&key.channel, &spec, NOW));
        assert_eq!((made.member_count, made.head.sequence), (0, 0));
        assert_eq!(channels.get(&key).await.expect("just made"), made);
    }
}

async fn making_a_channel_enters_its_members_in_order(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[CAT, ANN, BOB]).await;
    let bodies: Vec<_> = room.log().await.into_iter().map(|event| (event.position, event.at, event.body)).collect();
    let entered = |sequence, player| (room.at(sequence), NOW, EventBody::Entered { player });
    assert_eq!(bodies, [entered(1, CAT), entered(2, ANN), entered(3, BOB)]);
    assert_eq!(room.players().await, [CAT, ANN, BOB]);
    assert_eq!((room.get().await.member_count, room.get().await.head), (3, room.at(3)));
}

async fn a_taken_id_is_a_duplicate_and_changes_nothing(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let before = room.get().await;
    let again = room.channels.create(&room.key, with_password("x"), &[BOB], later(1)).await;
    assert!(matches!(again, Err(ChannelError::Duplicate)), "{again:?}");
    assert_eq!((room.get().await, room.players().await), (before, vec![ANN]));
}

async fn games_do_not_share_channels(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let other = GameId::new(&format!("{game}-other"));
    let missing = room.channels.get(&key(&other, "room")).await;
    assert!(matches!(missing, Err(ChannelError::NotFound)), "{missing:?}");
    let elsewhere = Room::make(ports, &other, open_to_all(), &[BOB]).await;
    assert_eq!((room.players().await, elsewhere.players().await), (vec![ANN], vec![BOB]));
}

async fn a_missing_channel_is_not_found(ports: &Ports, game: GameId) {
    let (channels, key) = (&ports.channels, &key(&game, "nowhere"));
    let place = Position { epoch: Epoch(1), sequence: 0 };
    let restore = Admission::Restore { epoch: Epoch(1), password_revision: 0 };
    let answers = [
        channels.get(key).await.err(),
        channels.update(key, ChannelPatch::default()).await.err(),
        channels.delete(key, NOW).await.err(),
        channels.enter(key, ANN, Admission::Password(None), NOW).await.err(),
        channels.enter(key, ANN, restore, NOW).await.err(),
        channels.exit(key, ANN, None, NOW).await.err(),
        channels.members(key).await.err(),
        channels.member(key, ANN).await.err(),
        channels.append(key, NewEvent::new(custom("x")), NOW).await.err(),
        channels.append(key, NewEvent::new(chat(ANN)), NOW).await.err(),
        channels.read(key, place, 1).await.err(),
        channels.history(key, None, 1, 1, NOW).await.err(),
        channels.subscribe(key, Arc::new(|_| {})).await.err(),
    ];
    for (step, answer) in answers.into_iter().enumerate() {
        assert!(matches!(answer, Some(ChannelError::NotFound)), "step {step}: {answer:?}");
    }
    assert!(!channels.delete_if_vacant(key, NOW, NOW).await.expect("the store answers"));
    channels.unsubscribe(key).await;
}

async fn a_patch_changes_what_it_names_and_nothing_else(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let update = async |patch| room.channels.update(&room.key, patch).await.expect("the channel exists");
    let mut expected = room.get().await;
    assert_eq!(update(ChannelPatch::default()).await, expected);

    expected.spec.name = "Rathaus".into();
    assert_eq!(update(ChannelPatch { name: Some("Rathaus".into()), ..ChannelPatch::default() }).await, expected);
    expected.spec.max_members = 500;
    assert_eq!(update(ChannelPatch { max_members: Some(500), ..ChannelPatch::default() }).await, expected);
    expected.spec.history = true;
    assert_eq!(update(ChannelPatch { history: Some(true), ..ChannelPatch::default() }).await, expected);
    assert_eq!(room.get().await, expected);
}

async fn lowering_the_member_limit_evicts_nobody(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN, BOB]).await;
    let patch = ChannelPatch { max_members: Some(1), ..ChannelPatch::default() };
    room.channels.update(&room.key, patch).await.expect("the channel exists");
    assert_eq!(room.players().await, [ANN, BOB]);
    room.exit(BOB, NOW).await;
    let full = room.try_enter(BOB, Admission::Password(None)).await;
    assert!(matches!(full, Err(ChannelError::Full)), "{full:?}");
}

async fn a_new_password_is_a_new_revision(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, with_password("old"), &[]).await;
    let patch = ChannelPatch { password: Some(password("new")), ..ChannelPatch::default() };
    let channel = room.channels.update(&room.key, patch.clone()).await.expect("the channel exists");
    assert_eq!((channel.spec.password_revision, &channel.spec.password), (1, &patch.password));
    let old = room.try_enter(ANN, Admission::Password(Some(password("old")))).await;
    assert!(matches!(old, Err(ChannelError::WrongPassword)), "{old:?}");
    let new = room.try_enter(ANN, Admission::Password(Some(password("new")))).await.expect("the newest password");
    assert_eq!(new.password_revision, 1);
    let same_again = room.channels.update(&room.key, patch).await.expect("the channel exists");
    assert_eq!(same_again.spec.password_revision, 2);
}

async fn a_deleted_channel_is_gone_with_its_members_and_its_log(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN, BOB]).await;
    let members = room.channels.members(&room.key).await.expect("the channel exists");
    let deleted = room.channels.delete(&room.key, later(1)).await.expect("the channel exists");
    assert_eq!((deleted.position, deleted.members), (room.at(3), members));
    let gone = room.channels.get(&room.key).await;
    assert!(matches!(gone, Err(ChannelError::NotFound)), "{gone:?}");
    let page = room.channels.list(&game, None, 1, 10).await.expect("the store answers");
    assert_eq!((page.channels.len(), page.total), (0, 0));
}

async fn a_channel_made_anew_has_a_new_epoch_and_remembers_nothing(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let event = NewEvent { idempotency_key: Some("key".into()), ..NewEvent::new(custom("x")) };
    room.channels.append(&room.key, event.clone(), NOW).await.expect("an event without author");
    room.channels.delete(&room.key, NOW).await.expect("the channel exists");

    let anew = Room::make(ports, &game, open_to_all(), &[]).await;
    assert_ne!(anew.epoch, room.epoch);
    assert_eq!((anew.players().await, anew.log().await), (vec![], vec![]));
    assert_eq!(anew.channels.append(&anew.key, event, NOW).await.expect("an event without author"), anew.at(1));
}

async fn pages_are_in_the_order_of_ids_and_count_from_1(ports: &Ports, game: GameId) {
    let channels = &ports.channels;
    // Byte order, not that of any language: capitals first, "10" before "9".
    for id in ["a", "9", "B", "10", "~"] {
        channels.create(&key(&game, id), open_to_all(), &[], NOW).await.expect("the id is free");
    }
    let page = async |number, size| {
        let page = channels.list(&game, None, number, size).await.expect("the store answers");
        assert_eq!(page.total, 5);
        page.channels.iter().map(|channel| channel.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(page(1, 10).await, ["10", "9", "B", "a", "~"]);
    assert_eq!(page(1, 2).await, ["10", "9"]);
    assert_eq!(page(2, 2).await, ["B", "a"]);
    assert_eq!(page(3, 2).await, ["~"]);
    assert!(page(4, 2).await.is_empty());
    assert!(page(u64::MAX, u64::MAX).await.is_empty());
    let listed = channels.list(&game, None, 1, 1).await.expect("the store answers").channels;
    assert_eq!(listed, [channels.get(&key(&game, "10")).await.expect("just made")]);
}

async fn a_kind_filters_the_pages_and_the_total(ports: &Ports, game: GameId) {
    let kinds = [ChannelKind::Public, ChannelKind::Private, ChannelKind::Group, ChannelKind::OneOnOne];
    for (kind, id) in [(0, "d"), (1, "c"), (0, "b"), (2, "a")] {
        let spec = ChannelSpec { kind: kinds[kind], ..open_to_all() };
        ports.channels.create(&key(&game, id), spec, &[], NOW).await.expect("the id is free");
    }
    for (kind, ids) in kinds.into_iter().zip([&["b", "d"][..], &["c"], &["a"], &[]]) {
        let page = ports.channels.list(&game, Some(kind), 1, 10).await.expect("the store answers");
        let found: Vec<_> = page.channels.iter().map(|channel| channel.id.as_str()).collect();
        assert_eq!((found.as_slice(), page.total), (ids, ids.len() as u64), "{kind:?}");
    }
    let second = ports.channels.list(&game, Some(ChannelKind::Public), 2, 1).await.expect("the store answers");
    assert_eq!((second.channels[0].id.as_str(), second.total), ("d", 2));
}

async fn a_channel_is_vacant_when_a_player_owns_it_and_nobody_was_in_since_before(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, owned_by(ANN), &[]).await;
    assert!(!room.vacant(NOW).await, "vacant since, not before");
    assert!(room.vacant(later(1)).await, "nobody has entered since it was made");
    room.enter(ANN).await;
    room.enter(BOB).await;
    assert!(!room.vacant(later(99)).await, "two are in it");
    room.exit(ANN, later(2)).await;
    room.say(BOB, later(3)).await;
    assert!(!room.vacant(later(99)).await, "one is in it");
    room.exit(BOB, later(4)).await;
    room.append(custom("x"), later(8)).await;
    assert!(!room.vacant(later(4)).await, "the last one left then, not before");
    assert!(room.vacant(later(5)).await);
    room.enter(BOB).await;
    assert!(!room.vacant(later(99)).await, "one came back");

    let other = GameId::new(&format!("{game}-system"));
    let system = Room::make(ports, &other, open_to_all(), &[ANN]).await;
    system.exit(ANN, NOW).await;
    assert!(!system.vacant(later(99)).await, "the system owns it");
    let occupied = Room::make(ports, &GameId::new(&format!("{game}-occupied")), owned_by(ANN), &[ANN]).await;
    assert!(!occupied.vacant(later(99)).await, "made with a member");
}

async fn vacant_channels_are_at_most_the_limit(ports: &Ports, game: GameId) {
    for id in ["a", "b", "c"] {
        ports.channels.create(&key(&game, id), owned_by(ANN), &[], NOW).await.expect("the id is free");
    }
    assert_eq!(ports.channels.vacant(later(1), 2).await.expect("the store answers").len(), 2);
}

async fn only_a_vacant_channel_is_deleted_if_vacant(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, owned_by(ANN), &[ANN]).await;
    let sweep = async |before| {
        let swept = room.channels.delete_if_vacant(&room.key, before, later(99)).await.expect("the store answers");
        let exists = room.channels.get(&room.key).await.is_ok();
        assert_ne!(swept, exists, "it says what it did");
        swept
    };
    assert!(!sweep(later(50)).await, "occupied");
    room.exit(ANN, later(10)).await;
    assert!(!sweep(later(10)).await, "vacant since, not before");
    room.enter(BOB).await;
    assert!(!sweep(later(50)).await, "occupied again");
    room.exit(BOB, later(20)).await;
    assert!(!sweep(later(20)).await, "vacant since a later time");
    assert!(sweep(later(21)).await);

    let system = Room::make(ports, &game, open_to_all(), &[]).await;
    let swept = system.channels.delete_if_vacant(&system.key, later(50), later(50)).await.expect("the store answers");
    assert!(!swept, "the system owns it");
}
