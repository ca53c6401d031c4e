//! Entering and leaving.

use futures_util::future::join_all;

use super::*;
use crate::ports::Member;

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(entering_appends_an_enter_event_and_makes_a_member),
        clause(the_password_is_asked_for_only_where_there_is_one),
        clause(a_full_channel_refuses),
        clause(a_wrong_password_is_told_before_a_full_channel),
        clause(a_member_is_told_so_before_the_password_is_looked_at),
        clause(a_former_member_is_restored_without_the_password),
        clause(a_restore_into_another_epoch_finds_no_channel),
        clause(a_restore_with_an_old_password_revision_is_a_wrong_password),
        clause(a_restore_into_a_full_channel_is_refused),
        clause(leaving_appends_an_exit_event_and_ends_the_membership),
        clause(who_is_not_a_member_cannot_leave),
        clause(an_exit_from_an_earlier_membership_leaves_the_later_one),
        clause(members_are_in_the_order_they_entered),
        clause(of_many_who_enter_at_once_only_as_many_as_fit_get_in),
    ]
}

async fn entering_appends_an_enter_event_and_makes_a_member(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let entered = room.channels.enter(&room.key, BOB, Admission::Password(None), later(5)).await.expect("open");
    assert_eq!(entered, Entered { position: room.at(2), password_revision: 0 });
    let member = Member { player: BOB, entered: room.at(2), entered_at: later(5) };
    assert_eq!(room.channels.member(&room.key, BOB).await.expect("the channel exists"), Some(member));
    let event = Event { position: room.at(2), at: later(5), body: EventBody::Entered { player: BOB } };
    assert_eq!(room.log().await.last(), Some(&event));
    assert_eq!((room.get().await.member_count, room.get().await.head), (2, room.at(2)));
}

async fn the_password_is_asked_for_only_where_there_is_one(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, with_password("secret"), &[]).await;
    for wrong in [None, Some(""), Some("secre"), Some("secret "), Some("SECRET")] {
        let refused = room.try_enter(ANN, Admission::Password(wrong.map(password))).await;
        assert!(matches!(refused, Err(ChannelError::WrongPassword)), "{wrong:?}: {refused:?}");
    }
    assert_eq!(room.get().await.head, room.at(0), "a refusal appends nothing");
    room.try_enter(ANN, Admission::Password(Some(password("secret")))).await.expect("the password");

    let open = Room::make(ports, &GameId::new(&format!("{game}-open")), open_to_all(), &[]).await;
    open.try_enter(ANN, Admission::Password(Some(password("any")))).await.expect("there is no password");
}

async fn a_full_channel_refuses(ports: &Ports, game: GameId) {
    let spec = ChannelSpec { max_members: 2, ..open_to_all() };
    let room = Room::make(ports, &game, spec, &[ANN]).await;
    room.enter(BOB).await;
    let full = room.try_enter(CAT, Admission::Password(None)).await;
    assert!(matches!(full, Err(ChannelError::Full)), "{full:?}");
    assert_eq!((room.players().await, room.get().await.head), (vec![ANN, BOB], room.at(2)));
    room.exit(ANN, NOW).await;
    room.enter(CAT).await;
}

async fn a_wrong_password_is_told_before_a_full_channel(ports: &Ports, game: GameId) {
    let spec = ChannelSpec { max_members: 1, ..with_password("secret") };
    let room = Room::make(ports, &game, spec, &[ANN]).await;
    let refused = room.try_enter(BOB, Admission::Password(None)).await;
    assert!(matches!(refused, Err(ChannelError::WrongPassword)), "{refused:?}");
    let refused = room.try_enter(BOB, Admission::Restore { epoch: room.epoch, password_revision: 9 }).await;
    assert!(matches!(refused, Err(ChannelError::WrongPassword)), "{refused:?}");
    let refused = room.try_enter(BOB, Admission::Password(Some(password("secret")))).await;
    assert!(matches!(refused, Err(ChannelError::Full)), "{refused:?}");
}

async fn a_member_is_told_so_before_the_password_is_looked_at(ports: &Ports, game: GameId) {
    let spec = ChannelSpec { max_members: 1, ..with_password("secret") };
    let room = Room::make(ports, &game, spec, &[ANN]).await;
    let stale = Admission::Restore { epoch: room.epoch, password_revision: 9 };
    for admission in [Admission::Password(None), Admission::Password(Some(password("secret"))), stale] {
        let refused = room.try_enter(ANN, admission.clone()).await;
        assert!(matches!(refused, Err(ChannelError::AlreadyMember)), "{admission:?}: {refused:?}");
    }
    assert_eq!((room.players().await, room.get().await.head), (vec![ANN], room.at(1)));
}

async fn a_former_member_is_restored_without_the_password(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, with_password("secret"), &[ANN]).await;
    room.exit(ANN, NOW).await;
    let restore = Admission::Restore { epoch: room.epoch, password_revision: 0 };
    assert_eq!(room.try_enter(ANN, restore).await.expect("the same channel").position, room.at(3));
}

