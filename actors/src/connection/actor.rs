//! `PlayerConnection`, the actor beside a socket.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tracing::{debug, error};

use super::login::LoggingIn;
use super::messages::{Incoming, Kick, Lost, Note, ShutDown};
use super::rules::{Conduct, Identity, Silence, Verdict};
use super::unheard::Unheard;
use crate::backend::{Backend, Crashed, Game};
use crate::channel::Hearing;
use crate::clock::Timestamp;
use crate::close::Close;
use crate::event::{EventBody, Position};
use crate::fanout::{Detached, Listener, Listeners, WorkerId};
use crate::ids::{ChannelId, ChannelKey, ConnectionId, LoginId, PlayerKey};
use crate::metrics::{Live, RateLimit, meters};
use crate::outbox::Outbox;
use crate::packet::{self, ChannelChat, DirectChat, Kind, Status};
use crate::ports::{ChannelError, NewEvent, Suspension};

/// What a request of a hasty client takes at the least: the socket is not read meanwhile, so TCP slows the client.
const HASTY_PAUSE: Duration = Duration::from_millis(10);

/// See the module's text. Ends exactly once: by its socket, by a rule, or by the node.
pub struct PlayerConnection {
    pub(super) id: ConnectionId,
    pub(super) worker: WorkerId,
    pub(super) backend: Backend,
    pub(super) listeners: Rc<Listeners>,
    pub(super) outbox: Rc<Outbox>,
    conduct: Conduct,
    /// Silence is measured by a clock that nobody sets.
    opened: Instant,
    pub(super) phase: Phase,
    pub(super) silence_timer: SpawnHandle,
    _live: Live,
}

pub(super) enum Phase {
    Fresh,
    LoggingIn(LoggingIn),
    Online(Session),
    Ended,
}

pub(super) struct Session {
    pub(super) game: Arc<Game>,
    pub(super) player: PlayerKey,
    pub(super) login: LoginId,
    pub(super) listener: Rc<Listener>,
    pub(super) unheard: Unheard,
    /// One that lies ahead ends the session when it begins.
    pub(super) suspension: Option<Suspension>,
    pub(super) suspension_timer: Option<SpawnHandle>,
}

/// A request that waits for its answer.
pub(super) struct Pending {
    pub(super) kind: Kind,
    pub(super) correlation_id: Option<String>,
}

impl PlayerConnection {
    pub fn new(
        id: ConnectionId,
        worker: WorkerId,
        backend: Backend,
        listeners: Rc<Listeners>,
        outbox: Rc<Outbox>,
    ) -> Self {
        let conduct = Conduct::new(&backend.settings().connection, Timestamp::default());
        let (opened, _live) = (Instant::now(), Live::one_more(&meters().connections));
        let (phase, silence_timer) = (Phase::Fresh, SpawnHandle::default());
        Self { id, worker, backend, listeners, outbox, conduct, opened, phase, silence_timer, _live }
    }

    /// Time since the socket was opened, for the rules.
    fn uptime(&self) -> Timestamp {
        Timestamp::default() + self.opened.elapsed()
    }

    fn identity(&self) -> Option<Identity> {
        match &self.phase {
            Phase::Online(session) => Some(Identity { game_index: session.game.index, player: session.player.player }),
            _ => None,
        }
    }

    pub(super) fn answer(&self, pending: &Pending, status: Status, body: Option<Value>) {
        if status == Status::TooManyMessages {
            meters().rate_limited.of((RateLimit::Chat,)).increment(1);
        }
        self.outbox.send_text(&packet::response(&pending.kind, pending.correlation_id.as_deref(), status, body));
    }

    fn obey(&mut self, verdict: Verdict, pending: Pending, ctx: &mut Context<Self>) -> ResponseActFuture<Self, ()> {
        match verdict {
            Verdict::Answer(status) => self.answer(&pending, status, None),
            Verdict::AnswerAndClose(status, reason) => self.refuse(&pending, status, reason, ctx),
            Verdict::Close(reason) => self.end(Some(reason), ctx),
            Verdict::Pong => self.outbox.send_text(&packet::pong(pending.correlation_id.as_deref())),
            Verdict::LogIn { credentials, reconnect } => return self.log_in(credentials, reconnect, pending, ctx),
            Verdict::Post(chat) => return self.post(chat, pending),
            Verdict::Direct(chat) => return self.send_direct(chat, pending),
        }
        Box::pin(fut::ready(()))
    }

    pub(super) fn refuse(&mut self, pending: &Pending, status: Status, reason: Close, ctx: &mut Context<Self>) {
        self.answer(pending, status, None);
        self.end(Some(reason), ctx);
    }

