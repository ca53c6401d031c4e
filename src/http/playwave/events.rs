//! The event stream: every accepted webhook of a game, in one order, asked for page by page or followed live. The
//! contract is ours, in PlayWave's envelope.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::stream::unfold;
use guildhall_actors::ids::GameId;
use guildhall_actors::ports::InboxSlice;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::answer::{Answer, Success};
use super::caller::GameServer;
use crate::error::PlaywaveError;
use crate::http::Api;
use crate::webhooks::event::Event;
use crate::webhooks::{SOURCES, game_id};

/// Between two looks for what other nodes have recorded.
const POLL: Duration = Duration::from_secs(1);
/// Between two signs of life on a quiet stream.
const COMMENT: Duration = Duration::from_secs(15);
/// Events read at once for a stream.
const BATCH: usize = 100;
const MAX_LIMIT: usize = 1000;

#[derive(Deserialize)]
pub(super) struct PageQuery {
    after: Option<u64>,
    #[serde(default = "usual")]
    limit: usize,
    #[serde(default)]
    sandbox: bool,
}

#[derive(Deserialize)]
struct StreamQuery {
    after: Option<u64>,
    #[serde(default)]
    sandbox: bool,
}

#[derive(Serialize)]
pub(super) struct Page {
    events: Vec<Event>,
    next: Option<String>,
    complete: bool,
}

/// Where a follower is.
struct Follower {
    api: Data<Api>,
    game: GameId,
    after: u64,
    bell: watch::Receiver<()>,
    comment_at: Instant,
}

fn usual() -> usize {
    100
}

fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, PlaywaveError> {
    let query = Query::<T>::from_query(request.query_string());
    query.map(Query::into_inner).map_err(|error| PlaywaveError::bad_request(format!("query: {error}")))
}

pub(super) async fn page(caller: GameServer, api: Data<Api>, request: HttpRequest) -> Answer<Page> {
    let PageQuery { after, limit, sandbox } = query(&request)?;
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(PlaywaveError::bad_request("limit: 1 to 1000"));
    }
    let game = game_id(caller.client.game.as_str(), sandbox);
    let slice = api.backend.ports().inbox.read(&game, &SOURCES, after.unwrap_or(0), limit).await?;
    let InboxSlice { entries, complete } = slice;
    let events: Vec<_> = entries.iter().map(Event::of).collect();
    let next = events.last().map(|event| event.cursor.clone()).or(after.map(|after| after.to_string()));
    Ok(Success(Page { events, next, complete }))
}

pub(super) async fn stream(
    caller: GameServer,
    api: Data<Api>,
    request: HttpRequest,
) -> Result<HttpResponse, PlaywaveError> {
    let StreamQuery { after, sandbox } = query(&request)?;
    // A client that comes back sends the address it began with, and where it was.
    let after = last_event_id(&request)?.or(after).unwrap_or(0);
    let game = game_id(caller.client.game.as_str(), sandbox);
    let bell = api.backend.follow_events();
    let follower = Follower { api, game, after, bell, comment_at: Instant::now() };
    let body = unfold(follower, |mut follower| async move {
        let chunk = follower.next().await?;
        Some((Ok::<_, Infallible>(chunk), follower))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(body)))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<u64>, PlaywaveError> {
    let Some(value) = request.headers().get("Last-Event-ID") else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| PlaywaveError::bad_request("Last-Event-ID: a cursor"))
}

impl Follower {
    /// The next piece of the stream; `None` when the node drains.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.api.health.is_draining() {
                return None;
            }
            // Before the look: what is recorded after it rings again.
            self.bell.borrow_and_update();
            if let Some(events) = self.look().await {
                return Some(events);
            }
            let now = Instant::now();
            if now >= self.comment_at {
                self.comment_at = now + COMMENT;
                return Some(Bytes::from_static(b": the stream is open\n\n"));
            }
            tokio::select! {
                _ = self.bell.changed() => {}
                () = sleep_until(self.comment_at.min(now + POLL)) => {}
            }
        }
    }

    async fn look(&mut self) -> Option<Bytes> {
        let inbox = &self.api.backend.ports().inbox;
        let slice = match inbox.read(&self.game, &SOURCES, self.after, BATCH).await {
            Ok(slice) => slice,
            Err(error) => {
                warn!(%error, "event stream could not be read, to be tried again");
                return None;
            }
        };
        let newest = slice.entries.last()?.cursor;
        let gap = if slice.complete { "" } else { ": events before this one were dropped\n\n" };
        let events: String = slice.entries.iter().map(|entry| Event::of(entry).to_server_sent()).collect();
        self.after = newest;
        Some(Bytes::from(format!("{gap}{events}")))
    }
}
