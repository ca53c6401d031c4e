//! The command line: printed and checked configurations, login keys, and how a node that cannot start says so.

use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::support::answers::{codes, refused};
use crate::support::client::login_body;
use crate::support::command::{FREE_PORTS, Running, failure, finish, log_of, printed, program, run};
use crate::support::http::success;
use crate::support::node::{ADMIN_KEY, CERTIFICATION_KEY, LOGIN_KEY_SECRET};
use crate::support::{Client, Node, ROOM};

/// An empty working directory.
fn folder() -> TempDir {
    TempDir::with_prefix("guildhall-test-").expect("a temporary folder")
}

fn write(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).expect("the folder takes a file");
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is readable");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The game of [`Node`] under its name, and more games.
fn configuration(more: &str) -> String {
    format!(
        r#"
[admin]
keys = ["{ADMIN_KEY}"]
[[games]]
name = "demo"
[games.hive]
game_index = 7
certification_keys = ["{CERTIFICATION_KEY}"]
login_key_secret = "{LOGIN_KEY_SECRET}"
{more}"#
    )
}

#[tokio::test]
async fn the_printed_configuration_is_a_good_one_and_holds_the_defaults() {
    let folder = folder();
    let text = printed(&run(folder.path(), &["default-config"]).await);
    write(&folder, "printed.toml", &text);
    let summary = printed(&run(folder.path(), &["check-config", "--config", "printed.toml"]).await);
    assert!(summary.starts_with("configuration ok\n"), "{summary}");
    assert_eq!(printed(&run(folder.path(), &["check-config"]).await), summary, "as without a file");
    for address in ["127.0.0.1:7600", "127.0.0.1:7601"] {
        assert!(summary.contains(address) && text.contains(address), "{summary}");
    }
}

#[tokio::test]
async fn the_printed_configuration_is_good_with_everything_turned_on() {
    let folder = folder();
    let text = printed(&run(folder.path(), &["default-config"]).await);
    // The one section that needs a choice: in which of two lists its keys stand.
    let text = text.replace("#api_keys = []", "#api_keys = [\"a-key\"]");
    let turn_on = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => format!("{setting}\n"),
        _ => format!("{line}\n"),
    };
    write(&folder, "guildhall.toml", &text.lines().map(turn_on).collect::<String>());
    for file in ["certificate.pem", "key.pem"] {
        write(&folder, file, "");
    }
    let summary = printed(&run(folder.path(), &["check-config"]).await);
    assert!(summary.contains("my-game"), "{summary}");
}