    /// Has the channel's events handed to this connection.
    pub(super) fn attach(&mut self, key: ChannelKey, hearing: Hearing, ctx: &mut Context<Self>) {
        let Phase::Online(session) = &mut self.phase else { return };
        if let Some(after) = hearing.start.place() {
            session.unheard.add(key.clone(), after);
        }
        let (backend, worker, connection) = (self.backend.clone(), self.worker, self.id);
        let attached = self.backend.spawn(async move {
            backend.attach(&key, worker, connection, hearing).await;
            key
        });
        ctx.spawn(attached.into_actor(self).map(|key, actor, _| actor.on_attached(&key)));
    }

    fn on_attached(&mut self, key: &ChannelKey) {
        if let Phase::Online(session) = &mut self.phase
            && session.listener.is_in(key)
        {
            session.unheard.remove(key);
        }
    }

    fn post(&self, chat: ChannelChat, pending: Pending) -> ResponseActFuture<Self, ()> {
        let Phase::Online(session) = &self.phase else { return Box::pin(fut::ready(())) };
        if self.backend.has_lost_lease() {
            // The membership may be gone, and come back: no fault of the client's.
            self.answer(&pending, Status::InternalServerError, None);
            return Box::pin(fut::ready(()));
        }
        let (backend, game) = (self.backend.clone(), session.game.clone());
        let hidden_from = session.listener.blocked();
        let posted = async move {
            let channel = ChannelId::parse(&chat.to).ok_or(ChannelError::NotFound)?;
            let body = EventBody::Chat {
                from: chat.from,
                message: chat.message.into(),
                extra_data: chat.extra_data.into(),
                hidden_from,
            };
            backend.append(game.id.channel(channel), NewEvent::new(body)).await
        };
        Box::pin(posted.into_actor(self).map(move |result, actor, _| {
            let status = match result {
                Ok(_) => Status::Ok,
                Err(ChannelError::Store(error)) => {
                    error!(%error, "message could not be stored");
                    Status::InternalServerError
                }
                Err(_) => Status::BadRequest,
            };
            actor.answer(&pending, status, None);
        }))
    }

    fn send_direct(&self, chat: DirectChat, pending: Pending) -> ResponseActFuture<Self, ()> {
        let Phase::Online(session) = &self.phase else { return Box::pin(fut::ready(())) };
        let (backend, to) = (self.backend.clone(), session.game.id.player(chat.to));
        let blocked = session.listener.blocks(chat.to);
        let note = Note::DirectChat {
            from: chat.from,
            message: chat.message.into(),
            extra_data: chat.extra_data.into(),
            at: self.backend.now(),
        };
        let sent = async move { if blocked { Ok(false) } else { backend.send_direct(&to, chat.from, note).await } };
        Box::pin(sent.into_actor(self).map(move |result, actor, _| {
            let status = match result {
                Ok(true) => Status::Ok,
                Ok(false) => Status::Conflict,
                Err(error) => {
                    error!(%error, "direct message could not be sent");
                    Status::InternalServerError
                }
            };
            actor.answer(&pending, status, None);
        }))
    }

    /// Ends the connection; `reason` closes the socket, `None` means it is gone already.
    pub(super) fn end(&mut self, reason: Option<Close>, ctx: &mut Context<Self>) {
        match reason {
            Some(reason) => self.outbox.close(reason),
            None => self.outbox.abandon(),
        }
        if let Some((player, login, detached)) = self.leave_online() {
            self.log_out(player, login, detached.seen);
        }
        self.finish(ctx);
    }

    /// Takes the connection out of the fan-out if it was logged in.
    fn leave_online(&mut self) -> Option<(PlayerKey, LoginId, Detached)> {
        if !matches!(self.phase, Phase::Online(_)) {
            return None;
        }
        let Phase::Online(session) = std::mem::replace(&mut self.phase, Phase::Ended) else { return None };
        let mut detached = self.listeners.remove(self.id);
        detached.add_unheard(session.unheard);
        self.backend.begin_leaving(&session.login, &detached.seen);
        for key in &detached.emptied {
            self.backend.recount(key, self.worker);
        }
        Some((session.player, session.login, detached))
    }

    /// Another login lives: it owns the player now and does the leaving.
    pub(super) fn give_way(&mut self, ctx: &mut Context<Self>) -> Vec<(ChannelKey, Position)> {
        self.outbox.close(Close::SecondLogin);
        let left = self.leave_online();
        self.finish(ctx);
        left.map(|(_, login, detached)| {
            self.backend.strike_off_later(login);
            detached.seen
        })
        .unwrap_or_default()
    }

    pub(super) fn log_out(&self, player: PlayerKey, login: LoginId, seen: Vec<(ChannelKey, Position)>) {
        let backend = self.backend.clone();
        drop(self.backend.spawn(async move { backend.log_out(&player, &login, &seen).await }));
    }

    /// Stops the actor, unless a login is still under way.
    pub(super) fn finish(&mut self, ctx: &mut Context<Self>) {
        if let Phase::LoggingIn(logging_in) = &mut self.phase {
            logging_in.ended = true;
            return;
        }
        self.phase = Phase::Ended;
        self.backend.remove_connection(self.id);
        ctx.stop();
    }

