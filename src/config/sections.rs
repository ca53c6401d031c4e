//! From the merged tree to the settings, section by section.

use std::num::NonZero;
use std::time::Duration;

use guildhall_actors::ids::CafeId;
use guildhall_actors::limits::SessionLimits;
use guildhall_actors::session::Rate;

use super::forms;
use super::limits::Limits;
use super::reader::{Reader, Section};
use super::settings::*;
use crate::secret::{KeyDigest, Secret};

pub(super) fn read(reader: &Reader) -> Settings {
    let listen = listen(&reader.section("listen"), reader.section("listen").child("tls").as_ref());
    let games: Vec<Game> = reader.list("games").iter().map(game).collect();
    let on_loopback = listen.public.ip().is_loopback() && listen.admin.ip().is_loopback();
    Settings {
        node: NodeSettings { id: reader.section("node").optional_text("id") },
        development: games.is_empty() && on_loopback,
        listen,
        store: store(&reader.section("store")),
        admin: Admin { keys: reader.section("admin").secrets("keys") },
        games,
        cafes: reader.list("cafes").iter().map(cafe).collect(),
        limits: Limits::read(&reader.section("limits")),
        chat: chat(&reader.section("chat")),
        playwave: playwave_times(&reader.section("playwave")),
        webhooks: webhooks(&reader.section("webhooks")),
        cluster: cluster(&reader.section("cluster")),
        log: log(&reader.section("log")),
    }
}

fn listen(section: &Section<'_>, tls: Option<&Section<'_>>) -> Listen {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    Listen {
        public: section.parsed("public"),
        admin: section.parsed("admin"),
        tls: tls.map(|tls| TlsFiles { certificate: tls.parsed("certificate"), key: tls.parsed("key") }),
        trusted_proxies: section.networks("trusted_proxies"),
        allowed_origins: section.list("allowed_origins"),
        workers: section.optional_whole("workers").unwrap_or_else(cores),
    }
}

fn store(section: &Section<'_>) -> Store {
    Store {
        kind: if section.choice("kind") == "redis" { StoreKind::Redis } else { StoreKind::Embedded },
        path: section.parsed("path"),
        urls: section.optional_list("url").into_iter().map(Secret::new).collect(),
        sentinel_master: section.optional_text("sentinel_master"),
        timeout: Duration::from_millis(section.whole("timeout_ms")),
    }
}

fn game(section: &Section<'_>) -> Game {
    Game {
        name: section.text("name"),
        hive: section.child("hive").as_ref().map(hive),
        playwave: section.child("playwave").as_ref().map(playwave),
        aghanim: section.child("aghanim").as_ref().map(aghanim),
    }
}

fn hive(section: &Section<'_>) -> Hive {
    Hive {
        game_index: section.whole("game_index"),
        certification_keys: section.secrets("certification_keys"),
        login_key_secret: section.secret("login_key_secret"),
        suspension_keys: section.secrets("suspension_keys"),
        suspension_utc_offset: section.text("suspension_utc_offset"),
    }
}

fn playwave(section: &Section<'_>) -> Playwave {
    let plain_api_keys = section.secrets("api_keys");
    let digests = section.list("api_keys_sha256").into_iter();
    let digests = digests.map(|text| KeyDigest::from_hex(&text).expect("the form admits only digests"));
    Playwave {
        api_keys: plain_api_keys.iter().map(Secret::digest).chain(digests).collect(),
        plain_api_keys,
        rate: Rate { coins: section.whole("rate.coins"), unit_sec: section.whole("rate.unit_sec") },
        active: section.flag("active"),
        title: section.optional_text("title"),
        provider: section.text("provider"),
        place_id: section.optional_text("place_id"),
    }
}

fn aghanim(section: &Section<'_>) -> Aghanim {
    Aghanim {
        game_id: section.text("game_id"),
        webhook_secrets: section.secrets("webhook_secrets"),
        freshness_sec: section.whole("freshness_sec"),
        unknown_players: match section.choice("unknown_players").as_str() {
            "create" => UnknownPlayers::Create,
            _ => UnknownPlayers::NotFound,
        },
        notify_profile_update: section.flag("notify_profile_update"),
        player_verify: section.flag("player_verify"),
        business_error_status: business_error_status(section),
    }
}

/// Either the contract's 200 or a refusal: statuses in between may not carry the body.
fn business_error_status(section: &Section<'_>) -> u16 {
    let status = section.whole("business_error_status");
    if (201..400).contains(&status) {
        section.report("business_error_status", format!("{status} is neither 200 nor 400 to 499"));
    }
    status
}

fn cafe(section: &Section<'_>) -> Cafe {
    Cafe {
        id: CafeId::parse(&section.text("id")).expect("the form admits only names"),
        secret: section.secret("secret"),
        networks: section.networks("networks"),
        balance: section.whole("balance"),
    }
}

fn chat(section: &Section<'_>) -> Chat {
    Chat {
        leave_on_disconnect: match section.choice("leave_on_disconnect").as_str() {
            "public" => LeaveOnDisconnect::Public,
            _ => LeaveOnDisconnect::All,
        },
        replay_on_reconnect: section.flag("replay_on_reconnect"),
        sweep_sec: section.whole("sweep_sec"),
        channel_linger_sec: section.whole("channel_linger_sec"),
        relax_min_members: section.flag("relax_min_members"),
    }
}

fn playwave_times(section: &Section<'_>) -> PlaywaveTimes {
    let seconds = |name| Duration::from_secs(section.whole(name));
    PlaywaveTimes {
        limits: SessionLimits {
            heartbeat: seconds("heartbeat_sec"),
            silence: seconds("silence_sec"),
            slack: seconds("slack_sec"),
            launcher_silence: seconds("launcher_silence_sec"),
            grace: seconds("grace_sec"),
            token: seconds("ott_sec"),
            remember: seconds("remember_sec"),
            credit: seconds("credit_sec"),
        },
        signature: seconds("signature_sec"),
        actor_idle: seconds("actor_idle_sec"),
        sweep: Duration::from_millis(section.whole("sweep_ms")),
        launch_prefix: section.text("launch_prefix"),
    }
}

fn webhooks(section: &Section<'_>) -> Webhooks {
    Webhooks {
        keep: Duration::from_secs(section.whole::<u64>("keep_days") * 24 * 3600),
        keep_events: section.whole("keep_events"),
        retry: Duration::from_secs(section.whole("retry_sec")),
    }
}

fn cluster(section: &Section<'_>) -> Cluster {
    Cluster { lease_sec: section.whole("lease_sec"), drain_sec: section.whole("drain_sec") }
}

fn log(section: &Section<'_>) -> Log {
    Log {
        format: match section.choice("format").as_str() {
            "json" => LogFormat::Json,
            _ => LogFormat::Text,
        },
        filter: section.text("filter"),
    }
}

impl Section<'_> {
    fn networks(&self, name: &str) -> Vec<ipnet::IpNet> {
        let parse = |text: String| forms::parse_network(&text).expect("the form admits only networks");
        self.list(name).into_iter().map(parse).collect()
    }
}
