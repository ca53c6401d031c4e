//! The list of channels a player is in.

use super::*;

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(a_reservation_is_listed_and_tells_the_live_login),
        clause(the_shared_cap_and_that_of_one_on_one_are_apart),
        clause(a_listed_channel_keeps_its_place_beyond_the_cap),
        clause(a_public_channel_needs_a_live_login),
        clause(confirming_turns_the_reservation_into_a_membership),
        clause(forgetting_takes_the_named_membership_or_a_mere_reservation),
        clause(a_forgotten_channel_makes_room),
        clause(of_many_reservations_at_once_only_as_many_as_the_cap_succeed),
    ]
}

async fn a_reservation_is_listed_and_tells_the_live_login(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    assert_eq!(someone.reserve("a", Slot::Closed, 1).await.expect("the list has room"), None);
    assert_eq!(someone.state().await.known_since, Some(NOW));
    let expected = Joined { entered: None, password_revision: 0, since: NOW, ..joined("a", Slot::Closed, 0) };
    assert_eq!(someone.state().await.joined, [expected]);
    let live = someone.claim("login").await;
    assert_eq!(someone.reserve("b", Slot::Public, 2).await.expect("the list has room"), Some(live));
}

async fn the_shared_cap_and_that_of_one_on_one_are_apart(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    someone.claim("login").await;
    someone.reserve("public", Slot::Public, 2).await.expect("the list has room");
    someone.join("closed", Slot::Closed, 1).await;
    for slot in [Slot::Public, Slot::Closed] {
        let refused = someone.reserve("third", slot, 2).await;
        assert!(matches!(refused, Err(PlayerError::ChannelLimit)), "{slot:?}: {refused:?}");
    }
    someone.reserve("one", Slot::OneOnOne, 1).await.expect("a cap of its own");
    let refused = someone.reserve("two", Slot::OneOnOne, 1).await;
    assert!(matches!(refused, Err(PlayerError::ChannelLimit)), "{refused:?}");
    someone.reserve("third", Slot::Closed, 3).await.expect("ONE_ON_ONE does not count");
    assert_eq!(someone.listed().await, ["public", "closed", "one", "third"]);
}

async fn a_listed_channel_keeps_its_place_beyond_the_cap(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let held = someone.join("held", Slot::Closed, 1).await;
    someone.reserve("held", Slot::Closed, 1).await.expect("listed already");
    someone.reserve("held", Slot::Closed, 0).await.expect("listed already");
    assert_eq!(someone.state().await.joined, [held], "still a membership");
}

async fn a_public_channel_needs_a_live_login(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let refused = someone.reserve("room", Slot::Public, 0).await;
    assert!(matches!(refused, Err(PlayerError::Offline)), "{refused:?}");
    let live = someone.claim("login").await;
    someone.reserve("room", Slot::Public, 1).await.expect("the list has room");
    someone.players.release(&someone.key, &live.id).await.expect("the store answers");
    let refused = someone.reserve("other", Slot::Public, 9).await;
    assert!(matches!(refused, Err(PlayerError::Offline)), "{refused:?}");
    assert_eq!(someone.listed().await, ["room"]);
}

async fn confirming_turns_the_reservation_into_a_membership(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    someone.reserve("room", Slot::Closed, 1).await.expect("the list has room");
    let membership = joined("room", Slot::Closed, 5);
    let confirm = async || someone.players.confirm(&someone.key, &membership).await.expect("the store answers");
    assert_eq!(confirm().await, None);
    assert_eq!(someone.state().await.joined, std::slice::from_ref(&membership));
    let live = someone.claim("login").await;
    assert_eq!(confirm().await, Some(live), "the login that is live now");
    assert_eq!(someone.state().await.joined, std::slice::from_ref(&membership), "one place, however often");
}

async fn forgetting_takes_the_named_membership_or_a_mere_reservation(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    someone.join("held", Slot::Closed, 5).await;
    someone.reserve("reserved", Slot::Closed, 9).await.expect("the list has room");
    assert_eq!(someone.forget("elsewhere", None).await, ["held", "reserved"]);
    assert_eq!(someone.forget("held", None).await, ["held", "reserved"], "it is more than a reservation");
    assert_eq!(someone.forget("held", Some(at(4))).await, ["held", "reserved"], "that membership was another");
    let other_epoch = Position { epoch: Epoch(1), ..at(5) };
    assert_eq!(someone.forget("held", Some(other_epoch)).await, ["held", "reserved"], "and that one");
    assert_eq!(someone.forget("held", Some(at(5))).await, ["reserved"]);
    assert!(someone.forget("reserved", Some(at(5))).await.is_empty(), "a reservation goes either way");
    someone.reserve("reserved", Slot::Closed, 9).await.expect("the list has room");
    assert!(someone.forget("reserved", None).await.is_empty());
}

async fn a_forgotten_channel_makes_room(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    someone.join("a", Slot::Closed, 5).await;
    someone.reserve("b", Slot::Closed, 1).await.expect_err("the list is full");
    someone.forget("a", Some(at(5))).await;
    someone.reserve("b", Slot::Closed, 1).await.expect("the list has room");
}

async fn of_many_reservations_at_once_only_as_many_as_the_cap_succeed(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let ids: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    let reserved = join_all(ids.iter().map(|id| someone.reserve(id, Slot::Closed, 10))).await;
    let (reserved, refused): (Vec<_>, Vec<_>) = reserved.into_iter().partition(Result::is_ok);
    assert_eq!((reserved.len(), someone.listed().await.len()), (10, 10));
    assert!(refused.iter().all(|refused| matches!(refused, Err(PlayerError::ChannelLimit))), "{refused:?}");
}
