//! `PlayerConnection`, the actor beside a socket.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::Shared;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{debug, error};

use super::messages::{Incoming, Kick, Lost, Note, ShutDown};
use super::rules::{Conduct, Identity, Silence, Verdict};
use crate::backend::{Backend, Crashed, Game, LogIn, LoggedIn, Mode};
use crate::clock::Timestamp;
use crate::close::Close;
use crate::event::{EventBody, Position};
use crate::fanout::{Detached, Listener, Listeners, WorkerId};
use crate::ids::{ChannelId, ChannelKey, ConnectionId, LoginId, PlayerKey};
use crate::login_key;
use crate::outbox::Outbox;
use crate::packet::{self, ChannelChat, Credentials, DirectChat, Kind, Status};
use crate::ports::{ChannelError, Login, NewEvent, PlayerError};

/// The name of the extension that adds places to notifications.
const SEQUENCE: &str = "sequence";

/// See the module's text. Ends exactly once: by its socket, by a rule, or by the node.
pub struct PlayerConnection {
    id: ConnectionId,
    worker: WorkerId,
    backend: Backend,
    listeners: Rc<Listeners>,
    outbox: Rc<Outbox>,
    conduct: Conduct,
    /// Silence is measured by a clock that nobody sets.
    opened: Instant,
    phase: Phase,
}

enum Phase {
    Fresh,
    LoggingIn(LoggingIn),
    Online(Session),
    Ended,
}

/// A login under way. It is always awaited: when the connection ends meanwhile, it is ended once it is through.
struct LoggingIn {
    login: LoginId,
    ended: bool,
    /// News that came too early.
    notes: Vec<Note>,
    /// Dropped when the login is through: a newer login waits for it.
    _through: oneshot::Sender<()>,
    through: Shared<oneshot::Receiver<()>>,
}

struct Session {
    game: Arc<Game>,
    player: PlayerKey,
    login: LoginId,
    listener: Rc<Listener>,
    /// Where each channel is heard from, for those that are not heard yet when the socket ends.
    hearing: HashMap<ChannelKey, Position>,
}

/// What a login under way needs when it is through.
struct Attempt {
    game: Arc<Game>,
    player: PlayerKey,
    login: LoginId,
    credentials: Credentials,
    pending: Pending,
}

/// A request that waits for its answer.
struct Pending {
    kind: Kind,
    correlation_id: Option<String>,
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
        Self { id, worker, backend, listeners, outbox, conduct, opened: Instant::now(), phase: Phase::Fresh }
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

