//! The Hive Chat HTTP API: its paths, fields and quirks, nothing else. The numbers are the reference's operations.

mod channels;
mod members;
mod messages;
mod objects;
mod users;

use actix_web::web::{ServiceConfig, delete, get, post, put, scope};

use super::at;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            scope("/api/v1/games/{gameIndex}")
                .service(
                    at("/channels")
                        .route(get().to(channels::list)) //             1
                        .route(post().to(channels::create)), //         4, as the other paths are spelled
                )
                .service(at("/channel").route(post().to(channels::create))) //                      4
                .service(at("/channel/one-on-one").route(post().to(channels::create_one_on_one))) // 5
                .service(
                    at("/channels/{channelId}")
                        .route(get().to(channels::get)) //              2
                        .route(put().to(channels::update)) //           6
                        .route(delete().to(channels::delete)), //       7
                )
                .service(at("/channels/{channelId}/members").route(get().to(members::list))) //     3
                .service(
                    at("/channels/{channelId}/members/{playerId}")
                        .route(post().to(members::enter)) //            8
                        .route(delete().to(members::exit)), //          9
                )
                .service(at("/users/{playerId}/token").route(post().to(users::issue_token))) //    10
                .service(at("/users/{playerId}/channels").route(get().to(users::channels))) //     11
                .service(at("/users/{playerId}/blocks").route(get().to(users::blocks))) //         12
                .service(
                    at("/users/{playerId}/blocks/{targetPlayerId}")
                        .route(post().to(users::block)) //             13
                        .route(delete().to(users::unblock)), //        14
                )
                .service(at("/notices/channel").route(post().to(messages::notice_channel))) //     15
                .service(at("/notices/user").route(post().to(messages::notice_user))) //           16
                .service(at("/customs/channel").route(post().to(messages::custom_channel))) //     17
                .service(at("/customs/user").route(post().to(messages::custom_user))), //          18
        )
        .service(
            scope("/api/v2/games/{gameIndex}")
                .service(at("/channels/{channelId}/messages").route(get().to(messages::history))), // 19
        );
}