async fn a_restore_into_another_epoch_finds_no_channel(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    room.channels.delete(&room.key, NOW).await.expect("the channel exists");
    let spec = ChannelSpec { max_members: 1, ..with_password("secret") };
    let anew = Room::make(ports, &game, spec, &[ANN]).await;
    // NotFound comes first: before AlreadyMember for Ann, and before WrongPassword and Full for Bob.
    for (player, password_revision) in [(ANN, 0), (BOB, 0), (BOB, 9)] {
        let refused = anew.try_enter(player, Admission::Restore { epoch: room.epoch, password_revision }).await;
        assert!(matches!(refused, Err(ChannelError::NotFound)), "{player}: {refused:?}");
    }
}

async fn a_restore_with_an_old_password_revision_is_a_wrong_password(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, with_password("secret"), &[]).await;
    let patch = ChannelPatch { password: Some(password("new")), ..ChannelPatch::default() };
    room.channels.update(&room.key, patch).await.expect("the channel exists");
    let refused = room.try_enter(ANN, Admission::Restore { epoch: room.epoch, password_revision: 0 }).await;
    assert!(matches!(refused, Err(ChannelError::WrongPassword)), "{refused:?}");
    room.try_enter(ANN, Admission::Restore { epoch: room.epoch, password_revision: 1 }).await.expect("the newest");
}

async fn a_restore_into_a_full_channel_is_refused(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, ChannelSpec { max_members: 1, ..open_to_all() }, &[ANN]).await;
    let refused = room.try_enter(BOB, Admission::Restore { epoch: room.epoch, password_revision: 0 }).await;
    assert!(matches!(refused, Err(ChannelError::Full)), "{refused:?}");
}

async fn leaving_appends_an_exit_event_and_ends_the_membership(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN, BOB]).await;
    let exited = room.channels.exit(&room.key, ANN, None, later(7)).await.expect("a member");
    assert_eq!((exited.position, exited.entered), (room.at(3), room.at(1)));
    let event = Event { position: room.at(3), at: later(7), body: EventBody::Exited { player: ANN } };
    assert_eq!(room.log().await.last(), Some(&event));
    assert_eq!(room.players().await, [BOB]);
    assert_eq!((room.get().await.member_count, room.get().await.head), (1, room.at(3)));
    assert_eq!(room.channels.member(&room.key, ANN).await.expect("the channel exists"), None);
}

async fn who_is_not_a_member_cannot_leave(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    for entered in [None, Some(room.at(1))] {
        let refused = room.channels.exit(&room.key, EVE, entered, NOW).await;
        assert!(matches!(refused, Err(ChannelError::NotMember)), "{refused:?}");
    }
    assert_eq!((room.get().await.member_count, room.get().await.head), (1, room.at(1)));
}

async fn an_exit_from_an_earlier_membership_leaves_the_later_one(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[]).await;
    let first = room.enter(ANN).await.position;
    room.exit(ANN, NOW).await;
    let second = room.enter(ANN).await.position;
    let other_epoch = Position { epoch: Epoch(room.epoch.0 ^ 1), ..second };
    for earlier in [first, other_epoch] {
        let refused = room.channels.exit(&room.key, ANN, Some(earlier), NOW).await;
        assert!(matches!(refused, Err(ChannelError::NotMember)), "{refused:?}");
    }
    assert_eq!((room.players().await, room.get().await.head), (vec![ANN], second));
    let exited = room.channels.exit(&room.key, ANN, Some(second), NOW).await.expect("the live membership");
    assert_eq!(exited.entered, second);
}

async fn members_are_in_the_order_they_entered(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[CAT, BOB]).await;
    room.enter(ANN).await;
    room.exit(CAT, NOW).await;
    room.enter(CAT).await;
    assert_eq!(room.players().await, [BOB, ANN, CAT]);
    let places: Vec<_> = room.channels.members(&room.key).await.expect("the channel exists");
    assert_eq!(places.iter().map(|member| member.entered).collect::<Vec<_>>(), [2, 3, 5].map(|place| room.at(place)));
}

async fn of_many_who_enter_at_once_only_as_many_as_fit_get_in(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[]).await;
    let entering = (0..50).map(|player| room.try_enter(PlayerId(player), Admission::Password(None)));
    let (entered, refused): (Vec<_>, Vec<_>) = join_all(entering).await.into_iter().partition(Result::is_ok);
    assert_eq!(entered.len(), 10);
    assert!(refused.iter().all(|refused| matches!(refused, Err(ChannelError::Full))), "{refused:?}");
    assert_eq!((room.players().await.len(), room.get().await.member_count), (10, 10));
    assert_eq!(sequences(&room.log().await), (1..=10).collect::<Vec<_>>());
}
