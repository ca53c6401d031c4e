//! The registry of the game sessions of one thread: found or started by id, let go when nobody asks for a while.
//!
//! One for each worker thread, because a call that crosses threads costs twice the CPU of one that does not. A
//! million live sessions are a million documents; actors are only those that were asked for lately.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::prelude::*;

use super::actor::GameSession;
use super::messages::SessionError;
use crate::backend::Backend;
use crate::generations::Generations;
use crate::ids::SessionId;
use crate::ports::StoreError;

/// See the module's text.
pub struct GameSessions {
    backend: Backend,
    seats: RefCell<Generations<SessionId, Addr<GameSession>>>,
}

impl GameSessions {
    /// Starts the registry of this thread. An actor that nobody asked for during `idle` is let go.
    pub fn start(backend: Backend, idle: Duration) -> Rc<Self> {
        let sessions = Rc::new(Self { backend, seats: RefCell::default() });
        let weak = Rc::downgrade(&sessions);
        actix::spawn(async move {
            let mut ticks = tokio::time::interval(idle);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let Some(sessions) = weak.upgrade() else { return };
                // Without an address an actor ends, as soon as it has answered what it was asked.
                drop(sessions.seats.borrow_mut().rotate());
            }
        });
        sessions
    }

    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Actors of this thread.
    pub fn len(&self) -> usize {
        self.seats.borrow().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Asks a session. One that crashes answers nothing; the next call starts it anew from the store.
    ///
    /// # Errors
    /// The session's refusal, or the store's failure.
    pub async fn ask<M, T>(&self, id: SessionId, message: M) -> Result<T, SessionError>
    where
        M: Message<Result = Result<T, SessionError>> + Send + 'static,
        T: Send + 'static,
        GameSession: Handler<M>,
        Context<GameSession>: ToEnvelope<GameSession, M>,
    {
        let asked = self.session(id).send(message);
        asked.await.unwrap_or_else(|_| Err(StoreError("the session's actor crashed".into()).into()))
    }

    fn session(&self, id: SessionId) -> Addr<GameSession> {
        let mut seats = self.seats.borrow_mut();
        if let Some(session) = seats.get(&id).filter(|session| session.connected()) {
            return session.clone();
        }
        let session = GameSession::new(id, self.backend.clone()).start();
        seats.insert(id, session.clone());
        session
    }
}
