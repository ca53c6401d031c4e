//! Redis behind TLS and a password.

use tempfile::TempDir;

use crate::support::command::{FREE_PORTS, Running, failure, finish, program};
use crate::support::eventually;
use crate::support::free_port::free_port;
use crate::support::redis::RedisServer;
use crate::support::secure::certify;

const PASSWORD: &str = "pass-word-of-nodes";

/// A server that speaks TLS on the returned port, and knows the user `nodes`.
async fn guarded_server(folder: &TempDir) -> (RedisServer, u16) {
    certify(folder.path());
    let (port, path) = (free_port(), folder.path().display());
    let settings = format!(
        "tls-port {port}\ntls-cert-file {path}/certificate.pem\ntls-key-file {path}/key.pem\n\
         tls-ca-cert-file {path}/certificate.pem\ntls-auth-clients no\nuser nodes on >{PASSWORD} ~* &* +@all\n"
    );
    (RedisServer::start_with(&settings).await, port)
}

/// The program with its state at this address, trusting what the folder holds.
fn node(folder: &TempDir, url: &str) -> tokio::process::Command {
    let mut command = program(folder.path(), &FREE_PORTS);
    command.env("SSL_CERT_FILE", folder.path().join("certificate.pem"));
    command.env("GUILDHALL__STORE__KIND", "redis").env("GUILDHALL__STORE__URL", url);
    command
}

#[tokio::test]
async fn a_node_works_over_tls_and_with_a_user_of_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, port) = guarded_server(&folder).await;
    let url = format!("rediss://nodes:{PASSWORD}@127.0.0.1:{port}");
    let running = Running::of(folder.path(), node(&folder, &url)).await;
    let ready = format!("http://{}/readyz", running.admin);
    eventually("the node is ready", async || reqwest::get(&ready).await.ok().filter(|answer| answer.status() == 200))
        .await;
    let users: String = server.command(&["CLIENT", "LIST"]).await;
    assert!(users.contains("user=nodes"), "{users}");
}

#[tokio::test]
async fn a_wrong_password_ends_the_start_at_once_and_is_not_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, _) = guarded_server(&folder).await;
    let url = format!("redis://nodes:wrong-{PASSWORD}@{}", server.address());
    let told = failure(&finish(node(&folder, &url)).await);
    assert!(told.contains("store.url"), "{told}");
    assert!(!told.contains(PASSWORD), "{told}");
}