#[tokio::test]
async fn checking_a_configuration_writes_nothing() {
    let folder = folder();
    printed(&run(folder.path(), &["check-config"]).await);
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn every_mistake_is_told_at_once_with_its_place() {
    let folder = folder();
    write(&folder, "guildhall.toml", "[limits]\nidle_sec = 0\nidle_secs = 1\n[log]\nformat = \"xml\"\n[[games]]\n");
    let mut check = program(folder.path(), &["check-config", "--public", "7600"]);
    check.env("GUILDHALL__LIMITS__CONNECT_SEC", "soon").env("GUILDHALL__LISTEN__ADDRESS", "x");
    let told = failure(&finish(check).await);
    assert!(told.starts_with("guildhall: 7 mistakes in the configuration:\n"), "{told}");
    for place in [
        "limits.idle_sec (guildhall.toml)",
        "limits.idle_secs (guildhall.toml)",
        "log.format (guildhall.toml)",
        "games[0].name",
        "limits.connect_sec (GUILDHALL__LIMITS__CONNECT_SEC)",
        "listen.address (GUILDHALL__LISTEN__ADDRESS)",
        "listen.public (--public)",
    ] {
        assert!(told.contains(&format!("\n  {place}")), "{place} in {told}");
    }
}

#[tokio::test]
async fn a_node_does_not_start_on_a_mistaken_configuration() {
    let folder = folder();
    write(&folder, "guildhall.toml", "[limits]\nidle_sec = 0\n");
    let checked = failure(&run(folder.path(), &["check-config"]).await);
    assert_eq!(failure(&run(folder.path(), &[]).await), checked);
    assert_eq!(names(folder.path()), ["guildhall.toml"]);
}

#[tokio::test]
async fn a_file_that_is_missing_or_no_toml_is_a_mistake() {
    let folder = folder();
    write(&folder, "broken.toml", "[limits]\nidle_sec = = 1\n");
    let told = failure(&run(folder.path(), &["check-config", "--config", "absent.toml"]).await);
    assert!(told.contains("absent.toml"), "{told}");
    let told = failure(&run(folder.path(), &["check-config", "--config", "broken.toml"]).await);
    assert!(told.contains("broken.toml") && told.contains("line 2"), "{told}");
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_ends_with_code_2() {
    let folder = folder();
    for arguments in [&["frobnicate"][..], &["--frobnicate"], &["token"], &["token", "--player", "x"]] {
        let output = run(folder.path(), arguments).await;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
    }
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn a_printed_login_key_opens_the_chat() {
    let folder = folder();
    write(&folder, "guildhall.toml", &configuration(""));
    let node = Node::start().await;
    for player in [5001, -1] {
        let key = printed(&run(folder.path(), &["token", "--player", &player.to_string()]).await);
        let mut client = Client::open(&node, player).await;
        let response = client.request("CONNECT", login_body(player, key.trim_end())).await;
        assert_eq!(response.status(), 200, "{key}");
    }
}

#[tokio::test]
async fn with_several_games_a_login_key_needs_the_name_of_one() {
    let folder = folder();
    let other = "[[games]]\nname = \"quiet\"\n[games.playwave]\napi_keys = [\"k\"]\n";
    write(&folder, "guildhall.toml", &configuration(other));
    printed(&run(folder.path(), &["token", "--player", "5001", "--game", "demo"]).await);
    for game in [&[][..], &["--game", "nowhere"], &["--game", "quiet"]] {
        let told = failure(&run(folder.path(), &[&["token", "--player", "5001"], game].concat()).await);
        assert!(told.contains("demo") || told.contains("games.hive"), "{told}");
    }
}

#[tokio::test]
async fn a_second_node_does_not_start_on_a_data_folder_in_use() {
    let folder = folder();
    let first = Running::start(folder.path(), &FREE_PORTS).await;
    let told = failure(&run(folder.path(), &FREE_PORTS).await);
    assert!(told.contains("guildhall-data") && told.contains("in use by another process"), "{told}");
    first.stop().await;
    Running::start(folder.path(), &FREE_PORTS).await.stop().await;
}

#[tokio::test]
async fn a_node_does_not_start_on_an_address_in_use() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    for (flag, other, setting) in [("--public", "--admin", "listen.public"), ("--admin", "--public", "listen.admin")] {
        let told = failure(&run(folder.path(), &[flag, &address, other, "127.0.0.1:0"]).await);
        assert!(told.contains(&format!("{setting}: cannot listen on {address}")), "{told}");
    }
}

#[tokio::test]
async fn a_node_told_to_end_right_after_its_ready_line_ends_in_good_order() {
    let folder = folder();
    for _ in 0..20 {
        Running::start(folder.path(), &FREE_PORTS).await.stop().await;
    }
}

/// Damages the data folder of a stopped node, which must then be refused and left as it is.
async fn expect_damaged(damage: impl Fn(&Path)) {
    let folder = folder();
    Running::start(folder.path(), &FREE_PORTS).await.stop().await;
    let data = folder.path().join("guildhall-data");
    damage(&data);
    let database = || fs::read(data.join("guildhall.db")).ok();
    let before = database();
    let told = failure(&run(folder.path(), &FREE_PORTS).await);
    assert!(told.contains("guildhall-data") && told.contains("is damaged"), "{told}");
    assert_eq!(database().filter(|database| !database.is_empty()), before, "left as it is");
}

fn remove_log(data: &Path) {
    for name in ["guildhall.db-wal", "guildhall.db-shm"] {
        let _ = fs::remove_file(data.join(name)); // perhaps the stop has done so
    }
}

#[tokio::test]
async fn a_node_does_not_start_on_a_database_that_is_none() {
    expect_damaged(|data| {
        remove_log(data);
        fs::write(data.join("guildhall.db"), "not a database ".repeat(1000)).expect("writable");
    })
    .await;
}

#[tokio::test]
async fn a_node_does_not_start_on_a_database_with_a_damaged_page() {
    expect_damaged(|data| {
        let database = rusqlite::Connection::open(data.join("guildhall.db")).expect("a database");
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("everything in one file");
        drop(database);
        remove_log(data);
        let mut bytes = fs::read(data.join("guildhall.db")).expect("readable");
        bytes[4096..].fill(0xA5);
        fs::write(data.join("guildhall.db"), bytes).expect("writable");
    })
    .await;
}

#[tokio::test]
async fn a_node_does_not_start_with_damaged_development_keys_and_shows_none() {
    let folder = folder();
    Running::start(folder.path(), &FREE_PORTS).await.stop().await;
    let keys = folder.path().join("guildhall-data").join("development.toml");
    let text = fs::read_to_string(&keys).expect("readable");
    fs::write(&keys, text.replace("admin_key", "admin_kay")).expect("writable");
    let told = failure(&run(folder.path(), &FREE_PORTS).await);
    assert!(told.contains("development.toml is damaged"), "{told}");
    let secrets = text.split('"').skip(1).step_by(2);
    assert_eq!(secrets.filter(|secret| told.contains(secret)).count(), 0, "{told}");
}

#[tokio::test]
async fn a_configured_node_prints_and_logs_no_secret() {
    let folder = folder();
    write(&folder, "guildhall.toml", &configuration(""));
    let summary = printed(&run(folder.path(), &["check-config"]).await);
    let node = Running::start(folder.path(), &[&FREE_PORTS[..], &["--log", "debug"]].concat()).await;
    let banner = node.banner.clone();
    node.stop().await;
    let log = log_of(folder.path());
    assert!(log.contains("DEBUG"), "{log}");
    for secret in [ADMIN_KEY, CERTIFICATION_KEY, LOGIN_KEY_SECRET] {
        assert!(![&summary, &banner, &log].iter().any(|text| text.contains(secret)), "{secret}");
    }
    let weak = configuration("").replace(LOGIN_KEY_SECRET, "hush-hush");
    write(&folder, "guildhall.toml", &weak);
    assert!(!failure(&run(folder.path(), &["check-config"]).await).contains("hush"));
}

#[tokio::test]
async fn a_busy_node_logs_no_secret() {
    let node = Node::builder().set("log.filter", "debug").start().await;
    let token = node.api().token(5001).await;
    let mut client = Client::open(&node, 5001).await;
    assert_eq!(client.request("CONNECT", login_body(5001, &token)).await.status(), 200);
    node.api()
        .create(json!({
            "channelId": ROOM, "channelName": "x", "type": "PRIVATE", "maxMemberCount": 2, "password": "hush-hush",
        }))
        .await;
    let enter =
        async |password| node.api().post("/channels/open:1/members/5001", json!({ "password": password })).await;
    refused("password", enter("mistyped-hush").await, codes::WRONG_PASSWORD);
    success("enter", enter("hush-hush").await);
    refused("key", node.api().with_bearer("mistyped-key").get("/channels").await, codes::INVALID_TOKEN);
    let mut refused_client = Client::open(&node, 5002).await;
    assert_eq!(refused_client.request("CONNECT", login_body(5002, &token)).await.status(), 401);
    success("overview", node.admin(Method::GET, "/admin/v1/overview", None).await);
    let log = node.log();
    for secret in [ADMIN_KEY, CERTIFICATION_KEY, LOGIN_KEY_SECRET, "hush", "mistyped-key", token.as_str()] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}