    fn answer(&self, pending: &Pending, status: Status, body: Option<Value>) {
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

    fn refuse(&mut self, pending: &Pending, status: Status, reason: Close, ctx: &mut Context<Self>) {
        self.answer(pending, status, None);
        self.end(Some(reason), ctx);
    }

    fn log_in(
        &mut self,
        credentials: Credentials,
        reconnect: bool,
        pending: Pending,
        ctx: &mut Context<Self>,
    ) -> ResponseActFuture<Self, ()> {
        let Some(game) = self.admit(&credentials) else {
            self.refuse(&pending, Status::Unauthorized, Close::Unauthorized, ctx);
            return Box::pin(fut::ready(()));
        };
        let login =
            Login { id: self.backend.new_login_id(), node: self.backend.node().clone(), at: self.backend.now() };
        self.phase = Phase::LoggingIn(LoggingIn::new(login.id.clone()));
        self.backend.enlist(&login.id, ctx.address());
        let player = game.id.player(credentials.player_id);
        let mode = if reconnect { Mode::Reconnect { seen: credentials.seen() } } else { Mode::Connect };
        let attempt = Attempt { game, player: player.clone(), login: login.id.clone(), credentials, pending };
        let (request, backend) = (LogIn { player, login, mode }, self.backend.clone());
        let logged_in = self.backend.spawn(async move { backend.log_in_for_socket(request).await });
        Box::pin(logged_in.into_actor(self).map(move |result, actor, ctx| actor.on_logged_in(result, attempt, ctx)))
    }

    /// The game of a valid login key.
    fn admit(&self, credentials: &Credentials) -> Option<Arc<Game>> {
        let game = self.backend.game_by_index(credentials.game_index)?;
        let leeway = self.backend.settings().connection.login_key_leeway;
        let (key, player) = (&credentials.login_key, credentials.player_id);
        login_key::verify(game.login_key_secret(), key, game.index, player, self.backend.now(), leeway).then_some(game)
    }

    fn on_logged_in(&mut self, result: Result<LoggedIn, PlayerError>, attempt: Attempt, ctx: &mut Context<Self>) {
        let Phase::LoggingIn(LoggingIn { ended, notes, .. }) = std::mem::replace(&mut self.phase, Phase::Fresh) else {
            unreachable!("a login under way is always awaited")
        };
        match result {
            Ok(logged_in) if !ended => {
                self.welcome(logged_in, attempt);
                notes.into_iter().for_each(|note| self.on_note(note, ctx));
                return;
            }
            Ok(logged_in) => {
                let heard = |(channel, after): (_, Option<_>)| Some((attempt.player.game.channel(channel), after?));
                let seen = logged_in.attach.into_iter().filter_map(heard).collect();
                self.log_out(attempt.player, attempt.login, seen);
                return self.finish(ctx);
            }
            Err(PlayerError::Suspended) => self.refuse(&attempt.pending, Status::Forbidden, Close::Forbidden, ctx),
            Err(error) => {
                error!(player.id = %attempt.player.player, %error, "login failed");
                self.answer(&attempt.pending, Status::InternalServerError, None);
                // It may have been claimed before it failed.
                self.log_out(attempt.player, attempt.login.clone(), Vec::new());
            }
        }
        self.backend.strike_off(&attempt.login);
        if ended {
            self.finish(ctx);
        }
    }

    fn welcome(&mut self, logged_in: LoggedIn, attempt: Attempt) {
        let Attempt { game, player, login, credentials, pending } = attempt;
        let with_place = credentials.extensions.iter().any(|name| name == SEQUENCE);
        // The answer goes out before anything that is replayed.
        self.answer(&pending, Status::Ok, Some(welcome_body(&pending.kind, &login, &logged_in, with_place)));
        let (id, lang, outbox) = (self.id, credentials.lang_code, self.outbox.clone());
        let listener = Listener::new(id, player.player, lang, with_place, outbox, logged_in.blocks);
        self.listeners.add(listener.clone());
        let mut hearing = HashMap::new();
        for (channel, after) in logged_in.attach {
            let key = player.game.channel(channel);
            hearing.extend(after.map(|after| (key.clone(), after)));
            self.attach(key, after);
        }
        self.phase = Phase::Online(Session { game, player, login, listener, hearing });
    }

    /// Has the channel's events handed to this connection.
    fn attach(&self, key: ChannelKey, after: Option<Position>) {
        let (backend, worker, connection) = (self.backend.clone(), self.worker, self.id);
        drop(self.backend.spawn(async move { backend.attach(&key, worker, connection, after).await }));
    }

    fn post(&self, chat: ChannelChat, pending: Pending) -> ResponseActFuture<Self, ()> {
        let Phase::Online(session) = &self.phase else { return Box::pin(fut::ready(())) };
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
    fn end(&mut self, reason: Option<Close>, ctx: &mut Context<Self>) {
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
        detached.add_unheard(session.hearing);
        self.backend.begin_leaving(&session.login, &detached.seen);
        for key in &detached.emptied {
            self.backend.recount(key, self.worker);
        }
        Some((session.player, session.login, detached))
    }

    fn log_out(&self, player: PlayerKey, login: LoginId, seen: Vec<(ChannelKey, Position)>) {
        let backend = self.backend.clone();
        drop(self.backend.spawn(async move { backend.log_out(&player, &login, &seen).await }));
    }

    /// Stops the actor, unless a login is still under way.
    fn finish(&mut self, ctx: &mut Context<Self>) {
        if let Phase::LoggingIn(logging_in) = &mut self.phase {
            logging_in.ended = true;
            return;
        }
        self.phase = Phase::Ended;
        self.backend.remove_connection(self.id);
        ctx.stop();
    }

    fn watch_silence(&mut self, ctx: &mut Context<Self>) {
        let logged_in = matches!(self.phase, Phase::Online(_));
        match self.conduct.on_silence(logged_in, &self.backend.settings().connection, self.uptime()) {
            Silence::Close(reason) => self.end(Some(reason), ctx),
            Silence::Fine(left) => {
                // A login meanwhile begins the other limit.
                let soon = left.min(self.backend.settings().connection.idle);
                ctx.run_later(soon, Self::watch_silence);
            }
        }
    }
}

fn welcome_body(kind: &Kind, login: &LoginId, logged_in: &LoggedIn, with_place: bool) -> Value {
    let mut body = json!({ "sessionId": login });
    if *kind == Kind::Reconnect {
        body["channelIds"] = json!(logged_in.channel_ids);
        body["failChannelIds"] = json!(logged_in.fail_channel_ids);
        if with_place {
            body["recovered"] = json!(logged_in.recovered);
        }
    }
    body
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
        self.obey(verdict, pending, ctx)
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
        self.outbox.close(Close::SecondLogin);
        if let Phase::LoggingIn(logging_in) = &self.phase {
            let through = logging_in.through.clone();
            self.finish(ctx);
            return Box::pin(through.map(|_| Vec::new()));
        }
        // The new login owns the player now and does the leaving.
        let seen = self.leave_online().map(|(_, _, detached)| detached.seen).unwrap_or_default();
        self.finish(ctx);
        Box::pin(async { seen })
    }
}

impl Handler<Note> for PlayerConnection {
    type Result = ();

