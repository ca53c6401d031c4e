//! Operations 10 to 14: tokens, a user's channels, blocks.

use std::time::Duration;

use actix_web::web::Path;
use guildhall_actors::login_key::{self, Claims};
use guildhall_actors::ports::ChannelKind;
use serde_json::json;

use super::objects;
use crate::error::ApiError;
use crate::http::answer::{Answer, Success};
use crate::http::caller::{GameServer, player_id};

/// How long a login key is good for.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// 10: a login key for a player, who is known from now on.
pub(super) async fn issue_token(caller: GameServer, path: Path<(String, String)>) -> Answer {
    let player = caller.player(player_id(&path.1)?);
    let backend = &caller.api.backend;
    let now = backend.now();
    backend.ports().players.register(&player, now).await?;
    let seconds = |at: guildhall_actors::clock::Timestamp| at.0.div_euclid(1000);
    let claims = Claims {
        game_index: caller.game.index,
        player_id: player.player,
        iat: seconds(now),
        exp: seconds(now + TOKEN_LIFETIME),
    };
    Ok(Success(json!({ "token": login_key::mint(caller.game.login_key_secret(), &claims) })))
}

/// 11: the channels a player is in; ONE_ON_ONE channels are not listed.
pub(super) async fn channels(caller: GameServer, path: Path<(String, String)>) -> Answer {
    let player = caller.player(player_id(&path.1)?);
    let backend = &caller.api.backend;
    let mut channels = Vec::new();
    for joined in backend.settle_joined(&player).await? {
        match backend.ports().channels.get(&caller.game.id.channel(joined.channel)).await {
            Ok(channel) if channel.spec.kind == ChannelKind::OneOnOne => {}
            Ok(channel) => channels.push(objects::channel(caller.game.index, &channel)),
            // Deleted meanwhile.
            Err(error) => drop(error.refusal()?),
        }
    }
    Ok(Success(json!({ "gameIndex": caller.game.index, "playerId": player.player, "channels": channels })))
}

/// 12: whom a player blocks.
pub(super) async fn blocks(caller: GameServer, path: Path<(String, String)>) -> Answer {
    let player = caller.player(player_id(&path.1)?);
    let blocks = caller.api.backend.ports().players.look_up(&player).await?.blocks;
    Ok(Success(json!({ "blocks": blocks.iter().map(objects::block).collect::<Vec<_>>() })))
}

/// 13.
pub(super) async fn block(caller: GameServer, path: Path<(String, String, String)>) -> Answer {
    set_blocked(&caller, &path, true).await
}

/// 14.
pub(super) async fn unblock(caller: GameServer, path: Path<(String, String, String)>) -> Answer {
    set_blocked(&caller, &path, false).await
}

async fn set_blocked(caller: &GameServer, path: &(String, String, String), blocked: bool) -> Answer {
    let (player, target) = (caller.player(player_id(&path.1)?), player_id(&path.2)?);
    if player.player == target {
        return Err(ApiError::bad_request("targetPlayerId: another player"));
    }
    let backend = caller.api.backend.clone();
    caller.api.backend.spawn(async move { backend.set_blocked(&player, target, blocked).await }).await?;
    Ok(Success::empty())
}
