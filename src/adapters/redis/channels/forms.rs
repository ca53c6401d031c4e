//! Channels, members and events as they are written down.

use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::{Epoch, Event, EventBody, Position};
use guildhall_actors::ids::{ChannelKey, PlayerId};
use guildhall_actors::ports::{Channel, ChannelSpec, LogSlice, Member, Owner, StoreError};
use redis::{FromRedisValue, Value};

/// What a script answers for a slice: epoch, head, the sequence read after, whether the log reaches back, entries.
pub(super) type Slice = (String, u64, u64, bool, Value);

pub(super) fn fresh_epoch() -> Epoch {
    Epoch(rand::random())
}

pub(super) fn malformed(key: &ChannelKey) -> StoreError {
    StoreError(format!("redis: what is stored of channel {} cannot be read", key.channel))
}

pub(super) fn text(body: &EventBody) -> Result<String, StoreError> {
    serde_json::to_string(body).map_err(|error| StoreError(error.to_string()))
}

pub(super) fn spec_text(spec: &ChannelSpec) -> Result<String, StoreError> {
    serde_json::to_string(spec).map_err(|error| StoreError(error.to_string()))
}

/// The spec, and those parts of it that scripts look at.
pub(super) fn fields(spec: &ChannelSpec) -> Result<Vec<String>, StoreError> {
    let flag = |set: bool| u8::from(set).to_string();
    let fields = [
        ("spec", spec_text(spec)?),
        ("revision", spec.password_revision.to_string()),
        ("locked", flag(spec.password.is_some())),
        ("max", spec.max_members.to_string()),
        ("history", flag(spec.history)),
        ("owned", flag(spec.owner != Owner::System)),
    ];
    Ok(fields.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect())
}

/// `epoch-sequence`.
pub(super) fn place<T: AsRef<str>>(text: T) -> Option<Position> {
    Position::parse_message_id(text.as_ref())
}

/// Spec, epoch, head, created, how many members, and some of them in the order they entered.
pub(super) fn channel(key: &ChannelKey, found: &Value) -> Option<(Channel, Vec<Member>)> {
    type Found = (String, String, u64, i64, u32, Value);
    let (spec, epoch, sequence, created, member_count, some) = Found::from_redis_value_ref(found).ok()?;
    let channel = Channel {
        id: key.channel.clone(),
        spec: serde_json::from_str(&spec).ok()?,
        created_at: Timestamp(created),
        member_count,
        head: Position { epoch: Epoch::parse(&epoch)?, sequence },
    };
    Some((channel, members(&some)?))
}

pub(super) fn members(found: &Value) -> Option<Vec<Member>> {
    let pairs = Vec::<(i64, String)>::from_redis_value_ref(found).ok()?;
    let mut members = pairs.into_iter().map(|(player, text)| member(player, &text)).collect::<Option<Vec<_>>>()?;
    members.sort_by_key(|member| member.entered.sequence);
    Some(members)
}

/// `epoch-sequence at`.
fn member(player: i64, text: &str) -> Option<Member> {
    let (entered, at) = text.split_once(' ')?;
    Some(Member { player: PlayerId(player), entered: place(entered)?, entered_at: Timestamp(at.parse().ok()?) })
}

pub(super) fn slice((epoch, head, from, reaches, entries): Slice) -> Option<LogSlice> {
    let head = Position { epoch: Epoch::parse(&epoch)?, sequence: head };
    let events = events(&entries)?;
    let first = events.first().map_or(head.sequence + 1, |event| event.position.sequence);
    Some(LogSlice { events, complete: reaches && first == from + 1, head })
}

/// Entries of the stream.
pub(super) fn events(entries: &Value) -> Option<Vec<Event>> {
    let entries = Vec::<(String, Vec<String>)>::from_redis_value_ref(entries).ok()?;
    entries.into_iter().map(|(id, fields)| event(&id, &fields)).collect()
}

/// `sequence-0` with the fields e, a and b.
fn event(id: &str, fields: &[String]) -> Option<Event> {
    let [_, epoch, _, at, _, body] = fields else { return None };
    let sequence = id.strip_suffix("-0")?.parse().ok()?;
    let position = Position { epoch: Epoch::parse(epoch)?, sequence };
    Some(Event { position, at: Timestamp(at.parse().ok()?), body: serde_json::from_str(body).ok()? })
}

/// `epoch-sequence at body`, as it rings.
pub(super) fn rung(message: &[u8]) -> Option<Event> {
    let mut parts = std::str::from_utf8(message).ok()?.splitn(3, ' ');
    let position = place(parts.next()?)?;
    let at = Timestamp(parts.next()?.parse().ok()?);
    Some(Event { position, at, body: serde_json::from_str(parts.next()?).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_rings_reads_back() {
        let event = Event {
            position: Position { epoch: Epoch(7), sequence: 42 },
            at: Timestamp(-3),
            body: EventBody::Custom { payload: "a b  c".into() },
        };
        let message = format!("{} {} {}", event.position.message_id(), event.at.0, text(&event.body).expect("a text"));
        assert_eq!(rung(message.as_bytes()), Some(event));
        for bad in
            ["", "x", "0000000000000007-42", "0000000000000007-42 1", "0000000000000007-42 1 x", "7-42 1 \"deleted\""]
        {
            assert_eq!(rung(bad.as_bytes()), None, "{bad}");
        }
    }
}
