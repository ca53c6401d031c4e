//! A real HAProxy in front of nodes, with the configuration that `deploy/` ships.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tempfile::TempDir;

use super::eventually;
use super::free_port::free_port;
use super::packages::{guarded, require};
use super::process::{Addresses, Process};

const CONFIG: &str = "deploy/haproxy.cfg";
/// The servers of the configuration, as its variables call them.
const SERVERS: [&str; 3] = ["A", "B", "C"];
/// A chosen port may be taken before HAProxy listens on it.
const ATTEMPTS: usize = 5;

/// A running HAProxy, gone when this is dropped.
pub(crate) struct Balancer {
    process: Process,
    addresses: Addresses,
    stats: SocketAddr,
    _folder: TempDir,
}

impl Balancer {
    /// HAProxy before one to three nodes; fewer than three take several places each.
    pub(crate) async fn start(nodes: &[Addresses]) -> Self {
        let mut log = String::new();
        for _ in 0..ATTEMPTS {
            let mut balancer = Self::spawn(nodes);
            if balancer.gets_ready().await {
                return balancer;
            }
            log = balancer.process.log();
        }
        panic!("HAProxy does not start; its log:\n{log}");
    }

    fn spawn(nodes: &[Addresses]) -> Self {
        let folder = TempDir::with_prefix("guildhall-haproxy-").expect("a temporary folder");
        let [public, admin, stats] = [(); 3].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let mut command = guarded(require("haproxy"));
        command.args(["-db", "-f"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(CONFIG));
        for (name, address) in [("BIND", public), ("ADMIN_BIND", admin), ("STATS_BIND", stats)] {
            command.env(format!("GUILDHALL_{name}"), address.to_string());
        }
        for (server, node) in SERVERS.iter().zip(nodes.iter().cycle()) {
            command.env(format!("GUILDHALL_{server}"), node.public.ip().to_string());
            command.env(format!("GUILDHALL_{server}_PUBLIC"), node.public.port().to_string());
            command.env(format!("GUILDHALL_{server}_ADMIN"), node.admin.port().to_string());
        }
        let process = Process::spawn(&mut command, folder.path().join("haproxy.log"));
        Self { process, addresses: Addresses { public, admin }, stats, _folder: folder }
    }

    /// Where clients and operators go.
    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Waits until all servers take requests.
    pub(crate) async fn all_up(&self) {
        self.up(SERVERS.len()).await;
    }

    /// Waits until so many servers take requests.
    pub(crate) async fn up(&self, count: usize) {
        let up = async || (self.servers_up().await? == count).then_some(());
        eventually(&format!("{count} servers are up"), up).await;
    }

    /// How many servers take requests, by HAProxy's own statistics.
    pub(crate) async fn servers_up(&self) -> Option<usize> {
        let url = format!("http://{}/;csv", self.stats);
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let table = http.get(url).send().await.ok()?.text().await.ok()?;
        // Checked as `nodes`; the admin listeners follow.
        let servers = table.lines().filter(|line| line.starts_with("nodes,") && !line.starts_with("nodes,BACKEND,"));
        Some(servers.filter(|line| line.contains(",UP,")).count())
    }

    /// Whether it answers, before it ends.
    async fn gets_ready(&mut self) -> bool {
        eventually("HAProxy answers", async || {
            if self.process.exit_status().is_some() {
                return Some(false);
            }
            self.servers_up().await.map(|_| true)
        })
        .await
    }
}
