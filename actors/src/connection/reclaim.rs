//! How a `PlayerConnection` goes on after its node had lost its lease.

use actix::prelude::*;

use super::actor::{Phase, PlayerConnection};
use super::messages::Reclaim;
use crate::backend::{Membership, Reclaimed};
use crate::channel::Hearing;
use crate::close::Close;
use crate::fanout::Start;
use crate::ids::LoginId;

impl Handler<Reclaim> for PlayerConnection {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Reclaim, _: &mut Self::Context) -> Self::Result {
        self.reclaim()
    }
}

impl PlayerConnection {
    pub(super) fn reclaim(&mut self) -> ResponseActFuture<Self, ()> {
        let session = match &mut self.phase {
            Phase::Online(session) => session,
            Phase::LoggingIn(logging_in) => {
                // Its claim may have been among those that were taken away.
                logging_in.reclaim = true;
                return Box::pin(fut::ready(()));
            }
            Phase::Fresh | Phase::Ended => return Box::pin(fut::ready(())),
        };
        let (backend, player, login) = (self.backend.clone(), session.player.clone(), session.login.clone());
        let story = {
            let login = login.clone();
            self.backend.spawn(async move { backend.reclaim(&player, &login).await })
        };
        Box::pin(story.into_actor(self).map(move |reclaimed, actor, ctx| actor.on_reclaimed(reclaimed, &login, ctx)))
    }

    fn on_reclaimed(&mut self, reclaimed: Reclaimed, login: &LoginId, ctx: &mut Context<Self>) {
        let Phase::Online(session) = &mut self.phase else { return };
        debug_assert_eq!(session.login, *login, "a connection logs in once");
        match reclaimed {
            Reclaimed::Here { blocks, suspension, memberships } => {
                session.listener.set_all_blocked(blocks);
                session.suspension = suspension;
                memberships.into_iter().for_each(|membership| self.go_on_hearing(membership, ctx));
                self.watch_suspension(ctx);
            }
            Reclaimed::Suspended => self.end(Some(Close::Suspended), ctx),
            Reclaimed::Elsewhere => drop(self.give_way(ctx)),
        }
    }

    /// A restored membership goes on where the socket is: nothing missed, nothing twice. Any other is heard already,
    /// or begins.
    fn go_on_hearing(&mut self, Membership { channel, entered, restored }: Membership, ctx: &mut Context<Self>) {
        let Phase::Online(session) = &self.phase else { return };
        let key = session.player.game.channel(channel);
        let start = restored.map_or_else(|| Start::After(entered.before()), Start::WhereItLeft);
        self.attach(key, Hearing { entered, start }, ctx);
    }
}
