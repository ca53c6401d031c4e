//! Operations 3, 8 and 9: members.

use actix_web::web::Path;
use guildhall_actors::ports::Password;
use serde::Deserialize;
use serde_json::json;

use super::objects;
use crate::http::answer::{Answer, Success};
use crate::http::body::OptionalJson;
use crate::http::caller::{GameServer, player_id};

#[derive(Deserialize)]
pub(super) struct EnterBody {
    password: Option<String>,
}

/// 3: who is in a channel.
pub(super) async fn list(caller: GameServer, path: Path<(String, String)>) -> Answer {
    let key = caller.channel(&path.1)?;
    let members = caller.api.backend.ports().channels.members(&key).await?;
    Ok(Success(json!({ "members": members.iter().map(objects::member).collect::<Vec<_>>() })))
}

/// 8: a player enters, by the game server's word.
pub(super) async fn enter(
    caller: GameServer,
    path: Path<(String, String, String)>,
    OptionalJson(body): OptionalJson<EnterBody>,
) -> Answer {
    let (player, key) = (caller.player(player_id(&path.2)?), caller.channel(&path.1)?);
    let backend = caller.api.backend.clone();
    let password = body.password.map(Password::new);
    caller.api.backend.spawn(async move { backend.enter(&player, &key.channel, password).await }).await?;
    Ok(Success::empty())
}

/// 9: a player leaves.
pub(super) async fn exit(caller: GameServer, path: Path<(String, String, String)>) -> Answer {
    let (player, key) = (caller.player(player_id(&path.2)?), caller.channel(&path.1)?);
    let backend = caller.api.backend.clone();
    caller.api.backend.spawn(async move { backend.exit(&player, &key.channel).await }).await?;
    Ok(Success::empty())
}
