//! `POST /webhooks/hive/suspensions` ("Hive user suspension", 3 and 5).

use actix_web::HttpRequest;
use actix_web::web::{Data, Payload};
use futures_util::future::try_join_all;
use guildhall_actors::backend::{IN_PROGRESS, Taken};
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::GameId;
use guildhall_actors::ports::{InboxEntry, InboxKey, StoreError};
use tracing::{debug, error};

use crate::http::Api;
use crate::http::body::{Body, BodyError, is_json};
use crate::http::caller::{api, bearer};
use crate::metrics::{WebhookOutcome, WebhookSource, server_meters};
use crate::webhooks::carry::{Answer, carry};
use crate::webhooks::hive_suspension::Batch;
use crate::webhooks::{HIVE_SUSPENSION, game_id};

/// Pending records that are asked whether they say otherwise.
const PENDING: usize = 256;

pub(super) async fn receive(request: HttpRequest, payload: Payload) -> Answer {
    let answer = answer(request, payload).await;
    let outcome = WebhookOutcome::of_status(answer.status);
    server_meters().webhooks.of((WebhookSource::HiveSuspension, outcome)).increment(1);
    answer
}

async fn answer(request: HttpRequest, payload: Payload) -> Answer {
    let api = api(&request).clone();
    let Some(place) = sender(&api, &request) else { return Answer::result(401, 4002) };
    if !is_json(&request) {
        return Answer::result(415, 4150);
    }
    let limit = api.settings.limits.webhook_body_bytes;
    let body = match Body::read_within(&request, &mut payload.into_inner(), limit).await {
        Ok(Body(body)) => body,
        Err(BodyError::TooLarge) => return Answer::result(413, 4130),
        Err(BodyError::Wrong(_)) => return Answer::result(400, 4000),
    };
    let game = &api.settings.games[place];
    let Some(hive) = &game.hive else { return Answer::result(401, 4002) };
    let batch = match Batch::parse(&body, hive.game_index, &hive.suspension_utc_offset) {
        Ok(batch) => batch,
        Err(problem) => {
            debug!(%problem, "suspensions refused");
            return Answer::result(400, 4000);
        }
    };
    // To its end, also when the platform hangs up.
    let dealing = api.clone();
    let dealt = async move { deal(&dealing, place, &batch, &body).await };
    api.backend.spawn(dealt).await.unwrap_or_else(|error: StoreError| {
        error!(%error, "suspensions not recorded");
        Answer::result(500, 5000)
    })
}

async fn deal(api: &Data<Api>, place: usize, batch: &Batch, body: &[u8]) -> Result<Answer, StoreError> {
    let game = game_id(&api.settings.games[place].name, false);
    for time in 0.. {
        let key = InboxKey { game: game.clone(), source: HIVE_SUSPENSION, key: batch.record_key(time) };
        let entry = match api.backend.take_webhook(&key, body, api.settings.webhooks.keep, false).await? {
            Taken::Mine(entry) => {
                let is_new = api.backend.now().since(entry.at) < IN_PROGRESS;
                apply(api, place, key, entry.clone());
                if is_new {
                    break;
                }
                entry
            }
            Taken::Done(entry) | Taken::Busy(entry) => entry,
            Taken::Vanished => return Err(StoreError("the record is gone".into())),
        };
        if !is_overtaken(api, place, &game, batch, entry.cursor).await? {
            break;
        }
    }
    Ok(Answer::result(200, 0))
}

/// Whether something else was said since the record at `cursor` of any player of the batch, applied or still pending.
async fn is_overtaken(api: &Api, place: usize, game: &GameId, batch: &Batch, cursor: u64) -> Result<bool, StoreError> {
    let ports = api.backend.ports();
    let states = batch.0.keys().map(|player| {
        let key = game.player(*player);
        async move { Ok::<_, StoreError>(batch.is_overtaken(*player, &ports.players.look_up(&key).await?, cursor)) }
    });
    if try_join_all(states).await?.contains(&true) {
        return Ok(true);
    }
    let Some(hive) = &api.settings.games[place].hive else { return Ok(false) };
    let pending = ports.inbox.pending(HIVE_SUSPENSION, Timestamp::MAX, PENDING).await?;
    Ok(pending.iter().any(|(of, entry)| {
        let said = || Batch::recorded(&entry.body, &hive.suspension_utc_offset);
        of == game && entry.cursor > cursor && said().is_ok_and(|said| batch.contradicts(&said))
    }))
}

/// Needs no answer: it is recorded, and whoever looks next makes up for what fails.
fn apply(api: &Data<Api>, place: usize, key: InboxKey, entry: InboxEntry) {
    let applying = api.clone();
    drop(api.backend.spawn(async move {
        let carried = carry(&applying.backend, &applying.settings.games[place], &key, &entry).await;
        if let Err(error) = carried {
            error!(%error, cursor = entry.cursor, "suspensions not applied, to be retried");
        }
    }));
}

/// The place of the game whose key this is. Every key is compared, so that the time does not tell which one matched.
fn sender(api: &Api, request: &HttpRequest) -> Option<usize> {
    let given = bearer(request)?;
    let mut found = None;
    for (place, game) in api.settings.games.iter().enumerate() {
        for key in game.hive.iter().flat_map(|hive| &hive.suspension_keys) {
            if key.matches(given) {
                found = Some(place);
            }
        }
    }
    found
}
