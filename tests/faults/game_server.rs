//! Game servers that make channels, enter players who are offline, and set blocks; and what must be there of it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Node;
use crate::support::http::{Api, channel, success};
use crate::support::node::{CERTIFICATION_KEY, GAME_INDEX};

/// Channels a player is in; the limit is 10.
const CHANNELS_EACH: i64 = 8;
/// Requests under way at once when everything is checked.
const AT_ONCE: usize = 32;

/// A request that changes something, and can be repeated when its answer got lost.
#[derive(Clone)]
enum Step {
    Create { channel: String },
    Enter { channel: String, player: i64 },
    Block { player: i64, target: i64 },
}

/// One game server. Each has channels and players of its own.
pub(super) struct GameServer {
    place: i64,
    steps: i64,
    /// Acknowledged channels, with their acknowledged members.
    channels: BTreeMap<String, BTreeSet<i64>>,
    /// Acknowledged blocks by player.
    blocks: BTreeMap<i64, BTreeSet<i64>>,
    /// Since the last check.
    touched_channels: BTreeSet<String>,
    touched_players: BTreeSet<i64>,
    /// The step whose answer never came.
    doubtful: Option<Step>,
}

impl GameServer {
    pub(super) fn new(place: i64) -> Self {
        Self {
            place,
            steps: 0,
            channels: BTreeMap::new(),
            blocks: BTreeMap::new(),
            touched_channels: BTreeSet::new(),
            touched_players: BTreeSet::new(),
            doubtful: None,
        }
    }

    /// One step after the other, until the node dies.
    pub(super) async fn work(&mut self, node: &Node) {
        loop {
            let step = self.next_step();
            self.doubtful = Some(step.clone());
            let Some(answer) = step.request(node).await else { return };
            assert_eq!(answer["code"], 0, "{}: {answer}", step.path());
            self.acknowledge(step);
        }
    }

    /// A channel, two members, a block; then the next channel. The first member is in several channels.
    fn next_step(&mut self) -> Step {
        let (round, kind) = (self.steps / 4, self.steps % 4);
        self.steps += 1;
        let channel = format!("group:{}:{round}", self.place);
        let players = 1_000_000 * (self.place + 1);
        let regular = players + round / CHANNELS_EACH;
        match kind {
            0 => Step::Create { channel },
            1 => Step::Enter { channel, player: regular },
            2 => Step::Enter { channel, player: players + 500_000 + round },
            _ => Step::Block { player: regular, target: players + 700_000 + round },
        }
    }

    fn acknowledge(&mut self, step: Step) {
        self.doubtful = None;
        match step {
            Step::Create { channel } => {
                self.touched_channels.insert(channel.clone());
                self.channels.entry(channel).or_default();
            }
            Step::Enter { channel, player } => {
                self.touched_players.insert(player);
                self.touched_channels.insert(channel.clone());
                self.channels.entry(channel).or_default().insert(player);
            }
            Step::Block { player, target } => {
                self.touched_players.insert(player);
                self.blocks.entry(player).or_default().insert(target);
            }
        }
    }

    /// Repeats the step whose answer got lost. It either takes effect now or turns out to have done so, once.
    pub(super) async fn settle(&mut self, node: &Node) {
        let Some(step) = self.doubtful.take() else { return };
        let answer = step.request(node).await.expect("the node answers");
        let code = answer["code"].as_i64();
        assert!(code == Some(0) || code == Some(step.code_of_a_repeat()), "{} again: {answer}", step.path());
        self.acknowledge(step.clone());
        match step {
            Step::Create { channel } => self.check_channel(&node.api(), &channel, true).await,
            Step::Enter { channel, player } => {
                self.check_channel(&node.api(), &channel, true).await;
                self.check_player(&node.api(), player, true).await;
            }
            Step::Block { player, .. } => self.check_player(&node.api(), player, true).await,
        }
    }

    /// What was acknowledged since the last check is there. A doubtful step may show, too.
    pub(super) async fn check_round(&mut self, node: &Node) {
        let (channels, players) =
            (std::mem::take(&mut self.touched_channels), std::mem::take(&mut self.touched_players));
        self.check(&node.api(), channels.iter(), players.iter(), false).await;
    }

