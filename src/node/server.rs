//! The two listeners.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_codec::{AsyncRead, AsyncWrite, Framed};
use actix_http::{HttpService, Request, h1};
use actix_server::{Server, ServerHandle};
use actix_service::{ServiceFactory, fn_factory, fn_service, map_config};
use actix_web::App;
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::web::{Data, ServiceConfig};
use anyhow::Context;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::{Domain, Socket, Type};

use crate::config::{Settings, TlsFiles};
use crate::http::{self, Api};
use crate::metrics::{self, Exposition};
use crate::ws::{Edge, IntoStream, Worker, take_over};

/// Connections waiting to be accepted; a login storm comes in one go.
const BACKLOG: i32 = 4096;
/// Sockets are bounded by memory and file limits, not here.
const MAX_CONNECTIONS_PER_WORKER: usize = 1 << 20;
/// Seconds that requests in progress get at the end.
const REQUEST_GRACE_SEC: u64 = 5;

/// Listeners that accept.
pub(super) struct Listening {
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) server: ServerHandle,
}

pub(super) fn start(
    settings: &Settings,
    edge: Arc<Edge>,
    api: Data<Api>,
    exposition: Data<Exposition>,
) -> anyhow::Result<Listening> {
    let (public, public_address) = bind("listen.public", settings.listen.public)?;
    let (admin, admin_address) = bind("listen.admin", settings.listen.admin)?;
    let mut server = Server::build()
        .workers(settings.listen.workers)
        .max_concurrent_connections(MAX_CONNECTIONS_PER_WORKER)
        .shutdown_timeout(REQUEST_GRACE_SEC)
        .disable_signals();
    server = match &settings.listen.tls {
        None => {
            let api = api.clone();
            server.listen("public", public, move || {
                HttpService::build().upgrade(upgrade(edge.clone())).finish(app(http::public(api.clone()))).tcp()
            })?
        }
        Some(files) => {
            let (api, tls) = (api.clone(), tls_config(files)?);
            server.listen("public", public, move || {
                let service = HttpService::build().upgrade(upgrade(edge.clone()));
                service.finish(app(http::public(api.clone()))).rustls_0_23(tls.clone())
            })?
        }
    };
    server = server.listen("admin", admin, move || {
        let (admin, metrics) = (http::admin(api.clone()), http::metrics(exposition.clone()));
        let routes = move |config: &mut ServiceConfig| {
            metrics(config);
            admin(config);
        };
        HttpService::build().finish(app(routes)).tcp()
    })?;
    let server = server.run();
    let handle = server.handle();
    actix::spawn(server);
    Ok(Listening { public: public_address, admin: admin_address, server: handle })
}

fn bind(setting: &str, address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // A restarted node gets its port back at once.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        let bound = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, bound))
    };
    bind().with_context(|| format!("{setting}: cannot listen on {address}"))
}

/// The ordinary requests of a listener.
fn app(
    routes: impl Fn(&mut ServiceConfig) + 'static,
) -> impl ServiceFactory<
    Request,
    Config = (),
    Response = ServiceResponse<BoxBody>,
    Error = actix_web::Error,
    InitError = (),
    Service: 'static,
    Future: 'static,
> {
    let app = App::new().wrap_fn(metrics::measure_http).configure(move |config| routes(config));
    map_config(app, |()| AppConfig::default())
}

/// The WebSocket requests of the public listener; called once per worker thread.
fn upgrade<T>(
    edge: Arc<Edge>,
) -> impl ServiceFactory<
    (Request, Framed<T, h1::Codec>),
    Config = (),
    Response = (),
    Error = actix_http::error::Error,
    InitError = (),
    Service: 'static,
    Future: 'static,
>
where
    T: AsyncRead + AsyncWrite + IntoStream + Unpin + 'static,
{
    fn_factory(move || {
        let worker = Worker::start(edge.clone());
        let take = move |(request, framed)| {
            let worker = worker.clone();
            async move {
                take_over(worker, request, framed).await;
                Ok::<_, actix_http::error::Error>(())
            }
        };
        async move { Ok::<_, ()>(fn_service(take)) }
    })
}

fn tls_config(files: &TlsFiles) -> anyhow::Result<ServerConfig> {
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("listen.tls.certificate: {}", files.certificate.display()))?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).with_context(|| format!("listen.tls.key: {}", files.key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    config.with_no_client_auth().with_single_cert(certificates, key).context("listen.tls: certificate and key")
}
