//! Notifications: server to client, unasked.

use serde::Serialize;

use super::response::encode;
use crate::clock::Timestamp;
use crate::event::{Event, EventBody};
use crate::ids::{ChannelId, PlayerId};

/// Who speaks in notices ("Hive Chat WebSocket API, NOTIFY_CHANNEL_NOTICE": a string).
const SYSTEM: &str = "SYSTEM";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification<B> {
    packet_type: &'static str,
    body: B,
}

/// The fields every notification has, around its own.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<F> {
    game_index: i64,
    #[serde(flatten)]
    fields: F,
    timestamp: String,
    timestamp_millis: i64,
    #[serde(flatten)]
    place: Option<Place>,
}

/// What the `sequence` extension adds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    sequence: u64,
    epoch: String,
    message_id: String,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Fields<'a> {
    Membership { channel_id: &'a ChannelId, player_id: PlayerId },
    Channel { channel_id: &'a ChannelId },
    ChannelNotice { channel_id: &'a ChannelId, from: &'static str, message: &'a str },
    Notice { player_id: PlayerId, from: &'static str, message: &'a str },
    ChannelChat { from: PlayerId, to: &'a ChannelId, message: &'a str, extra_data: &'a str },
    DirectChat { from: PlayerId, to: PlayerId, message: &'a str, extra_data: &'a str },
    ChannelCustom { channel_id: &'a ChannelId, from: &'static str, payload: &'a str },
    UserCustom { player_id: PlayerId, from: &'static str, payload: &'a str },
}

fn notification(
    packet_type: &'static str,
    game_index: i64,
    fields: Fields<'_>,
    at: Timestamp,
    place: Option<Place>,
) -> String {
    let body = Body { game_index, fields, timestamp: at.to_iso(), timestamp_millis: at.0, place };
    encode(&Notification { packet_type, body })
}

/// The notification of a channel event; `with_place` adds the fields of the `sequence` extension.
pub fn event(game_index: i64, channel_id: &ChannelId, event: &Event, with_place: bool) -> String {
    let (packet_type, fields) = match &event.body {
        EventBody::Entered { player } => {
            ("NOTIFY_ENTER_CHANNEL", Fields::Membership { channel_id, player_id: *player })
        }
        EventBody::Exited { player } => ("NOTIFY_EXIT_CHANNEL", Fields::Membership { channel_id, player_id: *player }),
        EventBody::Chat { from, message, extra_data, .. } => {
            ("NOTIFY_CHANNEL_CHAT", Fields::ChannelChat { from: *from, to: channel_id, message, extra_data })
        }
        EventBody::Notice { message, .. } => {
            ("NOTIFY_CHANNEL_NOTICE", Fields::ChannelNotice { channel_id, from: SYSTEM, message })
        }
        EventBody::Custom { payload } => ("NOTIFY_CUSTOM", Fields::ChannelCustom { channel_id, from: SYSTEM, payload }),
        EventBody::Deleted => ("NOTIFY_DELETE_CHANNEL", Fields::Channel { channel_id }),
    };
    let place = with_place.then(|| Place {
        sequence: event.position.sequence,
        epoch: event.position.epoch.to_string(),
        message_id: event.position.message_id(),
    });
    notification(packet_type, game_index, fields, event.at, place)
}

/// NOTIFY_DIRECT_CHAT.
pub fn direct_chat(
    game_index: i64,
    from: PlayerId,
    to: PlayerId,
    message: &str,
    extra_data: &str,
    at: Timestamp,
) -> String {
    notification("NOTIFY_DIRECT_CHAT", game_index, Fields::DirectChat { from, to, message, extra_data }, at, None)
}

/// NOTIFY_NOTICE.
pub fn notice(game_index: i64, player_id: PlayerId, message: &str, at: Timestamp) -> String {
    notification("NOTIFY_NOTICE", game_index, Fields::Notice { player_id, from: SYSTEM, message }, at, None)
}

/// NOTIFY_CUSTOM to one player: a local extension, the contract never published a name for it.
pub fn user_custom(game_index: i64, player_id: PlayerId, payload: &str, at: Timestamp) -> String {
    notification("NOTIFY_CUSTOM", game_index, Fields::UserCustom { player_id, from: SYSTEM, payload }, at, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Epoch, Position};

    fn channel() -> ChannelId {
        ChannelId::parse("open:1").expect("well formed")
    }

    fn chat() -> Event {
        Event {
            position: Position { epoch: Epoch(1), sequence: 9 },
            at: Timestamp(1_746_057_604_000),
            body: EventBody::Chat {
                from: PlayerId(5002),
                message: "hi".into(),
                extra_data: "".into(),
                hidden_from: vec![PlayerId(1)],
            },
        }
    }

    #[test]
    fn a_chat_notification_is_byte_for_byte_the_contract() {
        assert_eq!(
            event(7, &channel(), &chat(), false),
            r#"{"packetType":"NOTIFY_CHANNEL_CHAT","body":{"gameIndex":7,"from":5002,"to":"open:1","message":"hi","extraData":"","timestamp":"2025-05-01T00:00:04.000Z","timestampMillis":1746057604000}}"#
        );
    }

    #[test]
    fn the_sequence_extension_adds_its_fields_at_the_end() {
        let text = event(7, &channel(), &chat(), true);
        assert!(text.ends_with(
            r#""timestampMillis":1746057604000,"sequence":9,"epoch":"0000000000000001","messageId":"0000000000000001-9"}}"#
        ));
    }

    #[test]
    fn a_notice_comes_from_a_string_and_names_its_player() {
        assert_eq!(
            notice(7, PlayerId(5001), "gift sent", Timestamp(1_746_057_603_000)),
            r#"{"packetType":"NOTIFY_NOTICE","body":{"gameIndex":7,"playerId":5001,"from":"SYSTEM","message":"gift sent","timestamp":"2025-05-01T00:00:03.000Z","timestampMillis":1746057603000}}"#
        );
    }
}
