//! `Channels` on Redis: a hash for the channel, a hash of its members, and a stream that is its log.

mod follow;
mod forms;
mod history;
mod index;

use async_trait::async_trait;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::{EventBody, Position};
use guildhall_actors::ids::{ChannelKey, GameId, PlayerId};
use guildhall_actors::limits::LogLimits;
use guildhall_actors::ports::{
    Admission, Channel, ChannelError, ChannelKind, ChannelPage, ChannelPatch, ChannelSpec, Channels, Deleted, Entered,
    Exited, History, LogSlice, Member, NewEvent, StoreError, Subscriber,
};
use redis::Value;

pub(super) use self::follow::Follower;
use self::forms::{fresh_epoch, malformed};
use super::Redis;
use super::keys::Tag;
use super::link::failed;
use super::script::{Call, Script};

/// A script that appends: it knows the server's incarnation and the channel's log.
macro_rules! appending {
    ($file:literal) => {
        Script::new(concat!(
            include_str!("scripts/incarnation.lua"),
            include_str!("scripts/channel/log.lua"),
            include_str!($file)
        ))
    };
}

static CREATE: Script =
    Script::new(concat!(include_str!("scripts/incarnation.lua"), include_str!("scripts/channel/create.lua")));
static GET: Script = Script::new(include_str!("scripts/channel/get.lua"));
static UPDATE: Script = Script::new(include_str!("scripts/channel/update.lua"));
static DELETE: Script = Script::new(include_str!("scripts/channel/delete.lua"));
static READ: Script = Script::new(include_str!("scripts/channel/read.lua"));
static ENTER: Script = appending!("scripts/channel/enter.lua");
static EXIT: Script = appending!("scripts/channel/exit.lua");
static APPEND: Script = appending!("scripts/channel/append.lua");

/// Attempts at a change that others overtake.
const ATTEMPTS: usize = 16;

/// The keys of a channel.
pub(super) struct Keys {
    pub(super) channel: String,
    members: String,
    log: String,
    bell: String,
}

impl Keys {
    pub(super) fn of(key: &ChannelKey) -> Self {
        let tag = Tag::channel(key);
        let bell = tag.bell().to_owned();
        Self { channel: tag.key("channel"), members: tag.key("members"), log: tag.key("log"), bell }
    }

    fn all(&self) -> [&str; 4] {
        [&self.channel, &self.members, &self.log, &self.bell]
    }
}

impl Redis {
    /// The channel, and the members `of` names: none, one, or `*`.
    async fn found(&self, key: &ChannelKey, of: &str) -> Result<(Channel, Vec<Member>), ChannelError> {
        let keys = Keys::of(key);
        let call = GET.on(&[&keys.channel, &keys.members]).arg(of);
        let found: Value = self.0.link.try_run(call).await.map_err(refusal)?;
        forms::channel(key, &found).ok_or_else(|| malformed(key).into())
    }

    /// What all scripts that append begin with: a fresh epoch, who, when, what; then the newest events kept and the
    /// oldest time kept, of a channel without history and of one with it.
    fn appending<'a>(
        &self,
        script: &'static Script,
        keys: &[&'a str],
        who: &str,
        now: Timestamp,
        body: &EventBody,
    ) -> Result<Call<'a>, StoreError> {
        let call = script.on(keys).arg(fresh_epoch().to_string()).arg(who).arg(now.0).arg(forms::text(body)?);
        let LogLimits { events, age, history_events, history_age } = &self.0.log_limits;
        Ok(call.arg(events).arg((now - *age).0).arg(history_events).arg((now - *history_age).0))
    }
}

/// What a script refuses, in the words of the port.
fn refusal(error: redis::RedisError) -> ChannelError {
    match error.code() {
        Some("NOTFOUND") => ChannelError::NotFound,
        Some("DUPLICATE") => ChannelError::Duplicate,
        Some("FULL") => ChannelError::Full,
        Some("WRONGPASSWORD") => ChannelError::WrongPassword,
        Some("ALREADYMEMBER") => ChannelError::AlreadyMember,
        Some("NOTMEMBER") => ChannelError::NotMember,
        _ => ChannelError::Store(failed(error)),
    }
}

