//! `Players` on Redis: one hash per player, and one set of logins per node.
//!
//! A step reads the player, applies a rule of `PlayerState`, and writes what differs if nobody was faster: two round
//! trips. The steps of every login and logout are scripts of one round trip.

mod fields;
mod logins;
mod turns;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::Position;
use guildhall_actors::ids::{ChannelId, LoginId, NodeId, PlayerId, PlayerKey, SessionId};
use guildhall_actors::ports::{
    Claimed, Decider, Joined, Login, Play, PlayerError, PlayerState, Players, ProfilePatch, ProfileUpdate, Resume,
    Slot, StoreError, Suspension,
};
use redis::cmd;

use self::fields::{Changes, Fields, LOGIN_ID, VERSION, read, sorting, write};
use self::logins::entry;
pub(super) use self::logins::logins_key;
pub(super) use self::turns::Turns;
use super::Redis;
use super::keys::Tag;
use super::script::{Call, Script};
use super::source::Source;

static CLAIM: Script = Script::new(include_str!("scripts/player/claim.lua"));
static RELEASE: Script = Script::new(include_str!("scripts/player/release.lua"));
static CHANGE: Script = Script::new(include_str!("scripts/player/change.lua"));

/// For the attempts at one step while others are faster. Each attempt that fails is another's success.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of an attempt.
enum Decision<T> {
    Done(T),
    Overtaken,
}

fn player_key(player: &PlayerKey) -> String {
    Tag::player(player).key("state")
}

/// A text that is never made twice.
fn unique() -> String {
    format!("{:016x}", rand::random::<u64>())
}

impl Redis {
    async fn fields(&self, key: &str) -> Result<Fields, StoreError> {
        self.0.link.call(cmd("HGETALL").arg(key)).await
    }

    /// Applies one step to a player. The step is decided anew when another was faster.
    async fn change<T, E: From<StoreError>>(
        &self,
        player: &PlayerKey,
        step: impl Fn(&mut PlayerState) -> Result<T, E>,
    ) -> Result<T, E> {
        let key = player_key(player);
        let mut fields = self.fields(&key).await?;
        if let Decision::Done(result) = self.attempt(&key, &mut fields, &step).await? {
            return Ok(result);
        }
        let repeat = async {
            // One after the other, so that no more than one step of each node is in another's way.
            let _turn = self.0.turns.of(&key).lock().await;
            fields = self.fields(&key).await?;
            loop {
                if let Decision::Done(result) = self.attempt(&key, &mut fields, &step).await? {
                    return Ok(result);
                }
            }
        };
        let in_vain = |_| Err(StoreError("player is changed by others all the time".into()).into());
        tokio::time::timeout(PATIENCE, repeat).await.unwrap_or_else(in_vain)
    }

    /// Decides on a step and makes it last, or leaves the fields as they are by now.
    async fn attempt<T, E: From<StoreError>>(
        &self,
        key: &str,
        fields: &mut Fields,
        step: impl Fn(&mut PlayerState) -> Result<T, E>,
    ) -> Result<Decision<T>, E> {
        let before = fields::state(fields)?;
        let mut state = before.clone();
        let result = step(&mut state)?;
        if state == before {
            return Ok(Decision::Done(result));
        }
        let version = fields.get(VERSION).map_or("", String::as_str);
        let changes = Changes::between(&before, &state)?;
        match self.0.link.run(guarded(key, VERSION, version, changes)).await? {
            None => Ok(Decision::Done(result)),
            Some(present) => {
                *fields = present;
                Ok(Decision::Overtaken)
            }
        }
    }

    /// Puts the login into the list of its node, claims, and takes out whatever does not live after that.
    async fn list_and_claim(
        &self,
        how: &str,
        player: &PlayerKey,
        login: &Login,
    ) -> Result<Option<Claimed>, PlayerError> {
        let entry = entry(player)?;
        let (list, claim) = (self.list_login(&login.node, &entry), self.run_claim(how, player, login, &entry));
        let claimed = if matches!(self.0.link.source, Source::Cluster { .. }) {
            list.await?;
            claim.await
        } else {
            // One server carries out what comes on one connection in its order: no need to wait in between.
            let (listed, claimed) = join(list, claim).await;
            listed?;
            claimed
        };
        // An answer that was lost says nothing: the login may live.
        if matches!(claimed, Ok(None) | Err(PlayerError::Suspended)) {
            self.unlist_login(login.node.clone(), entry);
        }
        claimed
    }

    /// `None` when another login lives.
    async fn run_claim(
        &self,
        how: &str,
        player: &PlayerKey,
        login: &Login,
        entry: &str,
    ) -> Result<Option<Claimed>, PlayerError> {
        let key = player_key(player);
        let (at, text, since) = (sorting(login.at), write(login)?, write(&login.at)?);
        let arguments = [how, login.id.as_str(), &at, &text, entry, &since, &unique()];
        let found: Vec<Option<String>> = self.0.link.run(CLAIM.on(&[&key]).arg(&arguments)).await?;
        let found: Vec<_> = found.iter().map(Option::as_deref).collect();
        match *found {
            [Some("claimed"), previous, listed, joined, blocks, resume, suspension] => {
                let previous: Option<Login> = read(previous)?;
                if let (Some(previous), Some(listed)) = (&previous, listed) {
                    self.unlist_login(previous.node.clone(), listed.to_owned());
                }
                let (joined, blocks, resume) = (read(joined)?, read(blocks)?, read(resume)?);
                Ok(Some(Claimed { previous, joined, blocks, resume, suspension: read(suspension)? }))
            }
            [Some("replaced")] => Ok(None),
            [Some("suspended")] => Err(PlayerError::Suspended),
            _ => Err(StoreError("a claim was answered with something else".into()).into()),
        }
    }
}

