//! The contract of `Players`.

mod joined;
mod platform;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;

use super::{Clause, NOW, TICK, clause};
use crate::backend::Ports;
use crate::clock::Timestamp;
use crate::event::{Epoch, Position};
use crate::ids::{ChannelId, GameId, LoginId, NodeId, PlayerId, PlayerKey};
use crate::ports::{
    Block, Decider, Joined, Login, PlayerError, PlayerState, Players, Resume, ResumeChannel, Slot, Suspension,
};

const BOB: PlayerId = PlayerId(2);
const CAT: PlayerId = PlayerId(i64::MAX);

/// Every clause of `Players`.
pub fn players() -> Vec<Clause> {
    let mut clauses = vec![
        clause(an_unknown_player_is_the_default_state),
        clause(a_player_becomes_known_once),
        clause(games_do_not_share_players),
        clause(a_claim_makes_its_login_the_live_one_and_returns_the_previous),
        clause(a_claim_finds_what_belongs_to_the_player),
        clause(a_suspension_refuses_claims_from_its_start_until_its_end),
        clause(a_suspension_for_good_ends_only_when_lifted),
        clause(suspending_tells_the_live_login_and_leaves_it),
        clause(only_the_live_login_is_released),
        clause(only_the_live_login_saves_its_snapshot),
        clause(a_channel_can_be_taken_out_of_the_snapshot),
        clause(a_snapshot_can_be_replaced_and_cleared),
        clause(blocks_are_kept_in_order_and_tell_the_live_login),
        clause(a_block_is_refused_when_it_stands_or_the_list_is_full),
        clause(only_a_block_that_stands_can_end),
        clause(logins_on_a_node_are_the_live_ones),
        clause(logins_on_a_node_are_at_most_the_limit),
        clause(a_login_reclaims_what_nobody_else_has),
        clause(a_login_reclaims_nothing_from_another),
        clause(of_many_claims_at_once_one_stays_and_each_saw_another_previous),
    ];
    clauses.extend(joined::clauses());
    clauses.extend(platform::clauses());
    clauses
}

/// A player, and the steps most clauses take.
struct Someone {
    players: Arc<dyn Players>,
    key: PlayerKey,
}

impl Someone {
    fn of(ports: &Ports, game: &GameId) -> Self {
        Self { players: ports.players.clone(), key: game.player(PlayerId(-7)) }
    }

    async fn state(&self) -> PlayerState {
        self.players.look_up(&self.key).await.expect("the store answers")
    }

    async fn claim(&self, id: &str) -> Login {
        let login = login(&self.key.game, id, NOW);
        self.players.claim(&self.key, &login).await.expect("no suspension");
        login
    }

    async fn reserve(&self, id: &str, slot: Slot, cap: usize) -> Result<Option<Login>, PlayerError> {
        self.players.reserve(&self.key, &channel(id), slot, cap, NOW).await
    }

    async fn join(&self, id: &str, slot: Slot, sequence: u64) -> Joined {
        let joined = joined(id, slot, sequence);
        self.reserve(id, slot, 100).await.expect("the list has room");
        self.players.confirm(&self.key, &joined).await.expect("the store answers");
        joined
    }

    async fn forget(&self, id: &str, entered: Option<Position>) -> Vec<String> {
        self.players.forget(&self.key, &channel(id), entered).await.expect("the store answers");
        self.listed().await
    }

    async fn listed(&self) -> Vec<String> {
        self.state().await.joined.iter().map(|joined| joined.channel.to_string()).collect()
    }

    async fn block(&self, target: PlayerId, cap: usize) -> Result<Option<Login>, PlayerError> {
        self.players.block(&self.key, target, cap, NOW).await
    }

    async fn suspend(&self, suspension: Option<&Suspension>) -> Option<Login> {
        self.players.suspend(&self.key, suspension, Decider::Operator(NOW)).await.expect("the store answers")
    }
}

fn channel(id: &str) -> ChannelId {
    ChannelId::parse(id).expect("a channel id")
}

fn at(sequence: u64) -> Position {
    // An epoch that does not fit a signed number.
    Position { epoch: Epoch(u64::MAX - 1), sequence }
}

fn login(game: &GameId, id: &str, at: Timestamp) -> Login {
    Login { id: LoginId::new(id), node: NodeId::new(&format!("{game}-node")), at }
}

fn joined(id: &str, slot: Slot, sequence: u64) -> Joined {
    Joined { channel: channel(id), slot, entered: Some(at(sequence)), password_revision: 3, since: NOW + TICK }
}