#[async_trait]
impl Channels for Redis {
    async fn create(
        &self,
        key: &ChannelKey,
        spec: ChannelSpec,
        members: &[PlayerId],
        now: Timestamp,
    ) -> Result<Channel, ChannelError> {
        let (keys, epoch) = (Keys::of(key), fresh_epoch());
        let fields = forms::fields(&spec)?;
        let mut call = CREATE.on(&[&keys.channel, &keys.members, &keys.log]);
        call = call.arg(epoch.to_string()).arg(now.0).arg(fields.len()).arg(fields);
        for player in members {
            call = call.arg(player.to_string()).arg(forms::text(&EventBody::Entered { player: *player })?);
        }
        self.enlist(key, spec.kind, &spec.owner, epoch).await?;
        let sequence: u64 = self.0.link.try_run(call).await.map_err(refusal)?;
        let member_count = u32::try_from(members.len()).unwrap_or(u32::MAX);
        Ok(Channel { id: key.channel.clone(), spec, created_at: now, member_count, head: Position { epoch, sequence } })
    }

    async fn get(&self, key: &ChannelKey) -> Result<Channel, ChannelError> {
        Ok(self.found(key, "").await?.0)
    }

    async fn update(&self, key: &ChannelKey, patch: ChannelPatch) -> Result<Channel, ChannelError> {
        let keys = Keys::of(key);
        for _ in 0..ATTEMPTS {
            let mut channel = self.get(key).await?;
            let before = forms::spec_text(&channel.spec)?;
            channel.spec = channel.spec.patched(patch.clone());
            let call = UPDATE.on(&[&keys.channel]).arg(before).arg(forms::fields(&channel.spec)?);
            if self.0.link.try_run(call).await.map_err(refusal)? {
                return Ok(channel);
            }
        }
        Err(StoreError("redis: the channel changes all the time".into()).into())
    }

    async fn delete(&self, key: &ChannelKey, now: Timestamp) -> Result<Deleted, ChannelError> {
        self.delete_when(key, None, now).await.map_err(refusal)
    }

    async fn delete_if_vacant(&self, key: &ChannelKey, before: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        match self.delete_when(key, Some(before), now).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.code(), Some("NOTFOUND" | "NOTVACANT")) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    async fn list(
        &self,
        game: &GameId,
        kind: Option<ChannelKind>,
        page: u64,
        size: u64,
    ) -> Result<ChannelPage, StoreError> {
        self.list_index(game, kind, page, size).await
    }

    async fn vacant(&self, before: Timestamp, limit: usize) -> Result<Vec<ChannelKey>, StoreError> {
        self.find_vacant(before, limit).await
    }

    async fn enter(
        &self,
        key: &ChannelKey,
        player: PlayerId,
        admission: Admission,
        now: Timestamp,
    ) -> Result<Entered, ChannelError> {
        let keys = Keys::of(key);
        for _ in 0..ATTEMPTS {
            let mut call =
                self.appending(&ENTER, &keys.all(), &player.to_string(), now, &EventBody::Entered { player })?;
            call = match &admission {
                Admission::Password(None) => call.arg("open"),
                // Compared here, in constant time, and void if the password changes meanwhile.
                Admission::Password(Some(_)) => {
                    let spec = self.get(key).await?.spec;
                    call.arg("judged").arg(spec.password_revision).arg(u8::from(spec.admits(&admission)))
                }
                Admission::Restore { epoch, password_revision } => {
                    call.arg("restore").arg(epoch.to_string()).arg(password_revision)
                }
            };
            match self.0.link.try_run(call).await {
                Err(error) if error.code() == Some("REVISION") => {}
                Err(error) => return Err(refusal(error)),
                Ok((place, password_revision)) => {
                    let position = forms::place::<String>(place).ok_or_else(|| malformed(key))?;
                    return Ok(Entered { position, password_revision });
                }
            }
        }
        Err(StoreError("redis: the password changes all the time".into()).into())
    }

