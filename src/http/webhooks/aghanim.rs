//! `POST /webhooks/aghanim` ("Aghanim webhooks", 2, 5 and 5.1).

use actix_web::HttpRequest;
use actix_web::web::{Data, Payload};
use guildhall_actors::backend::Taken;
use guildhall_actors::ports::{InboxEntry, InboxKey, StoreError};
use tracing::{debug, error, warn};

use crate::config::Game;
use crate::http::Api;
use crate::http::body::{Body, BodyError};
use crate::http::caller::api;
use crate::metrics::{WebhookOutcome, WebhookSource, server_meters};
use crate::webhooks::aghanim::{Envelope, is_fresh, is_signed, signed_at};
use crate::webhooks::carry::{Answer, NotCarried, carry};
use crate::webhooks::{AGHANIM, game_id};

pub(super) async fn receive(request: HttpRequest, payload: Payload) -> Answer {
    let answer = answer(request, payload).await;
    let outcome = WebhookOutcome::of_status(answer.status);
    server_meters().webhooks.of((WebhookSource::Aghanim, outcome)).increment(1);
    answer
}

async fn answer(request: HttpRequest, payload: Payload) -> Answer {
    let api = api(&request).clone();
    let limit = api.settings.limits.webhook_body_bytes;
    let body = match Body::read_within(&request, &mut payload.into_inner(), limit).await {
        Ok(Body(body)) => body,
        Err(BodyError::TooLarge) => return Answer::error(413, "validation_error", "The body is too large."),
        Err(BodyError::Wrong(problem)) => return Answer::error(400, "validation_error", problem),
    };
    let Some(place) = signer(&api, &request, &body) else {
        debug!("webhook with a signature that does not fit");
        return Answer::error(403, "invalid_signature", "The signature or its timestamp does not fit.");
    };
    let envelope = match Envelope::parse(&body).and_then(|envelope| of_game(envelope, &api.settings.games[place])) {
        Ok(envelope) => envelope,
        Err(problem) => return Answer::error(400, "validation_error", problem),
    };
    // To its end, also when the platform hangs up.
    let dealing = api.clone();
    let dealt = async move { deal(&dealing, place, &envelope, &body).await };
    api.backend.spawn(dealt).await.unwrap_or_else(|error: NotCarried| {
        error!(%error, "webhook failed");
        unavailable()
    })
}

fn unavailable() -> Answer {
    Answer::error(503, "unavailable", "Try again later.")
}

/// The place of the game whose secret signed, if the signature is fresh. Every secret is tried.
fn signer(api: &Api, request: &HttpRequest, body: &[u8]) -> Option<usize> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (timestamp, signature) = (header("X-Aghanim-Signature-Timestamp")?, header("X-Aghanim-Signature")?);
    let at_sec = signed_at(timestamp, signature)?;
    let mut found = None;
    for (place, game) in api.settings.games.iter().enumerate() {
        if let Some(aghanim) = &game.aghanim
            && is_signed(&aghanim.webhook_secrets, timestamp, signature, body)
        {
            found = Some((place, aghanim.freshness_sec));
        }
    }
    let (place, freshness_sec) = found?;
    is_fresh(at_sec, api.backend.now().0 / 1000, freshness_sec).then_some(place)
}

fn of_game(envelope: Envelope, game: &Game) -> Result<Envelope, String> {
    let is_its = game.aghanim.as_ref().is_some_and(|aghanim| aghanim.game_id == envelope.game_id);
    if is_its { Ok(envelope) } else { Err("game_id: not the game of this secret".into()) }
}

async fn deal(api: &Data<Api>, place: usize, envelope: &Envelope, body: &[u8]) -> Result<Answer, NotCarried> {
    let game = &api.settings.games[place];
    let id = game_id(&game.name, envelope.sandbox);
    let key = InboxKey { game: id, source: AGHANIM, key: envelope.record_key() };
    match api.backend.take_webhook(&key, body, api.settings.webhooks.keep, true).await? {
        Taken::Busy(_) | Taken::Vanished => Ok(unavailable()),
        Taken::Mine(entry) => {
            warn_of_conflict(envelope, &entry);
            carry(&api.backend, game, &key, &entry).await
        }
        Taken::Done(entry) => {
            warn_of_conflict(envelope, &entry);
            let answer = entry.answer.as_deref().and_then(Answer::from_bytes);
            Ok(answer.ok_or_else(|| StoreError("an answer that cannot be read back".into()))?)
        }
    }
}

/// The first event under a key holds; another one under the same key is only told.
fn warn_of_conflict(envelope: &Envelope, entry: &InboxEntry) {
    if Envelope::parse(&entry.body).is_ok_and(|first| first.event_data != envelope.event_data) {
        warn!(event.id = ?envelope.event_id, event_type = ?envelope.event_type, "repeated with other event_data, ignored");
    }
}
