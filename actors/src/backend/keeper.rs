//! The keeper: actors that crash are missed. A channel starts anew; a connection's login is ended in its
//! place; a session starts anew when it is asked for.

use actix::prelude::*;
use tokio::sync::mpsc;
use tracing::error;

use super::Backend;
use crate::event::Position;
use crate::ids::{ChannelKey, LoginId, PlayerKey, SessionId};
use crate::metrics::{CrashedActor, meters};

/// Who crashed, and what is needed to repair it.
#[derive(Clone, Debug)]
pub enum Crashed {
    Channel(ChannelKey),
    Session(SessionId),
    Connection { player: PlayerKey, login: LoginId, seen: Vec<(ChannelKey, Position)> },
}

/// Held by an actor; reports it when the actor goes without having withdrawn it, which only a panic does.
pub struct CrashNote {
    crashed: Option<Crashed>,
    keeper: Keeper,
}

/// Where crashes are reported. Unbounded, because a panicking thread cannot wait; there are at most as many reports
/// as actors.
#[derive(Clone)]
pub(super) struct Keeper(mpsc::UnboundedSender<Crashed>);

impl Keeper {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Crashed>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }
}

impl Crashed {
    fn actor(&self) -> CrashedActor {
        match self {
            Self::Channel(_) => CrashedActor::Channel,
            Self::Session(_) => CrashedActor::Session,
            Self::Connection { .. } => CrashedActor::Connection,
        }
    }
}

impl CrashNote {
    /// The actor ends in good order.
    pub fn withdraw(&mut self) {
        self.crashed = None;
    }
}

impl Drop for CrashNote {
    fn drop(&mut self) {
        if let Some(crashed) = self.crashed.take() {
            // Nobody listens any more when the whole node goes down; then there is nothing to restart.
            let _ = self.keeper.0.send(crashed);
        }
    }
}

impl Backend {
    /// Reports a crash at once.
    pub(crate) fn report(&self, crashed: Crashed) {
        drop(self.crash_note(crashed));
    }

    pub(crate) fn crash_note(&self, crashed: Crashed) -> CrashNote {
        CrashNote { crashed: Some(crashed), keeper: self.0.keeper.clone() }
    }
}

/// Repairs what crashes leave, until the node ends.
pub(super) async fn watch(backend: Backend, mut crashes: mpsc::UnboundedReceiver<Crashed>) {
    while let Some(crashed) = crashes.recv().await {
        if backend.is_ending() {
            continue;
        }
        error!(?crashed, "actor crashed, repairing");
        meters().actor_crashes.of((crashed.actor(),)).increment(1);
        match crashed {
            Crashed::Channel(key) => {
                let started: Option<Addr<_>> = backend.channel(&key);
                debug_assert!(started.is_some(), "the channel had an actor, so its game is configured");
            }
            // The next call starts it anew, from documents that a crash leaves as they were.
            Crashed::Session(_) => {}
            Crashed::Connection { player, login, seen } => {
                let story = backend.clone();
                drop(backend.spawn(async move { story.log_out(&player, &login, &seen).await }));
            }
        }
    }
}
