//! The ports: what the actors need from the outside, each a consistency domain keyed by one noun.
//!
//! Every method is atomic within its key and durable once it returns `Ok`. Work across keys is a sequence of
//! idempotent steps with a repair path (`backend`), never a transaction. An adapter proves itself with the contract
//! suites in `testing`.

mod channels;
mod inbox;
mod nodes;
mod player_state;
mod players;
mod profile;
mod sessions;

pub use channels::{
    Admission, Channel, ChannelError, ChannelKind, ChannelPage, ChannelPatch, ChannelSpec, Channels, Deleted, Entered,
    Exited, History, LogSlice, Member, NewEvent, Owner, Password, Ring, Subscriber,
};
pub use inbox::{Inbox, InboxEntry, InboxKey, InboxSlice, Recorded};
pub use nodes::{Mail, MailId, Nodes, Receipt};
pub use players::{
    Block, Claimed, Decided, Decider, Joined, Login, Play, PlayerError, PlayerState, Players, Resume, ResumeChannel,
    Slot, Suspension,
};
pub use profile::{Change, Field, Profile, ProfilePatch, ProfileUpdate};
pub use sessions::{Commit, Committed, Durability, Sessions, SettlementQuery, Stored, Version};

/// The store could not serve a request. Nothing is known about whether the step took effect.
#[derive(Clone, Debug, thiserror::Error)]
#[error("store: {0}")]
pub struct StoreError(pub String);
