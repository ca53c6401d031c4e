//! The objects of the answers ("Hive Chat HTTP API, objects").

use guildhall_actors::event::{Event, EventBody};
use guildhall_actors::ids::ChannelId;
use guildhall_actors::ports::{Block, Channel, Member, Owner};
use serde_json::{Value, json};

pub(super) fn channel(game_index: i64, channel: &Channel) -> Value {
    json!({
        "channelId": channel.id,
        "type": channel.spec.kind,
        "gameIndex": game_index,
        "owner": match channel.spec.owner {
            Owner::System => "SYSTEM".to_owned(),
            Owner::Player(player) => player.to_string(),
        },
        "channelName": channel.spec.name,
        "memberCount": channel.member_count,
        "maxMemberCount": channel.spec.max_members,
        "chatHistoryAllowed": channel.spec.history,
        "regTime": channel.created_at.to_iso(),
        "regTimeMillis": channel.created_at,
    })
}

pub(super) fn member(member: &Member) -> Value {
    json!({
        "playerId": member.player,
        "connectedTime": member.entered_at.to_iso(),
        "connectedTimeMillis": member.entered_at,
    })
}

pub(super) fn block(block: &Block) -> Value {
    json!({ "playerId": block.player, "blockedTime": block.at.to_iso(), "blockedTimeMillis": block.at })
}

/// A message of the history: the body of its notification, and its id.
pub(super) fn message(game_index: i64, channel: &ChannelId, event: &Event) -> Option<Value> {
    let EventBody::Chat { from, message, extra_data, .. } = &event.body else { return None };
    Some(json!({
        "messageId": event.position.message_id(),
        "gameIndex": game_index,
        "from": from,
        "to": channel,
        "message": message,
        "extraData": extra_data,
        "timestamp": event.at.to_iso(),
        "timestampMillis": event.at,
    }))
}
