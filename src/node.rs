//! One node: what is started in which order, and how it ends.

mod drain;
mod server;
mod upkeep;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use anyhow::Context;
use guildhall_actors::backend::{Backend, Game, LeaveOnDisconnect, Settings as BackendSettings};
use guildhall_actors::clock::{Clock, Timestamp};
use guildhall_actors::ids::{GameId, NodeId};
use guildhall_actors::metrics::RateLimit;
use guildhall_actors::ports::StoreError;

use crate::adapters::Store;
use crate::clock;
use crate::config::{self, Settings, StoreKind};
use crate::health::Health;
use crate::http::Api;
use crate::metrics::{self, Exposition};
use crate::rate::RateLimiter;
use crate::webhooks::carry;
use crate::ws::{self, Edge};

/// Runs a node until it is told to end.
///
/// # Errors
/// The data folder, a certificate or a listener cannot be used.
pub fn serve(settings: Settings) -> anyhow::Result<()> {
    // More files than the default allow more sockets; fewer are no reason not to start.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "file limit stays as it is");
    }
    let exposition = metrics::install().context("metrics")?;
    actix::System::new().block_on(run(Arc::new(settings), exposition))
}

async fn run(settings: Arc<Settings>, exposition: Exposition) -> anyhow::Result<()> {
    let limits = &settings.limits;
    let store = Store::open(&settings).await?;
    let backend = backend(&settings, &store);
    if is_alone(settings.store.kind) {
        take_over_last_run(&backend, &settings).await?;
    }
    for cafe in &settings.cafes {
        backend.open_account(&cafe.id, cafe.balance).await.context("accounts of the cafes")?;
    }
    let life = backend.clone();
    let health = Health::new(move || {
        let (store, life) = (store.clone(), life.clone());
        async move {
            if life.is_lease_in_doubt() {
                return Err(StoreError("lease lost, or not renewed".into()));
            }
            store.ping().await
        }
    });
    let api = Data::new(Api::new(backend.clone(), settings.clone(), health.clone()));
    let per_ip = RateLimiter::new(RateLimit::Sockets, limits.sockets_per_ip_per_sec, limits.sockets_per_ip_burst);
    let edge = Arc::new(Edge {
        backend: backend.clone(),
        settings: settings.clone(),
        health: health.clone(),
        sockets_per_ip: per_ip,
    });
    upkeep::start(&backend, &settings).await.context("first lease")?;
    upkeep::sum_up_metrics(exposition.clone());
    let listening = server::start(&settings, edge, api, Data::new(exposition))?;
    let signals = drain::Signals::catch().context("signals")?;
    announce(&settings, &listening)?;
    drain::on_signal(signals, &backend, &health, &settings, listening.server).await;
    Ok(())
}

/// Whether no other node can be in the store.
fn is_alone(store: StoreKind) -> bool {
    match store {
        StoreKind::Embedded => true,
        StoreKind::Redis => false,
    }
}

/// Ends and finishes what an earlier process left. Only for a store that is ours alone: every other node in it has
/// ended then, whatever its lease says. In a shared one the others may live; there leases and deadlines decide.
async fn take_over_last_run(backend: &Backend, settings: &Settings) -> anyhow::Result<()> {
    backend.recover_dead_nodes(Timestamp::MAX).await.context("recovery of the last run")?;
    let carried = carry::carry_pending(backend, settings, Timestamp::MAX).await.context("webhooks of the last run")?;
    if carried > 0 {
        tracing::info!(webhooks = carried, "webhooks of the last run carried out");
    }
    Ok(())
}

fn backend(settings: &Settings, store: &Store) -> Backend {
    let games = settings.games.iter().filter_map(|game| {
        let hive = game.hive.as_ref()?;
        Some(Game::new(GameId::new(&game.name), hive.game_index, hive.login_key_secret.expose().as_bytes().to_vec()))
    });
    let name = settings.node.id.as_deref().unwrap_or("node");
    let node = NodeId::new(&format!("{name}-{:032x}", rand::random::<u128>()));
    Backend::start(node, store.ports(), Clock::new(clock::now), backend_settings(settings), games, rand::random)
}

fn backend_settings(settings: &Settings) -> BackendSettings {
    BackendSettings {
        connection: settings.limits.connection(),
        outbox: settings.limits.outbox(),
        chat: settings.limits.chat(),
        session: settings.playwave.limits.clone(),
        leave_on_disconnect: match settings.chat.leave_on_disconnect {
            config::LeaveOnDisconnect::All => LeaveOnDisconnect::All,
            config::LeaveOnDisconnect::Public => LeaveOnDisconnect::Public,
        },
        replay_on_reconnect: settings.chat.replay_on_reconnect,
        channel_linger: Duration::from_secs(settings.chat.channel_linger_sec),
        framing: ws::framing(),
    }
}

/// Tells people what to do next, and programs that the node is ready.
fn announce(settings: &Settings, listening: &server::Listening) -> anyhow::Result<()> {
    let (public, admin) = (listening.public, listening.admin);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", config::banner(settings, public, admin))?;
    writeln!(out, "ready public={public} admin={admin}")?;
    Ok(out.flush()?)
}
