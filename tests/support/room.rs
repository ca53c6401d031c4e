//! Players together in a channel, with everything that announced them already read.

use futures_util::future::join_all;

use super::{Client, Node};

/// The channel most tests talk in.
pub(crate) const ROOM: &str = "open:1";

/// Makes the PUBLIC channel [`ROOM`], connects the players and enters them, one after the other.
pub(crate) async fn room<const N: usize>(node: &Node, players: [i64; N]) -> [Client; N] {
    room_of(node, "PUBLIC", players).await
}

/// The same with a channel of another kind.
pub(crate) async fn room_of<const N: usize>(node: &Node, kind: &str, players: [i64; N]) -> [Client; N] {
    node.api().create_channel(ROOM, kind).await;
    let mut members = join_all(players.map(|player| Client::connect(node, player))).await;
    for entered in 1..=N {
        let (present, _) = members.split_at_mut(entered);
        enter(node, ROOM, present).await;
    }
    members.try_into().unwrap_or_else(|_| unreachable!("one client per player"))
}

/// Enters the last of `present` into the channel, and reads the notification off the sockets of all of them.
pub(crate) async fn enter(node: &Node, channel: &str, present: &mut [Client]) {
    let player = present.last().expect("somebody enters").player;
    node.api().enter(channel, player).await;
    for client in present {
        let packet = client.expect("NOTIFY_ENTER_CHANNEL").await;
        assert_eq!(packet.body()["playerId"], player);
    }
}