    async fn exit(
        &self,
        key: &ChannelKey,
        player: PlayerId,
        entered: Option<Position>,
        now: Timestamp,
    ) -> Result<Exited, ChannelError> {
        let keys = Keys::of(key);
        let call = self.appending(&EXIT, &keys.all(), &player.to_string(), now, &EventBody::Exited { player })?;
        let call = call.arg(entered.map_or_else(String::new, Position::message_id));
        let (position, entered): (String, String) = self.0.link.try_run(call).await.map_err(refusal)?;
        match (forms::place(position), forms::place(entered)) {
            (Some(position), Some(entered)) => Ok(Exited { position, entered }),
            _ => Err(malformed(key).into()),
        }
    }

    async fn members(&self, key: &ChannelKey) -> Result<Vec<Member>, ChannelError> {
        Ok(self.found(key, "*").await?.1)
    }

    async fn member(&self, key: &ChannelKey, player: PlayerId) -> Result<Option<Member>, ChannelError> {
        Ok(self.found(key, &player.to_string()).await?.1.pop())
    }

    async fn append(&self, key: &ChannelKey, event: NewEvent, now: Timestamp) -> Result<Position, ChannelError> {
        let keys = Keys::of(key);
        let publication = event.idempotency_key.map(|name| Tag::channel(key).key(format_args!("publication:{name}")));
        let mut all = keys.all().to_vec();
        all.extend(publication.as_deref());
        let author = event.body.author().map(|author| author.to_string()).unwrap_or_default();
        let mut call = self.appending(&APPEND, &all, &author, now, &event.body)?;
        if publication.is_some() {
            let keep = self.0.idempotency;
            call = call.arg((now - keep).0).arg(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX).max(1));
        }
        let place: String = self.0.link.try_run(call).await.map_err(refusal)?;
        Ok(forms::place(place).ok_or_else(|| malformed(key))?)
    }

    async fn read(&self, key: &ChannelKey, after: Position, limit: usize) -> Result<LogSlice, ChannelError> {
        let keys = Keys::of(key);
        let call = READ.on(&[&keys.channel, &keys.log]);
        let call = call.arg(after.epoch.to_string()).arg(after.sequence).arg(limit);
        let read = self.0.link.try_run(call).await.map_err(refusal)?;
        Ok(forms::slice(read).ok_or_else(|| malformed(key))?)
    }

    async fn history(
        &self,
        key: &ChannelKey,
        anchor: Option<Position>,
        prev: usize,
        next: usize,
        now: Timestamp,
    ) -> Result<History, ChannelError> {
        self.read_history(key, anchor, prev, next, now - self.0.log_limits.history_age).await
    }

    async fn subscribe(&self, key: &ChannelKey, subscriber: Subscriber) -> Result<Position, ChannelError> {
        self.0.follower.follow(key, subscriber).await
    }

    async fn unsubscribe(&self, key: &ChannelKey) {
        self.0.follower.let_go(key);
    }
}

impl Redis {
    async fn delete_when(
        &self,
        key: &ChannelKey,
        vacant_before: Option<Timestamp>,
        now: Timestamp,
    ) -> redis::RedisResult<Deleted> {
        let keys = Keys::of(key);
        let body = serde_json::to_string(&EventBody::Deleted).expect("a word");
        let before = vacant_before.map(|before| before.0.to_string()).unwrap_or_default();
        let call = DELETE.on(&keys.all()).arg(now.0).arg(body).arg(before);
        let (place, members, born): (String, Value, String) = self.0.link.try_run(call).await?;
        // What is left in the index by a crash here is taken out by the next walk over it.
        if let Err(error) = self.strike_off(key, &born).await {
            tracing::warn!(channel = %key.channel, %error, "channel stays in the index for now");
        }
        let position = forms::place(place).ok_or((redis::ErrorKind::UnexpectedReturnType, "no place"))?;
        let members = forms::members(&members).ok_or((redis::ErrorKind::UnexpectedReturnType, "no members"))?;
        Ok(Deleted { position, members })
    }
}
