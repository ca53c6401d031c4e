//! How a `PlayerConnection` logs in.

use std::sync::Arc;

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::Shared;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tracing::error;

use super::actor::{Pending, Phase, PlayerConnection, Session};
use super::messages::Note;
use super::unheard::Unheard;
use crate::backend::{Game, LogIn, LogInError, LoggedIn, Mode};
use crate::channel::Hearing;
use crate::close::Close;
use crate::event::Position;
use crate::fanout::Listener;
use crate::ids::{ChannelKey, LoginId, PlayerKey};
use crate::login_key;
use crate::metrics::{LoginKind, LoginOutcome, meters};
use crate::packet::{Credentials, Kind, Status};
use crate::ports::Login;

/// A login under way. It is always awaited: when the connection ends meanwhile, it is ended once it is through.
pub(super) struct LoggingIn {
    pub(super) player: PlayerKey,
    pub(super) login: LoginId,
    pub(super) ended: bool,
    /// Whether its claim may have been taken away since.
    pub(super) reclaim: bool,
    /// News that came too early.
    pub(super) notes: Vec<Note>,
    /// Told, when the login is through, what a newer login that waits for it needs: the places where each channel was
    /// to be heard from.
    is_through: oneshot::Sender<Vec<(ChannelKey, Position)>>,
    pub(super) through: Shared<oneshot::Receiver<Vec<(ChannelKey, Position)>>>,
}

/// What a login under way needs when it is through.
struct Attempt {
    game: Arc<Game>,
    player: PlayerKey,
    login: LoginId,
    credentials: Credentials,
    pending: Pending,
}

impl PlayerConnection {
    pub(super) fn log_in(
        &mut self,
        credentials: Credentials,
        reconnect: bool,
        pending: Pending,
        ctx: &mut Context<Self>,
    ) -> ResponseActFuture<Self, ()> {
        let Some(game) = self.admit(&credentials) else {
            pending.count_login(LoginOutcome::Unauthorized);
            self.refuse(&pending, Status::Unauthorized, Close::Unauthorized, ctx);
            return Box::pin(fut::ready(()));
        };
        let login =
            Login { id: self.backend.new_login_id(), node: self.backend.node().clone(), at: self.backend.now() };
        let player = game.id.player(credentials.player_id);
        self.phase = Phase::LoggingIn(LoggingIn::new(player.clone(), login.id.clone()));
        self.backend.enlist(&login.id, self.id);
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

    fn on_logged_in(&mut self, result: Result<LoggedIn, LogInError>, attempt: Attempt, ctx: &mut Context<Self>) {
        let Phase::LoggingIn(logging_in) = std::mem::replace(&mut self.phase, Phase::Fresh) else {
            unreachable!("a login under way is always awaited")
        };
        let LoggingIn { ended, notes, reclaim, is_through, .. } = logging_in;
        attempt.pending.count_login(match &result {
            Ok(_) if ended => LoginOutcome::Abandoned,
            Ok(_) => LoginOutcome::Ok,
            Err(LogInError::Suspended) => LoginOutcome::Suspended,
            Err(_) => LoginOutcome::Failed,
        });
        match result {
            Ok(logged_in) if !ended => {
                self.welcome(logged_in, attempt, ctx);
                // From now on silence has another limit. Left alone, the timers of a storm of logins would all go off.
                ctx.cancel_future(self.silence_timer);
                self.watch_silence(ctx);
                self.watch_suspension(ctx);
                notes.into_iter().for_each(|note| self.on_note(note, ctx));
                if reclaim {
                    let reclaimed = self.reclaim();
                    ctx.spawn(reclaimed);
                }
                return;
            }
            Ok(logged_in) => {
                let game = attempt.player.game.clone();
                let heard = |(channel, hearing): (_, Hearing)| Some((game.channel(channel), hearing.start.place()?));
                let seen: Vec<_> = logged_in.attach.into_iter().filter_map(heard).collect();
                let _ = is_through.send(seen.clone());
                self.log_out(attempt.player, attempt.login, seen);
                return self.finish(ctx);
            }
            Err(LogInError::Replaced(seen)) => {
                // For the newer login, which may have asked already, and otherwise will.
                self.backend.begin_leaving(&attempt.login, &seen);
                self.backend.strike_off_later(attempt.login);
                let _ = is_through.send(seen);
                return self.end(Some(Close::SecondLogin), ctx);
            }
            Err(LogInError::Suspended) => self.refuse(&attempt.pending, Status::Forbidden, Close::Forbidden, ctx),
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

    fn welcome(&mut self, logged_in: LoggedIn, attempt: Attempt, ctx: &mut Context<Self>) {
        let Attempt { game, player, login, credentials, pending } = attempt;
        let with_place = credentials.wants_sequence();
        // The answer goes out before anything that is replayed.
        self.answer(&pending, Status::Ok, Some(welcome_body(&pending.kind, &login, &logged_in, with_place)));
        let (id, lang, outbox) = (self.id, &credentials.lang_code, self.outbox.clone());
        let listener = Listener::new(id, player.player, lang, with_place, outbox, logged_in.blocks);
        self.listeners.add(listener.clone());
        let attach = logged_in.attach.into_iter().map(|(channel, from)| (player.game.channel(channel), from));
        let attach: Vec<_> = attach.collect();
        self.phase = Phase::Online(Session {
            game,
            player,
            login,
            listener,
            unheard: Unheard::default(),
            suspension: logged_in.suspension,
            suspension_timer: None,
        });
        attach.into_iter().for_each(|(key, from)| self.attach(key, from, ctx));
    }
}

impl Pending {
    fn count_login(&self, outcome: LoginOutcome) {
        let kind = if self.kind == Kind::Reconnect { LoginKind::Reconnect } else { LoginKind::Connect };
        meters().logins.of((kind, outcome)).increment(1);
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

impl LoggingIn {
    fn new(player: PlayerKey, login: LoginId) -> Self {
        let (sender, receiver) = oneshot::channel();
        let (notes, through) = (Vec::new(), receiver.shared());
        Self { player, login, ended: false, reclaim: false, notes, is_through: sender, through }
    }
}
