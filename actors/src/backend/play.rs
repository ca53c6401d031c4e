//! Play: what a call on a session or a deadline sets going.
//!
//! Within a cafe everything is one commit (`session`). What reaches beyond it is a note at the player: a session is
//! noted before it begins, so that a suspension finds it, and struck off after it has ended. A note that a crash left
//! behind harms nobody: whoever reads it asks the session.

use std::collections::HashSet;

use futures_util::future::join_all;
use tracing::{debug, error, warn};

use super::Backend;
use crate::clock::Timestamp;
use crate::ids::{CafeId, GameId, PlayerId, PlayerKey, SessionId, TokenId};
use crate::limits::SessionLimits;
use crate::metrics::meters;
use crate::ports::{Play, PlayerError, StoreError};
use crate::session::{
    Clearance, Decision, Document, DocumentKey, EndReason, Memory, Need, Rate, Session, SessionEnd, Verdict, Verify,
    VerifyRefusal, View, rules,
};

/// Documents swept at once: they share the store's commits.
const SWEEP_BATCH: usize = 256;

/// A player who wants to play with a one-time token.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub token: TokenId,
    pub game: GameId,
    pub player: PlayerId,
    pub rate: Rate,
}

impl Backend {
    /// Has a rule decide about a cafe until its decision has taken effect.
    pub(crate) async fn decide<T: 'static>(
        &self,
        cafe: &CafeId,
        memory: &mut Memory,
        prefetch: &[DocumentKey],
        rule: impl Fn(&View<'_>, &SessionLimits, Timestamp) -> Result<Decision<T>, Need>,
    ) -> Result<T, StoreError> {
        let limits = &self.settings().session;
        let decided = self.0.transactor.transact(cafe, memory, prefetch, |view, now| rule(view, limits, now));
        let Decision { reply, ends, .. } = decided.await?;
        for SessionEnd { player, session, reason } in ends {
            meters().sessions_ended.of((reason,)).increment(1);
            debug!(player.id = %player.player, session.id = %session, reason = reason.as_str(), "session ended");
            self.strike_play_off(player, session);
        }
        Ok(reply)
    }

    /// Whether this node is writing the end of a session at this moment.
    pub(crate) fn is_session_ending(&self, session: SessionId) -> bool {
        self.0.transactor.is_ending(session)
    }

    pub(super) async fn session_document(
        &self,
        cafe: &CafeId,
        session: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let stored = self.0.ports.sessions.load(cafe, &[DocumentKey::Session(session)]).await?;
        let document = stored.into_iter().next().and_then(|stored| stored.document);
        Ok(document.and_then(|document| match &*document {
            Document::Session(session) => Some(session.clone()),
            _ => None,
        }))
    }

    /// A one-time token becomes a session, or the contract's reason why not ("PlayWave API, verify").
    ///
    /// # Errors
    /// The store's.
    pub async fn verify(&self, arrival: Arrival) -> Result<Result<SessionId, VerifyRefusal>, StoreError> {
        let token = DocumentKey::Token(arrival.token);
        let Some(cafe) = self.0.ports.sessions.find(&token).await? else {
            return Ok(Err(VerifyRefusal::OttExpired));
        };
        let session = SessionId::from_random(self.random());
        let prefetch = [token, DocumentKey::Account];
        let mut clearance = Clearance::Unasked;
        loop {
            let ask = arrival.verify(session, clearance);
            let rule = move |view: &View<'_>, limits: &SessionLimits, now| rules::verify(view, &ask, limits, now);
            match self.decide(&cafe, &mut Memory::default(), &prefetch, rule).await? {
                Verdict::AskPlayer => clearance = self.note_play(&arrival, &cafe, session).await?,
                Verdict::Valid(session) => {
                    meters().sessions_started.increment(1);
                    let looked = self.suspend_new_play(&arrival.game.player(arrival.player), session).await;
                    // The session has begun and is paid for: its game server must hear of it whatever fails now.
                    let goes_on = looked.unwrap_or_else(|error| {
                        warn!(session.id = %session, %error, "a new session's player could not be looked at");
                        true
                    });
                    return Ok(if goes_on { Ok(session) } else { Err(VerifyRefusal::Suspended) });
                }
                Verdict::Refused(refusal) => {
                    if clearance == Clearance::Welcome {
                        self.strike_play_off(arrival.game.player(arrival.player), session);
                    }
                    return Ok(Err(refusal));
                }
            }
        }
    }

