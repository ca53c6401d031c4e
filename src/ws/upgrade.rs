//! The upgrade: every WebSocket request comes here before any route, so it is checked here.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use actix_codec::{AsyncRead, AsyncWrite, Framed};
use actix_http::body::BodySize;
use actix_http::{HttpMessage, Request, Response, StatusCode, h1, header, ws};
use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;
use guildhall_actors::backend::Backend;
use guildhall_actors::close::Close;
use guildhall_actors::connection::{Incoming, Lost, PlayerConnection};
use guildhall_actors::fanout::{Fanout, Listeners, WorkerId};
use tracing::debug;

use super::socket::{ReadBuffer, Receiver, Socket, SocketLimits, read_buffer};
use super::stream::IntoStream;
use crate::client_ip::{client_ip, counted_as};
use crate::config::Settings;
use crate::error::ApiError;
use crate::health::Health;
use crate::metrics::{UpgradeOutcome, server_meters};
use crate::rate::RateLimiter;

/// Where clients connect.
pub const CHAT_SOCKET: &str = "/v1/chat/socket";

/// What every worker thread knows.
pub struct Edge {
    pub backend: Backend,
    pub settings: Arc<Settings>,
    pub health: Health,
    pub sockets_per_ip: RateLimiter<IpAddr>,
}

/// One worker thread's share of the edge.
#[derive(Clone)]
pub struct Worker {
    id: WorkerId,
    edge: Arc<Edge>,
    listeners: Rc<Listeners>,
    buffer: ReadBuffer,
    limits: Rc<SocketLimits>,
}

impl Worker {
    /// Starts this thread's fan-out.
    pub fn start(edge: Arc<Edge>) -> Self {
        let listeners = Rc::new(Listeners::default());
        let id = edge.backend.add_worker(Fanout::new(listeners.clone()).start());
        let limits = &edge.settings.limits;
        let limits = Rc::new(SocketLimits {
            inbound_bytes: limits.inbound_bytes,
            send_buffer_bytes: limits.send_buffer_bytes,
            close_grace: Duration::from_millis(limits.close_grace_ms),
            outbox: limits.outbox(),
        });
        Self { id, edge, listeners, buffer: read_buffer(), limits }
    }
}

/// Takes over one upgrade request, or refuses it. Returns as soon as the socket has a task of its own, so that the
/// HTTP connection's memory is free.
pub async fn take_over<T>(worker: Worker, request: Request, framed: Framed<T, h1::Codec>)
where
    T: AsyncRead + AsyncWrite + IntoStream + Unpin + 'static,
{
    if let Err(error) = try_take_over(worker, request, framed).await {
        debug!(%error, "socket ended during the upgrade");
    }
}

async fn try_take_over<T>(worker: Worker, request: Request, mut framed: Framed<T, h1::Codec>) -> Result<(), io::Error>
where
    T: AsyncRead + AsyncWrite + IntoStream + Unpin + 'static,
{
    if let Err(refusal) = check(&worker.edge, &request) {
        return refuse(framed, refusal).await;
    }
    let response = match ws::handshake(request.head()) {
        Ok(mut response) => response.finish().drop_body(),
        Err(error) => return refuse(framed, Refusal::handshake(error)).await,
    };
    framed.send(h1::Message::Item((response, BodySize::None))).await?;
    let parts = framed.into_parts();
    let socket = Socket::new(parts.io.into_stream(), worker.buffer.clone(), worker.limits.clone());
    #[cfg(feature = "autobahn")]
    if request.path() == super::autobahn::PATH {
        let echo = super::autobahn::Echo(socket.outbox.clone());
        actix::spawn(socket.run(parts.read_buf, echo));
        return Ok(());
    }
    server_meters().socket_upgrades.of((UpgradeOutcome::Accepted,)).increment(1);
    serve_chat(&worker, socket, parts.read_buf);
    Ok(())
}

fn serve_chat(worker: &Worker, socket: Socket, early: BytesMut) {
    let backend = worker.edge.backend.clone();
    let id = backend.new_connection_id();
    let connection =
        PlayerConnection::new(id, worker.id, backend, worker.listeners.clone(), socket.outbox.clone()).start();
    actix::spawn(socket.run(early, Chat(connection)));
}

/// Hands messages to the connection's actor.
struct Chat(Addr<PlayerConnection>);

impl Receiver for Chat {
    async fn on_text(&self, text: String) -> bool {
        self.0.send(Incoming(text)).await.is_ok()
    }

    fn on_binary(&self, _: Bytes) -> Result<(), Close> {
        Err(Close::Binary)
    }

    fn on_end(&self, reason: Option<Close>) {
        self.0.do_send(Lost(reason));
    }
}

/// Why an upgrade was refused.
enum Refusal {
    Api(ApiError),
    /// The request is no proper handshake; some refusals carry a header (RFC 6455, section 4.4).
    Handshake(Response<actix_http::body::BoxBody>),
}

impl Refusal {
    fn handshake(error: ws::HandshakeError) -> Self {
        Self::Handshake(error.into())
    }
}

fn check(edge: &Edge, request: &Request) -> Result<(), Refusal> {
    if !is_known_path(request.path()) {
        return Err(Refusal::Api(ApiError::NotFound));
    }
    if edge.health.is_draining() {
        return Err(Refusal::Api(ApiError::Busy));
    }
    let peer = request.peer_addr().map(|peer| peer.ip());
    let client = peer.map(|peer| client_ip(peer, request.headers(), &edge.settings.listen.trusted_proxies));
    if client.is_some_and(|client| !edge.sockets_per_ip.allow(counted_as(client), edge.backend.now())) {
        return Err(Refusal::Api(ApiError::TooManySockets));
    }
    if !is_allowed_origin(&edge.settings.listen.allowed_origins, request) {
        return Err(Refusal::Api(ApiError::Forbidden));
    }
    Ok(())
}

fn is_known_path(path: &str) -> bool {
    #[cfg(feature = "autobahn")]
    if path == super::autobahn::PATH {
        return true;
    }
    path == CHAT_SOCKET
}

/// Only browsers send an origin; without one there is no page to protect.
fn is_allowed_origin(allowed: &[String], request: &Request) -> bool {
    match request.headers().get(header::ORIGIN) {
        Some(origin) if !allowed.is_empty() => allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()),
        _ => true,
    }
}

async fn refuse<T>(mut framed: Framed<T, h1::Codec>, refusal: Refusal) -> Result<(), io::Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    server_meters().socket_upgrades.of((UpgradeOutcome::Refused,)).increment(1);
    let (mut response, body) = match refusal {
        Refusal::Api(error) => (answer(&error), Bytes::from(error.body())),
        Refusal::Handshake(response) => (response.drop_body(), Bytes::new()),
    };
    response.head_mut().set_connection_type(actix_http::ConnectionType::Close);
    framed.send(h1::Message::Item((response, BodySize::Sized(body.len() as u64)))).await?;
    framed.send(h1::Message::Chunk(Some(body))).await?;
    framed.send(h1::Message::Chunk(None)).await?;
    Ok(())
}

fn answer(error: &ApiError) -> Response<()> {
    let mut response = Response::new(StatusCode::from_u16(error.status()).expect("the table holds HTTP statuses"));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    if let Some(seconds) = error.retry_after_sec() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response.drop_body()
}