async fn an_unknown_player_is_the_default_state(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    assert_eq!(someone.state().await, PlayerState::default());
    // None of these makes a player known, let alone a list.
    assert!(!someone.players.release(&someone.key, &LoginId::new("a")).await.expect("the store answers"));
    someone.forget("room", None).await;
    let not_blocked = someone.players.unblock(&someone.key, BOB).await;
    assert!(matches!(not_blocked, Err(PlayerError::NotBlocked)), "{not_blocked:?}");
    assert_eq!(someone.state().await, PlayerState::default());
}

async fn a_player_becomes_known_once(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    for now in [NOW, NOW + TICK] {
        someone.players.register(&someone.key, now).await.expect("the store answers");
    }
    assert_eq!(someone.state().await, PlayerState { known_since: Some(NOW), ..PlayerState::default() });
    someone.players.claim(&someone.key, &login(&game, "a", NOW + TICK)).await.expect("no suspension");
    assert_eq!(someone.state().await.known_since, Some(NOW));
}

async fn games_do_not_share_players(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    someone.claim("a").await;
    let elsewhere = Someone::of(ports, &GameId::new(&format!("{game}-other")));
    assert_eq!(elsewhere.state().await, PlayerState::default());
}

async fn a_claim_makes_its_login_the_live_one_and_returns_the_previous(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let (first, second) = (login(&game, "a", NOW), login(&game, "b", NOW + TICK));
    let claimed = someone.players.claim(&someone.key, &first).await.expect("no suspension");
    assert_eq!(claimed.previous, None);
    assert_eq!((someone.state().await.login, someone.state().await.known_since), (Some(first.clone()), Some(NOW)));
    let claimed = someone.players.claim(&someone.key, &second).await.expect("no suspension");
    assert_eq!((claimed.previous, someone.state().await.login), (Some(first), Some(second)));
}

async fn a_claim_finds_what_belongs_to_the_player(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let first = someone.claim("a").await;
    let held = someone.join("room", Slot::Closed, 5).await;
    someone.reserve("next", Slot::OneOnOne, 100).await.expect("the list has room");
    someone.block(BOB, 100).await.expect("the list has room");
    let resume = snapshot();
    someone.players.save_resume(&someone.key, &first.id, Some(&resume)).await.expect("the store answers");
    someone.players.release(&someone.key, &first.id).await.expect("the store answers");

    let years = std::time::Duration::from_secs(10 * 365 * 24 * 3600);
    let found = someone.players.claim(&someone.key, &login(&game, "b", NOW + years)).await.expect("no suspension");
    let state = someone.state().await;
    assert_eq!(found.previous, None);
    assert_eq!((&found.joined, &found.blocks), (&state.joined, &state.blocks));
    assert_eq!((found.joined.len(), &found.joined[0]), (2, &held));
    assert_eq!(found.blocks, [Block { player: BOB, at: NOW }]);
    assert_eq!(found.resume, Some(resume), "whatever its age");
}

async fn a_suspension_refuses_claims_from_its_start_until_its_end(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let (from, until) = (NOW + TICK * 10, NOW + TICK * 20);
    someone.suspend(Some(&Suspension { from, until: Some(until), reason: "cheating".into() })).await;
    let claim = async |id, at| someone.players.claim(&someone.key, &login(&game, id, at)).await;
    claim("before", from - TICK).await.expect("not suspended yet");
    for at in [from, until - TICK] {
        let refused = claim("within", at).await;
        assert!(matches!(refused, Err(PlayerError::Suspended)), "{at:?}: {refused:?}");
    }
    let live = someone.state().await.login.map(|login| login.id);
    assert_eq!(live, Some(LoginId::new("before")), "a refused claim changes nothing");
    claim("after", until).await.expect("not suspended any more");
}

async fn a_suspension_for_good_ends_only_when_lifted(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let suspension = Suspension { from: NOW, until: None, reason: "cheating".into() };
    someone.suspend(Some(&suspension)).await;
    assert_eq!(someone.state().await.suspension, Some(suspension));
    assert_eq!(someone.state().await.known_since, Some(NOW));
    let claim = async |id, at| someone.players.claim(&someone.key, &login(&game, id, at)).await;
    let refused = claim("a", Timestamp(i64::MAX)).await;
    assert!(matches!(refused, Err(PlayerError::Suspended)), "{refused:?}");
    someone.suspend(None).await;
    assert_eq!(someone.state().await.suspension, None);
    claim("b", NOW).await.expect("lifted");
}