    /// Notes the session at its player, who becomes known by it; a suspended one may not play.
    async fn note_play(&self, arrival: &Arrival, cafe: &CafeId, session: SessionId) -> Result<Clearance, StoreError> {
        let player = arrival.game.player(arrival.player);
        let play = Play { session, cafe: cafe.clone(), at: self.now() };
        match self.0.ports.players.begin_play(&player, &play).await {
            Ok(()) => Ok(Clearance::Welcome),
            Err(PlayerError::Store(error)) => Err(error),
            Err(_) => Ok(Clearance::Suspended),
        }
    }

    /// Nobody waits for it, and nothing rests on it.
    fn strike_play_off(&self, player: PlayerKey, session: SessionId) {
        let backend = self.clone();
        drop(self.spawn(async move {
            if let Err(error) = backend.0.ports.players.end_play(&player, session).await {
                debug!(player.id = %player.player, %error, "play not struck off");
            }
        }));
    }

    /// The live sessions of a player: at most one on each PC.
    ///
    /// # Errors
    /// The store's.
    pub async fn live_sessions(&self, plays: &[Play]) -> Result<Vec<(SessionId, CafeId, Session)>, StoreError> {
        let mut live = Vec::new();
        for play in plays {
            let session = self.session_document(&play.cafe, play.session).await?;
            if let Some(session) = session.filter(|session| session.ended.is_none()) {
                live.push((play.session, play.cafe.clone(), session));
            }
        }
        Ok(live)
    }

    /// Ends and forgets what is due; says how many documents that were. It costs what is due, whatever is live.
    ///
    /// # Errors
    /// The store's; what is left is taken up at the next call.
    pub async fn sweep_cafes(&self) -> Result<usize, StoreError> {
        let (mut swept, mut passed_over) = (0, HashSet::new());
        loop {
            let limit = SWEEP_BATCH + passed_over.len();
            let mut due = self.0.ports.sessions.due(self.now(), limit).await?;
            due.retain(|document| !passed_over.contains(document));
            if due.is_empty() {
                return Ok(swept);
            }
            let done = join_all(due.iter().map(|(cafe, key)| self.sweep_document(cafe, key))).await;
            swept += done.iter().filter(|done| **done).count();
            // What cannot be swept, or need not be any more, must not keep those behind it waiting.
            passed_over.extend(due.into_iter().zip(done).filter(|(_, done)| !done).map(|(document, _)| document));
        }
    }

    async fn sweep_document(&self, cafe: &CafeId, key: &DocumentKey) -> bool {
        let prefetch = [key.clone()];
        let rule = |view: &View<'_>, limits: &SessionLimits, now| rules::sweep(view, key, limits, now);
        let swept = self.decide(cafe, &mut Memory::default(), &prefetch, rule).await;
        swept.unwrap_or_else(|error| {
            error!(%cafe, document = %key, %error, "document not swept");
            false
        })
    }
}

impl Arrival {
    fn verify(&self, new_session: SessionId, clearance: Clearance) -> Verify {
        let Self { token, game, player, rate } = self.clone();
        Verify { token, game, player, rate, new_session, clearance }
    }
}

/// Ends a live session from outside the contract.
impl Backend {
    /// Says whether it was live.
    ///
    /// # Errors
    /// The store's.
    pub async fn terminate(&self, cafe: &CafeId, session: SessionId, reason: EndReason) -> Result<bool, StoreError> {
        let prefetch = [DocumentKey::Session(session)];
        let ask = crate::session::Terminate { session, reason };
        let rule = move |view: &View<'_>, limits: &SessionLimits, now| rules::terminate(view, &ask, limits, now);
        self.decide(cafe, &mut Memory::default(), &prefetch, rule).await
    }
}
