//! What the servers were asked, measured by port.

use guildhall_actors::metrics::{StoreOperation, StorePort};
use redis::{Arg, Cmd, ErrorKind, RedisError, ServerErrorKind};
use tokio::time::Instant;

use crate::metrics::server_meters;

/// Commands that change nothing; scripts count as changes.
const READS: [&[u8]; 10] =
    [b"GET", b"HGET", b"HMGET", b"HGETALL", b"EXISTS", b"SMEMBERS", b"SSCAN", b"XRANGE", b"XREVRANGE", b"ZRANGE"];

/// A command was answered, or failed.
pub(super) fn note(command: &Cmd, started: Instant, error: Option<&RedisError>) {
    let mut words = command.args_iter().map(|word| match word {
        Arg::Simple(word) => word,
        _ => b"",
    });
    let name = words.next().unwrap_or_default();
    // EVALSHA and EVAL: script, number of keys, first key.
    let key = if name.starts_with(b"EVAL") { words.nth(2) } else { words.next() };
    if let Some(port) = key.and_then(port) {
        let operation = if READS.contains(&name) { StoreOperation::Read } else { StoreOperation::Write };
        server_meters().store_call(port, operation, started.into_std(), error.is_some_and(is_of_store));
    }
}

/// The noun whose tag the key has.
fn port(key: &[u8]) -> Option<StorePort> {
    let noun = key.split(|byte| b"{:}".contains(byte)).nth(2)?;
    match noun {
        b"channel" | b"index" | b"games" => Some(StorePort::Channels),
        b"player" => Some(StorePort::Players),
        b"cafe" | b"cafes" | b"launcher" | b"token" | b"session" => Some(StorePort::Sessions),
        b"node" | b"nodes" => Some(StorePort::Nodes),
        b"inbox" => Some(StorePort::Inbox),
        _ => None,
    }
}

/// Whether the store failed, and not a script refused.
fn is_of_store(error: &RedisError) -> bool {
    !matches!(error.kind(), ErrorKind::Extension | ErrorKind::Server(ServerErrorKind::NoScript))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::redis::keys::Tag;
    use guildhall_actors::ids::{GameId, NodeId, PlayerId};

    #[test]
    fn every_noun_counts_at_its_port() {
        let (game, player) = (GameId::new("game"), GameId::new("game").player(PlayerId(1)));
        let of = |tag: Tag| port(tag.key("x").as_bytes());
        assert!(matches!(of(Tag::player(&player)), Some(StorePort::Players)));
        assert!(matches!(of(Tag::index(&game)), Some(StorePort::Channels)));
        assert!(matches!(of(Tag::node(&NodeId::new("a"))), Some(StorePort::Nodes)));
        assert!(matches!(of(Tag::nodes()), Some(StorePort::Nodes)));
        assert!(matches!(of(Tag::inbox(&game)), Some(StorePort::Inbox)));
        assert!(matches!(of(Tag::cafes()), Some(StorePort::Sessions)));
        assert!(port(b"guildhall:{beat:1:2}").is_none());
    }
}