    /// Everything that was ever acknowledged is there, and nothing else: no step is in doubt any more.
    pub(super) async fn check_everything(&self, node: &Node) {
        assert!(self.channels.len() > 1, "hardly a channel was acknowledged in all the rounds");
        let players: BTreeSet<_> = self.channels.values().flatten().chain(self.blocks.keys()).collect();
        self.check(&node.api(), self.channels.keys(), players.into_iter(), true).await;
    }

    async fn check(
        &self,
        api: &Api,
        channels: impl Iterator<Item = &String>,
        players: impl Iterator<Item = &i64>,
        exactly: bool,
    ) {
        for some in channels.collect::<Vec<_>>().chunks(AT_ONCE) {
            join_all(some.iter().map(|channel| self.check_channel(api, channel, exactly))).await;
        }
        for some in players.collect::<Vec<_>>().chunks(AT_ONCE) {
            join_all(some.iter().map(|player| self.check_player(api, **player, exactly))).await;
        }
    }

    async fn check_channel(&self, api: &Api, channel: &str, exactly: bool) {
        let data = success("channel", api.get(&format!("/channels/{channel}")).await);
        let members = ids(&data["members"], "playerId");
        assert_eq!(data["memberCount"], members.len(), "{data}");
        same(&format!("members of {channel}"), &members, &self.channels[channel], exactly);
    }

    async fn check_player(&self, api: &Api, player: i64, exactly: bool) {
        let data = success("channels of a player", api.get(&format!("/users/{player}/channels")).await);
        let channels = data["channels"].as_array().expect("data.channels is a list");
        let id = |channel: &Value| channel["channelId"].as_str().expect("a channel has an id").to_owned();
        let mine = self.channels.iter().filter(|(_, members)| members.contains(&player));
        let mine: BTreeSet<_> = mine.map(|(channel, _)| channel.clone()).collect();
        let listed: Vec<_> = channels.iter().map(id).collect();
        same(&format!("channels of {player}"), &listed, &mine, exactly);

        let data = success("blocks of a player", api.get(&format!("/users/{player}/blocks")).await);
        let none = BTreeSet::new();
        let blocks = self.blocks.get(&player).unwrap_or(&none);
        same(&format!("blocks of {player}"), &ids(&data["blocks"], "playerId"), blocks, exactly);
    }
}

impl Step {
    fn path(&self) -> String {
        match self {
            Self::Create { .. } => "/channel".to_owned(),
            Self::Enter { channel, player } => format!("/channels/{channel}/members/{player}"),
            Self::Block { player, target } => format!("/users/{player}/blocks/{target}"),
        }
    }

    fn body(&self) -> Value {
        match self {
            Self::Create { channel: id } => channel(id, "GROUP"),
            _ => json!({}),
        }
    }

    /// Duplicate channel, already in the channel, already blocked.
    fn code_of_a_repeat(&self) -> i64 {
        match self {
            Self::Create { .. } => 200,
            Self::Enter { .. } => 302,
            Self::Block { .. } => 303,
        }
    }

    /// The answer; `None` when the node died before it was complete.
    async fn request(&self, node: &Node) -> Option<Value> {
        let path = format!("/api/v1/games/{GAME_INDEX}{}", self.path());
        let request = node.request(Method::POST, &path).bearer_auth(CERTIFICATION_KEY).json(&self.body());
        request.send().await.ok()?.json().await.ok()
    }
}

fn ids(list: &Value, key: &str) -> Vec<i64> {
    let list = list.as_array().unwrap_or_else(|| panic!("not a list: {list}"));
    list.iter().map(|entry| entry[key].as_i64().expect("an id is a long")).collect()
}

/// All of `expected` is in `found`, nothing twice, and, when it must be exact, nothing else.
fn same<T: Ord + Clone + std::fmt::Debug>(what: &str, found: &[T], expected: &BTreeSet<T>, exactly: bool) {
    let once: BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!(once.len(), found.len(), "{what}: something is there twice: {found:?}");
    let lost: Vec<_> = expected.difference(&once).collect();
    assert!(lost.is_empty(), "{what}: acknowledged and lost: {lost:?}; there are {found:?}");
    assert!(!exactly || once == *expected, "{what}: {found:?} instead of {expected:?}");
}
