//! `GameSession`, the actor of one session on one thread.

use std::rc::Rc;

use actix::prelude::*;

use super::decision::{Decision, Need, View};
use super::documents::DocumentKey;
use super::messages::{Beat, Check, Checked, End, Finished, Heartbeat, Refusal, SessionError};
use super::rules;
use super::transact::Memory;
use crate::backend::{Backend, CrashNote, Crashed};
use crate::clock::Timestamp;
use crate::ids::{CafeId, SessionId};
use crate::limits::SessionLimits;
use crate::metrics::{Live, meters};

/// See the module's text. It keeps no timer: when the registry lets go of its address, it ends.
pub struct GameSession {
    id: SessionId,
    backend: Backend,
    /// Immutable, so it is looked up once.
    cafe: Option<Rc<CafeId>>,
    memory: Memory,
    crash_note: CrashNote,
    _live: Live,
}

impl GameSession {
    pub(crate) fn new(id: SessionId, backend: Backend) -> Self {
        let crash_note = backend.crash_note(Crashed::Session(id));
        let _live = Live::one_more(&meters().session_actors);
        Self { id, backend, cafe: None, memory: Memory::default(), crash_note, _live }
    }

    /// Has a rule decide on this session.
    ///
    /// Calls that come while another one is under way decide beside it: the store tells which of them was first.
    fn call<T: 'static>(
        &mut self,
        rule: impl Fn(&View<'_>, &SessionLimits, Timestamp) -> Result<Decision<Result<T, Refusal>>, Need> + 'static,
    ) -> ResponseActFuture<Self, Result<T, SessionError>> {
        let (id, backend, cafe) = (self.id, self.backend.clone(), self.cafe.clone());
        let mut memory = std::mem::take(&mut self.memory);
        let decided = async move {
            let cafe = find(&backend, id, cafe).await?;
            let reply = backend.decide(&cafe, &mut memory, &[DocumentKey::Session(id)], rule).await?;
            Ok((cafe, memory, reply))
        };
        Box::pin(decided.into_actor(self).map(|result: Result<_, SessionError>, actor, _| {
            let (cafe, memory, reply) = result?;
            (actor.cafe, actor.memory) = (Some(cafe), memory);
            reply.map_err(SessionError::Refused)
        }))
    }

    /// As [`Self::call`], but while an end of the session is being written, a refusal does not wait for it; who finds
    /// the session ended is told that it is ending.
    fn sign_of_life<T: 'static>(
        &mut self,
        rule: impl Fn(&View<'_>, &SessionLimits, Timestamp) -> Result<Decision<Result<T, Refusal>>, Need> + 'static,
    ) -> ResponseActFuture<Self, Result<T, SessionError>> {
        let (id, backend) = (self.id, self.backend.clone());
        self.call(move |view, limits, now| {
            let mut decision = rule(view, limits, now)?;
            if let Err(refusal) = &mut decision.reply
                && decision.changes.is_empty()
                && backend.is_session_ending(id)
            {
                if *refusal == Refusal::Ended {
                    *refusal = Refusal::Ending;
                }
                decision.waits = false;
            }
            Ok(decision)
        })
    }
}

/// The cafe of a session. A session that never was is in none.
async fn find(backend: &Backend, id: SessionId, known: Option<Rc<CafeId>>) -> Result<Rc<CafeId>, SessionError> {
    if let Some(cafe) = known {
        return Ok(cafe);
    }
    let found = backend.ports().sessions.find(&DocumentKey::Session(id)).await?;
    found.map(Rc::new).ok_or(SessionError::Refused(Refusal::NotFound))
}

impl Actor for GameSession {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        if !std::thread::panicking() {
            self.crash_note.withdraw();
        }
    }
}

impl Handler<Heartbeat> for GameSession {
    type Result = ResponseActFuture<Self, Result<Beat, SessionError>>;

    fn handle(&mut self, ask: Heartbeat, _: &mut Self::Context) -> Self::Result {
        self.sign_of_life(move |view, limits, now| rules::heartbeat(view, &ask, limits, now))
    }
}

impl Handler<Check> for GameSession {
    type Result = ResponseActFuture<Self, Result<Checked, SessionError>>;

    fn handle(&mut self, ask: Check, _: &mut Self::Context) -> Self::Result {
        self.sign_of_life(move |view, limits, now| rules::check(view, &ask, limits, now))
    }
}

impl Handler<End> for GameSession {
    type Result = ResponseActFuture<Self, Result<Finished, SessionError>>;

    fn handle(&mut self, ask: End, _: &mut Self::Context) -> Self::Result {
        self.call(move |view, limits, now| rules::end(view, &ask, limits, now))
    }
}
