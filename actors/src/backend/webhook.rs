//! Webhooks: recorded whole before anything follows from them, so that each takes effect once, and in the end.
//!
//! Who records a webhook carries it out and then marks it done with its answer, which every repeat gets. What a crash
//! leaves pending is carried out by whichever node looks next, so every step of it may happen twice.

use std::time::Duration;

use tokio::sync::watch;

use super::Backend;
use crate::connection::Note;
use crate::ids::PlayerKey;
use crate::metrics::meters;
use crate::ports::{InboxEntry, InboxKey, ProfilePatch, ProfileUpdate, Recorded, StoreError};

/// A webhook recorded this recently may still be carried out somewhere; so long a repeat waits for its answer.
pub const IN_PROGRESS: Duration = Duration::from_secs(5);
/// Pause between two looks for that answer.
const ANSWER_POLL: Duration = Duration::from_millis(20);

/// What is to be done with a webhook that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is recorded: carry it out.
    Mine(InboxEntry),
    /// It was done before, with the answer in the record.
    Done(InboxEntry),
    /// Somebody else is at it, and has not come to an end: it is recorded, and takes effect in the end.
    Busy(InboxEntry),
    /// The record went between two steps: as if it had never come, so that its sender must try again.
    Vanished,
}

impl Backend {
    /// Records a webhook, which is the durable all-or-nothing step, or finds what became of it. A repeat waits for the
    /// answer of one that is in progress, unless `wait` says not to.
    ///
    /// # Errors
    /// The store's.
    pub async fn take_webhook(
        &self,
        key: &InboxKey,
        body: &[u8],
        keep: Duration,
        wait: bool,
    ) -> Result<Taken, StoreError> {
        let inbox = &self.0.ports.inbox;
        let recorded = inbox.record(key, body, keep, self.now()).await?;
        if recorded == Recorded::New {
            self.ring_events();
        } else {
            meters().webhook_repeats.increment(1);
        }
        let deadline = tokio::time::Instant::now() + IN_PROGRESS;
        loop {
            let Some(entry) = inbox.entry(key).await? else { return Ok(Taken::Vanished) };
            match &recorded {
                _ if entry.answer.is_some() => return Ok(Taken::Done(entry)),
                Recorded::Pending { .. } if !self.is_abandoned(&entry) => {
                    if !wait || tokio::time::Instant::now() >= deadline {
                        return Ok(Taken::Busy(entry));
                    }
                    tokio::time::sleep(ANSWER_POLL).await;
                }
                _ => return Ok(Taken::Mine(entry)),
            }
        }
    }

    /// Whether the record's owner should have come to an end long ago.
    fn is_abandoned(&self, entry: &InboxEntry) -> bool {
        self.now().since(entry.at) >= IN_PROGRESS
    }

    /// Changes a profile; `notice` is what the player's live socket is told of a change.
    ///
    /// # Errors
    /// The store's.
    pub async fn update_profile(
        &self,
        player: &PlayerKey,
        patch: &ProfilePatch,
        create: bool,
        notice: Option<&str>,
    ) -> Result<ProfileUpdate, StoreError> {
        let at = self.now();
        let update = self.0.ports.players.update_profile(player, patch, create, at).await?;
        if let (ProfileUpdate::Changed(Some(login)), Some(notice)) = (&update, notice) {
            self.tell(login, Note::Notice { message: notice.into(), at }).await?;
        }
        Ok(update)
    }

    /// Wakes at each webhook that this node records.
    pub fn follow_events(&self) -> watch::Receiver<()> {
        self.0.events.subscribe()
    }

    /// Has the followers of the event stream look again.
    pub fn ring_events(&self) {
        self.0.events.send_replace(());
    }
}