    fn handle(&mut self, note: Note, ctx: &mut Self::Context) {
        match &mut self.phase {
            Phase::LoggingIn(logging_in) => logging_in.notes.push(note),
            Phase::Online(_) => self.on_note(note, ctx),
            Phase::Fresh | Phase::Ended => {}
        }
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

    fn on_note(&mut self, note: Note, ctx: &mut Context<Self>) {
        let Phase::Online(session) = &mut self.phase else { return };
        let (index, me) = (session.game.index, session.player.player);
        match note {
            Note::Joined { channel, after } => {
                let key = session.player.game.channel(channel);
                session.hearing.insert(key.clone(), after);
                self.attach(key, Some(after));
            }
            Note::Blocked { player, blocked } => session.listener.set_blocked(player, blocked),
            Note::DirectChat { from, .. } if session.listener.blocks(from) => {}
            Note::DirectChat { from, message, extra_data, at } => {
                self.outbox.send_text(&packet::direct_chat(index, from, me, &message, &extra_data, at));
            }
            Note::Notice { message, at } => self.outbox.send_text(&packet::notice(index, me, &message, at)),
            Note::Custom { payload, at } => self.outbox.send_text(&packet::user_custom(index, me, &payload, at)),
            Note::Suspended => self.end(Some(Close::Suspended), ctx),
            Note::Disconnected => self.end(Some(Close::Normal), ctx),
        }
    }
}

impl LoggingIn {
    fn new(login: LoginId) -> Self {
        let (sender, receiver) = oneshot::channel();
        Self { login, ended: false, notes: Vec::new(), _through: sender, through: receiver.shared() }
    }
}

/// After a panic: the socket is closed, and the keeper ends the login.
impl Drop for PlayerConnection {
    fn drop(&mut self) {
        if matches!(self.phase, Phase::Ended) {
            return;
        }
        self.outbox.close(Close::ServerError);
        let login = self.login().cloned();
        let left = self.leave_online();
        self.backend.remove_connection(self.id);
        match left {
            Some((player, login, detached)) => {
                self.backend.report(Crashed::Connection { player, login, seen: detached.seen });
            }
            // A login under way finds itself struck off when it is through.
            None => login.iter().for_each(|login| self.backend.strike_off(login)),
        }
    }
}
