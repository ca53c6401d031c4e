//! What a connection does with news for its player.

use actix::prelude::*;

use super::actor::{Phase, PlayerConnection};
use super::messages::Note;
use crate::channel::Hearing;
use crate::close::Close;
use crate::fanout::Start;
use crate::packet;

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
    pub(super) fn on_note(&mut self, note: Note, ctx: &mut Context<Self>) {
        let Phase::Online(session) = &mut self.phase else { return };
        let (index, me) = (session.game.index, session.player.player);
        match note {
            Note::Joined { channel, entered } => {
                let (key, start) = (session.player.game.channel(channel), Start::After(entered.before()));
                self.attach(key, Hearing { entered, start }, ctx);
            }
            Note::Blocked { player, blocked } => session.listener.set_blocked(player, blocked),
            Note::DirectChat { from, .. } if session.listener.blocks(from) => {}
            Note::DirectChat { from, message, extra_data, at } => {
                self.outbox.send_text(&packet::direct_chat(index, from, me, &message, &extra_data, at));
            }
            Note::Notice { message, at } => self.outbox.send_text(&packet::notice(index, me, &message, at)),
            Note::Custom { payload, at } => self.outbox.send_text(&packet::user_custom(index, me, &payload, at)),
            Note::Suspension(suspension) => {
                session.suspension = suspension;
                self.watch_suspension(ctx);
            }
            Note::Disconnected => self.end(Some(Close::Normal), ctx),
        }
    }
}
