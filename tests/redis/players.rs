//! Players: that a lost link or server leaves one live login each, and how crowds get along.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use guildhall::adapters::redis::Redis;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::{ChannelId, GameId, LoginId, NodeId, PlayerId, PlayerKey};
use guildhall_actors::ports::{Claimed, Decider, Joined, Login, PlayerError, Players, Slot};
use tokio::sync::Notify;

use super::store::{open, single};
use crate::support::eventually;
use crate::support::redis::{RedisCluster, RedisServer};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const CLAIMS: usize = 1000;
/// Claims under way at once.
const AT_ONCE: usize = 100;

fn bob() -> PlayerKey {
    GameId::new("game").player(PlayerId(2))
}

/// Every third on another node.
fn login(number: usize) -> Login {
    Login { id: LoginId::new(&number.to_string()), node: NodeId::new(&format!("node-{}", number % 3)), at: NOW }
}

/// Claims of one player, 100 at once, with a fault among them.
struct Crowd<'a> {
    store: &'a Redis,
    answered: AtomicUsize,
    has_begun: Notify,
}

impl Crowd<'_> {
    fn of(store: &Redis) -> Crowd<'_> {
        Crowd { store, answered: AtomicUsize::new(0), has_begun: Notify::new() }
    }

    /// What was answered, to whom. No claim is repeated: it may have happened.
    async fn claim(&self) -> Vec<(usize, Result<Claimed, PlayerError>)> {
        stream::iter(0..CLAIMS).map(|number| self.claim_once(number)).buffer_unordered(AT_ONCE).collect().await
    }

    async fn claim_once(&self, number: usize) -> (usize, Result<Claimed, PlayerError>) {
        let result = self.store.claim(&bob(), &login(number)).await;
        if result.is_err() {
            eventually("Redis answers again", async || self.store.ping().await.ok()).await;
        } else if self.answered.fetch_add(1, Ordering::Relaxed) == CLAIMS / 4 {
            self.has_begun.notify_one();
        }
        (number, result)
    }

    /// One login lives, nobody saw another's predecessor, and every node lists its own.
    async fn assert_sound(&self, claims: &[(usize, Result<Claimed, PlayerError>)]) {
        let live = self.store.look_up(&bob()).await.expect("Redis answers").login.expect("a login lives");
        let answered: Vec<_> = claims.iter().filter_map(|(_, result)| result.as_ref().ok()).collect();
        let previous: HashSet<_> = answered.iter().map(|claimed| claimed.previous.clone().map(|it| it.id)).collect();
        assert_eq!(previous.len(), answered.len(), "two claims replaced the same login");
        assert!(!previous.contains(&Some(live.id.clone())), "a login that was replaced lives");
        for number in 0..3 {
            let node = login(number).node;
            let listed = self.store.logins_on(&node, CLAIMS).await.expect("Redis answers");
            let expected: Vec<_> = (live.node == node).then(|| (bob(), live.clone())).into_iter().collect();
            assert_eq!(listed, expected, "{node}");
        }
    }
}

fn lost(claims: &[(usize, Result<Claimed, PlayerError>)]) -> usize {
    claims.iter().filter(|(_, result)| result.is_err()).count()
}

#[tokio::test]
async fn of_1000_claims_on_a_link_that_is_cut_one_login_stays_and_each_saw_another_previous() {
    let (server, store) = single().await;
    let crowd = Crowd::of(&store);
    let cut = async {
        crowd.has_begun.notified().await;
        server.command::<i64>(&["CLIENT", "KILL", "TYPE", "normal"]).await
    };
    let (claims, _) = tokio::join!(crowd.claim(), cut);
    assert!((1..=2 * AT_ONCE).contains(&lost(&claims)), "{} answers were lost", lost(&claims));
    crowd.assert_sound(&claims).await;
}

#[tokio::test]
async fn of_1000_claims_on_a_server_that_is_killed_one_login_stays_and_each_saw_another_previous() {
    let (mut server, store) = single().await;
    let crowd = Crowd::of(&store);
    let kill = async {
        crowd.has_begun.notified().await;
        server.kill();
        server.restart().await;
    };
    let (claims, ()) = tokio::join!(crowd.claim(), kill);
    assert!((1..CLAIMS * 3 / 4).contains(&lost(&claims)), "{} answers were lost", lost(&claims));
    crowd.assert_sound(&claims).await;
}