async fn suspending_tells_the_live_login_and_leaves_it(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let suspension = Suspension { from: NOW, until: None, reason: "cheating".into() };
    assert_eq!(someone.suspend(Some(&suspension)).await, None);
    assert_eq!(someone.suspend(None).await, None);
    let live = Some(someone.claim("a").await);
    assert_eq!(someone.suspend(Some(&suspension)).await, live);
    assert_eq!(someone.state().await.login, live);
    assert_eq!(someone.suspend(None).await, live);
}

async fn only_the_live_login_is_released(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let (first, second) = (someone.claim("a").await, someone.claim("b").await);
    let release =
        async |login: &Login| someone.players.release(&someone.key, &login.id).await.expect("the store answers");
    assert!(!release(&first).await);
    assert_eq!(someone.state().await.login.as_ref(), Some(&second));
    assert!(release(&second).await);
    assert_eq!(someone.state().await.login, None);
    assert!(!release(&second).await, "it is over");
}

fn snapshot() -> Resume {
    let seen = ResumeChannel {
        channel: channel("room"),
        slot: Slot::Closed,
        entered: at(2),
        seen: at(4),
        password_revision: 2,
    };
    Resume { lost_at: NOW, channels: vec![seen] }
}

async fn only_the_live_login_saves_its_snapshot(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let (first, second) = (someone.claim("a").await, someone.claim("b").await);
    let save = async |login: &Login, resume: Option<&Resume>| {
        someone.players.save_resume(&someone.key, &login.id, resume).await.expect("the store answers")
    };
    assert!(!save(&first, Some(&snapshot())).await);
    assert_eq!(someone.state().await.resume, None);
    assert!(save(&second, Some(&snapshot())).await);
    assert!(!save(&first, None).await, "clearing is fenced too");
    assert_eq!(someone.state().await.resume, Some(snapshot()));
    someone.players.release(&someone.key, &second.id).await.expect("the store answers");
    assert!(!save(&second, None).await, "it is over");
    assert_eq!(someone.state().await.resume, Some(snapshot()));
}

async fn a_channel_can_be_taken_out_of_the_snapshot(ports: &Ports, game: GameId) {
    let (players, bob) = (&ports.players, game.player(BOB));
    assert!(!players.forget_lost(&bob, &channel("room")).await.expect("the store works"), "nothing to take");
    players.claim(&bob, &login(&game, "a", NOW)).await.expect("nobody is suspended");
    let id = login(&game, "a", NOW).id;
    assert!(players.save_resume(&bob, &id, Some(&snapshot())).await.expect("the store works"));
    assert!(players.forget_lost(&bob, &channel("room")).await.expect("the store works"));
    let left = players.look_up(&bob).await.expect("the store works").resume.expect("a snapshot");
    assert!(left.channels.iter().all(|lost| lost.channel != channel("room")));
    assert!(!players.forget_lost(&bob, &channel("room")).await.expect("the store works"), "taken already");
}

async fn a_snapshot_can_be_replaced_and_cleared(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let live = someone.claim("a").await;
    let empty = Resume { lost_at: NOW + TICK, channels: Vec::new() };
    for resume in [Some(snapshot()), Some(empty), None] {
        let saved = someone.players.save_resume(&someone.key, &live.id, resume.as_ref()).await;
        assert!(saved.expect("the store answers"));
        assert_eq!(someone.state().await.resume, resume);
    }
}

async fn blocks_are_kept_in_order_and_tell_the_live_login(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    assert_eq!(someone.block(CAT, 100).await.expect("the list has room"), None);
    assert_eq!(someone.state().await.known_since, Some(NOW));
    let live = Some(someone.claim("login").await);
    assert_eq!(someone.block(BOB, 100).await.expect("the list has room"), live);
    assert_eq!(someone.state().await.blocks, [CAT, BOB].map(|player| Block { player, at: NOW }));
    assert_eq!(someone.players.unblock(&someone.key, CAT).await.expect("blocked"), live);
    assert_eq!(someone.state().await.blocks, [Block { player: BOB, at: NOW }]);
}

