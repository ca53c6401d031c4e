//! Where the servers are: one, the master that Sentinels name, or a cluster. Found out from the servers themselves.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::{TcpSettings, socket2};
use redis::sentinel::{Sentinel, SentinelNodeConnectionInfo};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, RedisResult, TlsMode, Value,
};

use super::Options;

/// A TCP connection must be made within this.
pub(super) const CONNECT: Duration = Duration::from_secs(1);
/// Data that is not acknowledged for so long ends a connection: a link that swallows everything is found.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// See the module's text.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub(super) enum Source {
    Server(ConnectionInfo),
    Sentinel { sentinels: Vec<ConnectionInfo>, master: String, node: SentinelNodeConnectionInfo },
    Cluster { client: ClusterClient, servers: RedisConnectionInfo, tls: bool },
}

/// A connection for commands; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Source {
    /// Asks the first server that answers what it is.
    ///
    /// # Errors
    /// No URL can be read, no server answers, or Sentinels know no master, or several and none is named.
    pub(super) async fn find(options: &Options) -> RedisResult<Self> {
        let servers = options.urls.iter().map(|url| info(url)).collect::<RedisResult<Vec<_>>>()?;
        let mut failure = RedisError::from((ErrorKind::InvalidClientConfig, "no Redis address"));
        for server in &servers {
            match Self::recognize(server, &servers, options).await {
                Ok(source) => return Ok(source),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn recognize(server: &ConnectionInfo, all: &[ConnectionInfo], options: &Options) -> RedisResult<Self> {
        let mut connection = connect(&Client::open(server.clone())?, config(options.timeout)).await?;
        let about: String = Cmd::new().arg("INFO").arg("server").query_async(&mut connection).await?;
        let mode = about.lines().find_map(|line| line.strip_prefix("redis_mode:")).unwrap_or("standalone");
        let tls = matches!(server.addr(), ConnectionAddr::TcpTls { .. });
        match mode.trim() {
            "sentinel" => {
                let master = match &options.sentinel_master {
                    Some(name) => name.clone(),
                    None => only_master(&mut connection).await?,
                };
                let mut node = SentinelNodeConnectionInfo::default()
                    .set_redis_connection_info(server.redis_settings().clone())
                    .set_tcp_settings(tcp());
                if tls {
                    node = node.set_tls_mode(TlsMode::Secure);
                }
                Ok(Self::Sentinel { sentinels: all.to_vec(), master, node })
            }
            "cluster" => {
                let servers = server.redis_settings().clone();
                Ok(Self::Cluster { client: cluster(all, options.timeout)?, servers, tls })
            }
            _ => Ok(Self::Server(server.clone())),
        }
    }

    /// A new connection for commands, and where it leads when that is one server.
    pub(super) async fn connect(&self, timeout: Duration) -> RedisResult<(Connection, Option<ConnectionAddr>)> {
        match self {
            Self::Cluster { client, .. } => Ok((Connection::Cluster(client.get_async_connection().await?), None)),
            Self::Server(_) | Self::Sentinel { .. } => {
                let client = self.client().await?;
                let connection = Connection::Server(connect(&client, config(timeout)).await?);
                Ok((connection, Some(client.get_connection_info().addr().clone())))
            }
        }
    }

    /// A client of the one server, or of the present master.
    pub(super) async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Server(server) => Client::open(server.clone()),
            Self::Sentinel { sentinels, master, node } => {
                Sentinel::build(sentinels.clone())?.async_master_for(master, Some(node)).await
            }
            Self::Cluster { .. } => Err((ErrorKind::Client, "a cluster has no one server").into()),
        }
    }

    /// A client of one server of the cluster, or of the master that Sentinels name, as long as it is this one.
    pub(super) async fn member(&self, host: &str, port: u16) -> RedisResult<Client> {
        let Self::Cluster { servers, tls, .. } = self else {
            let client = self.client().await?;
            let is_it = host_and_port(client.get_connection_info().addr()) == Some((host, port));
            return is_it.then_some(client).ok_or((ErrorKind::Client, "another server is the master").into());
        };
        let scheme = if *tls { "rediss" } else { "redis" };
        let info = format!("{scheme}://{host}:{port}").into_connection_info()?;
        Client::open(info.set_redis_settings(servers.clone()).set_tcp_settings(tcp()))
    }
}

impl Connection {
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Server(connection) => connection.send_packed_command(command).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
        .and_then(Value::extract_error)
    }
}

pub(super) fn host_and_port(address: &ConnectionAddr) -> Option<(&str, u16)> {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => Some((host, *port)),
        _ => None,
    }
}

/// Timeouts of every single answer.
pub(super) fn config(timeout: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(timeout))
}

pub(super) async fn connect(client: &Client, config: AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
    client.get_multiplexed_async_connection_with_config(&config).await
}

fn info(url: &str) -> RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp()))
}

fn tcp() -> TcpSettings {
    let keepalive = socket2::TcpKeepalive::new().with_time(UNACKNOWLEDGED).with_interval(Duration::from_secs(1));
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(UNACKNOWLEDGED);
    settings
}

/// The library repeats a command whose connection broke, which might append a message twice: no retries there.
fn cluster(servers: &[ConnectionInfo], timeout: Duration) -> RedisResult<ClusterClient> {
    ClusterClientBuilder::new(servers.iter().cloned())
        .retries(0)
        .connection_timeout(CONNECT)
        .response_timeout(timeout)
        .tcp_settings(tcp())
        .build()
}

async fn only_master(connection: &mut MultiplexedConnection) -> RedisResult<String> {
    let masters: Vec<std::collections::HashMap<String, Value>> =
        Cmd::new().arg("SENTINEL").arg("MASTERS").query_async(connection).await?;
    let names = masters.iter().filter_map(|master| master.get("name"));
    let mut names = names.map(String::from_redis_value_ref).collect::<Result<Vec<_>, _>>()?;
    match (names.pop(), names.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err((ErrorKind::MasterNameNotFoundBySentinel, "the Sentinels know no master").into()),
        _ => Err((ErrorKind::InvalidClientConfig, "the Sentinels know several masters: name one").into()),
    }
}
