//! `Nodes`, keyed by node: its lease and its mailbox.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::clock::Timestamp;
use crate::connection::Note;
use crate::event::Position;
use crate::ids::{ChannelKey, LoginId, NodeId};

/// A place in a mailbox; counts up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailId(pub u64);

/// Which answer is to which mail: chosen at random, because a node may begin anew while one is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Receipt(pub u64);

/// What one node says to another. A login is named by its id alone: it is of no other node and no other player.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mail {
    /// News for a player whose socket is there. Void when that login is not seated there any more.
    Note { login: LoginId, note: Note },
    /// The same, and `by` is to be told with `HandedOver` once the connection has taken it.
    HandOver { login: LoginId, note: Note, by: NodeId, receipt: Receipt },
    /// The answer to `HandOver`: whether that login is seated there.
    HandedOver { receipt: Receipt, taken: bool },
    /// A newer login of the player has taken this one's place: close its socket, and answer `by`.
    Kick { login: LoginId, by: NodeId },
    /// The answer to `Kick`: what that socket was given of each channel. Empty when nobody knows.
    Kicked { login: LoginId, seen: Vec<(ChannelKey, Position)> },
}

/// Nodes: who is alive, and mail that survives a lost link.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Begins the node's life, or begins it anew: a lease, and an empty mailbox. `false` while another node has it
    /// claimed and still ends its logins. A live node keeps its mailbox.
    async fn register(&self, node: &NodeId, until: Timestamp) -> Result<bool, StoreError>;

    /// Extends the node's lease. `false` when another node has claimed it, or when it was retired: its logins are
    /// gone. Nothing is begun anew.
    async fn renew(&self, node: &NodeId, until: Timestamp) -> Result<bool, StoreError>;

    /// Nodes whose lease ran out before `now`.
    async fn expired(&self, now: Timestamp) -> Result<Vec<NodeId>, StoreError>;

    /// Takes over a node whose lease ran out before `now`; exactly one node gets `true`, however often it asks, until
    /// it has called `retire` or its own lease ran out as well.
    async fn claim(&self, dead: &NodeId, by: &NodeId, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends the node's lease for good and drops its mailbox.
    async fn retire(&self, node: &NodeId) -> Result<(), StoreError>;

    /// Puts mail into the node's mailbox; `false` when there is no such node.
    async fn send(&self, to: &NodeId, mail: &Mail) -> Result<bool, StoreError>;

    /// Mail after `after`, oldest first. Waits for some to come, for a bounded time; empty when none did.
    /// Mail up to `after` may be dropped.
    async fn receive(&self, node: &NodeId, after: MailId) -> Result<Vec<(MailId, Mail)>, StoreError>;
}