    /// Ends the session if its player is suspended, or when that comes.
    pub(super) fn watch_suspension(&mut self, ctx: &mut Context<Self>) {
        let now = self.backend.now();
        let Phase::Online(session) = &mut self.phase else { return };
        if let Some(timer) = session.suspension_timer.take() {
            ctx.cancel_future(timer);
        }
        match &session.suspension {
            Some(suspension) if suspension.covers(now) => self.end(Some(Close::Suspended), ctx),
            Some(suspension) if now < suspension.from => {
                let timer = ctx.run_later(suspension.from.since(now), Self::watch_suspension);
                session.suspension_timer = Some(timer);
            }
            _ => {}
        }
    }

    /// Ends the connection if it has been silent for too long, or when that comes.
    pub(super) fn watch_silence(&mut self, ctx: &mut Context<Self>) {
        let logged_in = matches!(self.phase, Phase::Online(_));
        match self.conduct.on_silence(logged_in, &self.backend.settings().connection, self.uptime()) {
            Silence::Close(reason) => self.end(Some(reason), ctx),
            Silence::Fine(left) => self.silence_timer = ctx.run_later(left, Self::watch_silence),
        }
    }
}

impl Actor for PlayerConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.backend.add_connection(self.id, ctx.address());
        self.watch_silence(ctx);
    }
}

impl Handler<Incoming> for PlayerConnection {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, Incoming(text): Incoming, ctx: &mut Self::Context) -> Self::Result {
        if matches!(self.phase, Phase::Ended | Phase::LoggingIn(_)) {
            return Box::pin(fut::ready(()));
        }
        let request = packet::parse(&text);
        let pending = match &request {
            Ok(request) => Pending { kind: request.kind.clone(), correlation_id: request.correlation_id.clone() },
            Err(_) => Pending { kind: Kind::Unknown(String::new()), correlation_id: None },
        };
        let (identity, now, limits) = (self.identity(), self.uptime(), &self.backend.settings().connection);
        let verdict = self.conduct.on_request(request, identity, limits, now);
        let hasty = self.conduct.is_hasty(limits, now);
        let obeyed = self.obey(verdict, pending, ctx);
        if hasty { Box::pin(obeyed.then(|(), actor, _| sleep(HASTY_PAUSE).into_actor(actor))) } else { obeyed }
    }
}

impl Handler<Lost> for PlayerConnection {
    type Result = ();

    fn handle(&mut self, Lost(reason): Lost, ctx: &mut Self::Context) {
        debug!(connection.id = self.id.0, ?reason, "socket ended");
        self.end(reason, ctx);
    }
}

impl Handler<ShutDown> for PlayerConnection {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, ShutDown(reason): ShutDown, ctx: &mut Self::Context) -> Self::Result {
        self.outbox.close(reason);
        let left = self.leave_online();
        self.finish(ctx);
        let backend = self.backend.clone();
        Box::pin(async move {
            if let Some((player, login, detached)) = left {
                backend.log_out(&player, &login, &detached.seen).await;
            }
        })
    }
}

impl Handler<Kick> for PlayerConnection {
    type Result = ResponseFuture<Vec<(ChannelKey, Position)>>;

    fn handle(&mut self, Kick(login): Kick, ctx: &mut Self::Context) -> Self::Result {
        if self.login() != Some(&login) {
            return Box::pin(async { Vec::new() });
        }
        if let Phase::LoggingIn(logging_in) = &self.phase {
            let through = logging_in.through.clone();
            self.outbox.close(Close::SecondLogin);
            self.finish(ctx);
            return Box::pin(through.map(Result::unwrap_or_default));
        }
        let seen = self.give_way(ctx);
        Box::pin(async { seen })
    }
}

impl PlayerConnection {
    fn login(&self) -> Option<&LoginId> {
        match &self.phase {
            Phase::Online(session) => Some(&session.login),
            Phase::LoggingIn(logging_in) => Some(&logging_in.login),
            Phase::Fresh | Phase::Ended => None,
        }
    }
}

/// After a panic: the socket is closed, and the keeper ends the login.
impl Drop for PlayerConnection {
    fn drop(&mut self) {
        if matches!(self.phase, Phase::Ended) {
            return;
        }
        self.outbox.close(Close::ServerError);
        self.backend.remove_connection(self.id);
        if let Phase::LoggingIn(LoggingIn { player, login, .. }) = &self.phase {
            // If its story goes on, it finds itself struck off in the end.
            self.backend.strike_off(login);
            let (player, login) = (player.clone(), login.clone());
            self.backend.report(Crashed::Connection { player, login, seen: Vec::new() });
        } else if let Some((player, login, detached)) = self.leave_online() {
            self.backend.report(Crashed::Connection { player, login, seen: detached.seen });
        }
    }
}