/// Carried out while `field` has the value `expected`.
fn guarded<'a>(key: &'a str, field: &str, expected: &str, changes: Changes) -> Call<'a> {
    let call = CHANGE.on(&[key]).arg(field).arg(expected).arg(unique()).arg(changes.set.len());
    call.arg(changes.set).arg(changes.cleared)
}

#[async_trait]
impl Players for Redis {
    async fn register(&self, player: &PlayerKey, now: Timestamp) -> Result<(), StoreError> {
        let register = |state: &mut PlayerState| {
            state.register(now);
            Ok(())
        };
        self.change(player, register).await
    }

    async fn claim(&self, player: &PlayerKey, login: &Login) -> Result<Claimed, PlayerError> {
        let claimed = self.list_and_claim("claim", player, login).await?;
        claimed.ok_or_else(|| StoreError("a claim gave way to another login".into()).into())
    }

    async fn reclaim(&self, player: &PlayerKey, login: &Login) -> Result<Option<Claimed>, PlayerError> {
        self.list_and_claim("reclaim", player, login).await
    }

    async fn release(&self, player: &PlayerKey, login: &LoginId) -> Result<bool, StoreError> {
        let key = player_key(player);
        let arguments = [login.as_str(), &unique()];
        let released: Option<(String, String)> = self.0.link.run(RELEASE.on(&[&key]).arg(&arguments)).await?;
        let Some((login, listed)) = released else { return Ok(false) };
        let login: Option<Login> = read(Some(&login))?;
        if let Some(login) = login {
            self.unlist_login(login.node, listed);
        }
        Ok(true)
    }

    async fn save_resume(
        &self,
        player: &PlayerKey,
        login: &LoginId,
        resume: Option<&Resume>,
    ) -> Result<bool, StoreError> {
        let key = player_key(player);
        let changes = Changes::of("resume", resume)?;
        let other: Option<Fields> = self.0.link.run(guarded(&key, LOGIN_ID, login.as_str(), changes)).await?;
        Ok(other.is_none())
    }

    async fn look_up(&self, player: &PlayerKey) -> Result<PlayerState, StoreError> {
        fields::state(&self.fields(&player_key(player)).await?)
    }

    async fn reserve(
        &self,
        player: &PlayerKey,
        channel: &ChannelId,
        slot: Slot,
        cap: usize,
        now: Timestamp,
    ) -> Result<Option<Login>, PlayerError> {
        self.change(player, |state| state.reserve(channel, slot, cap, now)).await
    }

    async fn confirm(&self, player: &PlayerKey, joined: &Joined) -> Result<Option<Login>, StoreError> {
        self.change(player, |state| Ok(state.confirm(joined))).await
    }

    async fn forget(
        &self,
        player: &PlayerKey,
        channel: &ChannelId,
        entered: Option<Position>,
    ) -> Result<(), StoreError> {
        let forget = |state: &mut PlayerState| {
            state.forget(channel, entered);
            Ok(())
        };
        self.change(player, forget).await
    }

    async fn forget_lost(&self, player: &PlayerKey, channel: &ChannelId) -> Result<bool, StoreError> {
        self.change(player, |state| Ok(state.forget_lost(channel))).await
    }

    async fn block(
        &self,
        player: &PlayerKey,
        target: PlayerId,
        cap: usize,
        now: Timestamp,
    ) -> Result<Option<Login>, PlayerError> {
        self.change(player, |state| state.block(target, cap, now)).await
    }

    async fn unblock(&self, player: &PlayerKey, target: PlayerId) -> Result<Option<Login>, PlayerError> {
        self.change(player, |state| state.unblock(target)).await
    }

    async fn suspend(
        &self,
        player: &PlayerKey,
        suspension: Option<&Suspension>,
        by: Decider,
    ) -> Result<Option<Login>, StoreError> {
        self.change(player, |state| Ok(state.suspend(suspension, by))).await
    }

    async fn update_profile(
        &self,
        player: &PlayerKey,
        patch: &ProfilePatch,
        create: bool,
        now: Timestamp,
    ) -> Result<ProfileUpdate, StoreError> {
        self.change(player, |state| Ok(state.update_profile(patch, create, now))).await
    }

    async fn begin_play(&self, player: &PlayerKey, play: &Play) -> Result<(), PlayerError> {
        self.change(player, |state| state.begin_play(play)).await
    }

    async fn end_play(&self, player: &PlayerKey, session: SessionId) -> Result<(), StoreError> {
        let end = |state: &mut PlayerState| {
            state.end_play(session);
            Ok(())
        };
        self.change(player, end).await
    }

    async fn logins_on(&self, node: &NodeId, limit: usize) -> Result<Vec<(PlayerKey, Login)>, StoreError> {
        self.live_logins(node, limit).await
    }
}