#[tokio::test]
async fn of_2000_claims_at_once_by_two_nodes_on_a_cluster_one_login_stays_and_each_saw_another_previous() {
    let cluster = RedisCluster::start().await;
    let stores = [open(cluster.urls()).await, open(cluster.urls()).await];
    let logins: Vec<_> = (0..2000).map(login).collect();
    let claims = (0..).zip(&logins).map(|(number, login)| {
        let store: &Redis = &stores[number % stores.len()];
        async move { (number, store.claim(&bob(), login).await) }
    });
    let claims = join_all(claims).await;
    assert_eq!(lost(&claims), 0);
    Crowd::of(&stores[0]).assert_sound(&claims).await;
}

#[tokio::test]
async fn a_login_that_was_replaced_or_ended_is_struck_off_at_its_node() {
    let (server, store) = single().await;
    let listed = async |number: usize| {
        let key = format!("guildhall:{{node:{}}}:logins", login(number).node);
        server.command::<i64>(&["SCARD", &key]).await
    };
    for number in 0..100 {
        store.claim(&bob(), &login(number)).await.expect("no suspension");
    }
    eventually("only the live login is listed", async || {
        (listed(0).await + listed(1).await + listed(2).await == 1).then_some(())
    })
    .await;
    assert_eq!(listed(99).await, 1);
    assert!(store.release(&bob(), &login(99).id).await.expect("Redis answers"));
    eventually("none is listed", async || (listed(99).await == 0).then_some(())).await;
}

// A node that ends between the two steps of a login leaves this behind.
#[tokio::test]
async fn a_login_that_is_listed_and_was_never_claimed_is_nobodys() {
    let (server, store) = single().await;
    store.claim(&bob(), &login(0)).await.expect("no suspension");
    let logins = "guildhall:{node:node-0}:logins";
    for entry in [r#"[{"game":"game","player":2},"never"]"#, r#"[{"game":"game","player":3},"claimed"]"#] {
        assert_eq!(server.command::<i64>(&["SADD", logins, entry]).await, 1);
    }
    let live = store.logins_on(&login(0).node, 1).await.expect("Redis answers");
    assert_eq!(live, [(bob(), login(0))], "stale ones do not count");
    assert_eq!(store.logins_on(&login(0).node, 10).await.expect("Redis answers"), live);
}

#[tokio::test]
async fn more_logins_than_are_read_at_once_are_all_found() {
    let (_server, store) = single().await;
    let game = GameId::new("game");
    let players: Vec<_> = (0..3000).map(|number| game.player(PlayerId(number))).collect();
    let login = login(0);
    for claimed in join_all(players.iter().map(|player| store.claim(player, &login))).await {
        claimed.expect("no suspension");
    }
    let found = store.logins_on(&login.node, 10_000).await.expect("Redis answers");
    let found: HashSet<_> = found.into_iter().map(|(player, _)| player).collect();
    assert_eq!(found.len(), players.len());
    assert_eq!(store.logins_on(&login.node, 1000).await.expect("Redis answers").len(), 1000);
}

#[tokio::test]
async fn of_300_changes_of_one_player_at_once_none_is_lost() {
    let (server, store) = single().await;
    let stores = [store, open(vec![server.url()]).await];
    let channel = |number: usize| ChannelId::parse(&number.to_string()).expect("digits");
    let change = async |number: usize| {
        let store = &stores[number % stores.len()];
        store.reserve(&bob(), &channel(number), Slot::Closed, 1000, NOW).await.expect("there is room");
        store.block(&bob(), PlayerId(i64::try_from(number).expect("few")), 1000, NOW).await.expect("there is room");
    };
    join_all((0..150).map(change)).await;
    let state = stores[0].look_up(&bob()).await.expect("Redis answers");
    assert_eq!((state.joined.len(), state.blocks.len()), (150, 150));
}

// What is repeated after a crash or a lost answer mostly has been done.
#[tokio::test]
async fn a_step_that_changes_nothing_writes_nothing() {
    let (server, store): (RedisServer, Redis) = single().await;
    store.claim(&bob(), &login(0)).await.expect("no suspension");
    let joined = Joined {
        channel: ChannelId::parse("room").expect("a channel id"),
        slot: Slot::Closed,
        entered: None,
        password_revision: 0,
        since: NOW,
    };
    let step = async || {
        store.register(&bob(), NOW).await.expect("Redis answers");
        store.confirm(&bob(), &joined).await.expect("Redis answers");
        store.suspend(&bob(), None, Decider::Operator(NOW)).await.expect("Redis answers");
    };
    let version = async || -> String { server.command(&["HGET", "guildhall:{player:game:2}:state", "version"]).await };
    step().await;
    let before = version().await;
    step().await;
    assert_eq!(version().await, before);
}