async fn a_block_is_refused_when_it_stands_or_the_list_is_full(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    someone.block(BOB, 1).await.expect("the list has room");
    let full = someone.block(CAT, 1).await;
    assert!(matches!(full, Err(PlayerError::BlockLimit)), "{full:?}");
    let twice = someone.block(BOB, 1).await;
    assert!(matches!(twice, Err(PlayerError::AlreadyBlocked)), "{twice:?}");
    assert_eq!(someone.state().await.blocks.len(), 1);
    someone.players.unblock(&someone.key, BOB).await.expect("blocked");
    someone.block(CAT, 1).await.expect("the list has room again");
}

async fn only_a_block_that_stands_can_end(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    someone.block(BOB, 9).await.expect("the list has room");
    someone.players.unblock(&someone.key, BOB).await.expect("blocked");
    for target in [BOB, CAT] {
        let refused = someone.players.unblock(&someone.key, target).await;
        assert!(matches!(refused, Err(PlayerError::NotBlocked)), "{refused:?}");
    }
}

async fn logins_on_a_node_are_the_live_ones(ports: &Ports, game: GameId) {
    let players = &ports.players;
    let [one, two] = ["one", "two"].map(|name| NodeId::new(&format!("{game}-{name}")));
    let claim = async |player: PlayerId, id: &str, node: &NodeId| {
        let login = Login { id: LoginId::new(id), node: node.clone(), at: NOW };
        players.claim(&game.player(player), &login).await.expect("no suspension");
        (game.player(player), login)
    };
    let on = async |node: &NodeId| {
        let mut logins = players.logins_on(node, 100).await.expect("the store answers");
        logins.sort_by(|(a, _), (b, _)| a.cmp(b));
        logins
    };
    assert!(on(&one).await.is_empty());
    let (bob, cat) = (claim(BOB, "b", &one).await, claim(CAT, "c", &one).await);
    assert_eq!(on(&one).await, [bob, cat.clone()]);
    let moved = claim(BOB, "b2", &two).await;
    assert_eq!((on(&one).await, on(&two).await), (vec![cat.clone()], vec![moved]));
    players.release(&cat.0, &cat.1.id).await.expect("the store answers");
    assert!(on(&one).await.is_empty());
}

async fn logins_on_a_node_are_at_most_the_limit(ports: &Ports, game: GameId) {
    for player in 0..3 {
        let key = game.player(PlayerId(player));
        ports.players.claim(&key, &login(&game, &player.to_string(), NOW)).await.expect("no suspension");
    }
    let node = login(&game, "", NOW).node;
    let found = ports.players.logins_on(&node, 2).await.expect("the store answers");
    assert_eq!(found.len(), 2);
}

async fn a_login_reclaims_what_nobody_else_has(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let first = someone.claim("a").await;
    let held = someone.join("room", Slot::Closed, 5).await;
    for _ in 0..2 {
        let claimed = someone.players.reclaim(&someone.key, &first).await.expect("no suspension");
        assert_eq!(claimed.expect("no other login").joined, std::slice::from_ref(&held));
        assert_eq!(someone.state().await.login.as_ref(), Some(&first));
        someone.players.release(&someone.key, &first.id).await.expect("the store answers");
    }
    let (from, until) = (first.at, None);
    someone.suspend(Some(&Suspension { from, until, reason: "cheating".into() })).await;
    let refused = someone.players.reclaim(&someone.key, &first).await;
    assert!(matches!(refused, Err(PlayerError::Suspended)), "{refused:?}");
    assert_eq!(someone.state().await.login, None);
}

async fn a_login_reclaims_nothing_from_another(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let first = someone.claim("a").await;
    let second = someone.claim("b").await;
    assert_eq!(someone.players.reclaim(&someone.key, &first).await.expect("no suspension"), None);
    assert_eq!(someone.state().await.login, Some(second));
}

async fn of_many_claims_at_once_one_stays_and_each_saw_another_previous(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let logins: Vec<_> = (0..100).map(|number| login(&game, &number.to_string(), NOW)).collect();
    let claims = join_all(logins.iter().map(|login| someone.players.claim(&someone.key, login))).await;
    let previous: Vec<_> = claims.into_iter().map(|claimed| claimed.expect("no suspension").previous).collect();
    let live = someone.state().await.login.expect("one stays");

    let replaced: HashSet<_> = previous.iter().flatten().map(|login| login.id.clone()).collect();
    assert_eq!(previous.iter().filter(|previous| previous.is_none()).count(), 1, "one was first");
    assert_eq!(replaced.len(), 99, "nobody was replaced twice");
    assert!(!replaced.contains(&live.id));
    assert_eq!(ports.players.logins_on(&live.node, 1000).await.expect("the store answers").len(), 1);
}
