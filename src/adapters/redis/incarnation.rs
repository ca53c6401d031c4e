//! The incarnation of a server: one life of it as a master, in which it forgets nothing it has answered.
//!
//! After a restart or a failover the end of a log may be gone, and its sequences would be given out again. So the
//! scripts that append carry the incarnation they were made for in their text: a server in another incarnation does
//! not know their hash, is asked for its own, and the script then begins a new epoch. Otherwise this costs nothing.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use redis::cluster_routing::Slot;
use redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};

use super::link::Link;
use super::script::{Call, Script};
use super::source::Source;

/// Asks a server for its incarnation; the key leads to the server.
static ASK: Script = Script::new(concat!(include_str!("scripts/incarnation.lua"), "return incarnation()\n"));
/// What stands before the text of a script that is tied to an incarnation.
const HEAD: &str = concat!(include_str!("scripts/incarnation.lua"), include_str!("scripts/tied.lua"));
/// Attempts to meet a server twice in one incarnation.
const ATTEMPTS: usize = 5;
/// The last argument, where the text is sent: only a server of this incarnation may carry it out. The hash of the
/// text proves as much.
const TEXT: &str = "text";
const HASH: &str = "hash";
/// Incarnations remembered with the scripts tied to them: those of the masters of a cluster, and a few past ones.
const KEPT: usize = 64;

/// A script that appends.
pub(super) struct TiedScript {
    pub(super) script: Script,
    tied: RwLock<Vec<(Arc<str>, Arc<Tied>)>>,
}

/// A script for one incarnation.
struct Tied {
    text: String,
    hash: String,
}

/// The incarnations last met, by slot; a single server counts as every slot.
#[derive(Default)]
pub(super) struct Incarnations(RwLock<HashMap<Option<Slot>, Arc<str>>>);

impl TiedScript {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { script: Script::new(text), tied: RwLock::new(Vec::new()) }
    }

    fn tied_to(&self, incarnation: &Arc<str>) -> Arc<Tied> {
        if let Some((_, tied)) = self.tied.read().iter().find(|(known, _)| known == incarnation) {
            return tied.clone();
        }
        let text = format!("local INCARNATION = '{incarnation}'\n{HEAD}{}", self.script.text());
        let hash = redis::Script::new(&text).get_hash().to_owned();
        let tied = Arc::new(Tied { text, hash });
        let mut all = self.tied.write();
        all.truncate(KEPT - 1);
        all.insert(0, (incarnation.clone(), tied.clone()));
        tied
    }
}

impl Link {
    /// Runs a script that appends; see the module's text.
    pub(super) async fn try_append<T: FromRedisValue>(&self, script: &TiedScript, call: Call<'_>) -> RedisResult<T> {
        let key = call.first_key().to_owned();
        let slot = matches!(self.source, Source::Cluster { .. }).then(|| Slot::for_key(&key));
        for _ in 0..ATTEMPTS {
            let known = self.incarnations.0.read().get(&slot).cloned();
            if let Some(incarnation) = known {
                let tied = script.tied_to(&incarnation);
                match self.query(&call.command("EVALSHA", &tied.hash, Some(HASH))).await {
                    Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {}
                    result => return result,
                }
            }
            let incarnation: Arc<str> = self.try_run::<String>(ASK.on(&[&key])).await?.into();
            let tied = script.tied_to(&incarnation);
            match self.query(&call.command("EVAL", &tied.text, Some(TEXT))).await {
                // A failover in this very moment: the text must not stay where it would pass for proof.
                Err(error) if error.code() == Some("STALE") => {
                    self.query::<()>(redis::cmd("SCRIPT").arg("FLUSH")).await?;
                }
                result => {
                    self.incarnations.0.write().insert(slot, incarnation);
                    return result;
                }
            }
        }
        Err(RedisError::from((ErrorKind::Client, "the server changes its incarnation all the time")))
    }
}
