//! A node started with no configuration at all: what it keeps, and that the lines it prints work as they stand.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use crate::support::command::{FREE_PORTS, Running, failure, printed, run};
use crate::support::key::now_ms;
use crate::support::play::{Cafe, GameServer, Origin, Venue};
use crate::support::shell::{answer_to, shell};
use crate::support::within;

fn folder() -> TempDir {
    TempDir::with_prefix("guildhall-test-").expect("a temporary folder")
}

/// The lines of a banner that begin with this word.
fn lines<'a>(banner: &'a str, word: &str) -> Vec<&'a str> {
    banner.lines().map(str::trim).filter(|line| line.starts_with(word)).collect()
}

/// Connects to a printed URL as player 5001 of the demo game; the status of the answer.
async fn connect_status(url: &str, login_key: &str) -> Value {
    let (mut socket, _) = within(url, tokio_tungstenite::connect_async(url)).await.expect("the handshake succeeds");
    let body = json!({ "gameIndex": 1, "playerId": 5001, "langCode": "en", "loginKey": login_key });
    let packet = json!({ "packetType": "CONNECT", "body": body }).to_string();
    within("sending", socket.send(Message::text(packet))).await.expect("the socket takes a message");
    let answer = within("an answer", socket.next()).await.expect("a message").expect("a good one");
    let answer: Value = serde_json::from_str(answer.to_text().expect("text")).expect("JSON");
    answer["status"].clone()
}

#[tokio::test]
async fn a_node_without_configuration_listens_on_loopback_and_keeps_its_data_to_itself() {
    let folder = folder();
    let node = Running::start(folder.path(), &FREE_PORTS).await;
    assert!(node.public.ip().is_loopback() && node.admin.ip().is_loopback());
    let data = folder.path().join("guildhall-data");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in fs::read_dir(&data).expect("readable") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert!(data.join("development.toml").is_file());
    node.stop().await;
}

#[tokio::test]
async fn beyond_loopback_a_node_without_configuration_does_not_start() {
    let folder = folder();
    for flags in [["--public", "0.0.0.0:0", "--admin", "127.0.0.1:0"], ["--public", "127.0.0.1:0", "--admin", "[::]:0"]]
    {
        let told = failure(&run(folder.path(), &flags).await);
        assert!(told.contains("no game is configured"), "{told}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0, "nothing was made");
}

#[tokio::test]
async fn the_printed_lines_work_as_they_stand() {
    let folder = folder();
    let node = Running::start(folder.path(), &FREE_PORTS).await;
    let curls = lines(&node.banner, "curl ");
    let [create, token] = curls[..] else { panic!("two curl lines in\n{}", node.banner) };
    let made = answer_to(folder.path(), create).await;
    assert_eq!((&made["code"], &made["data"]["channelId"]), (&json!(0), &json!("lobby")), "{made}");
    let issued = answer_to(folder.path(), token).await;
    let from_http = issued["data"]["token"].as_str().expect("a token").to_owned();
    let [by_hand] = lines(&node.banner, "guildhall token ")[..] else { panic!("a token line in\n{}", node.banner) };
    let by_hand = printed(&shell(folder.path(), by_hand).await);
    let [url] = lines(&node.banner, "ws://")[..] else { panic!("a socket URL in\n{}", node.banner) };
    for key in [from_http.as_str(), by_hand.trim_end()] {
        assert_eq!(connect_status(url, key).await, 200, "{key}");
    }
}

#[tokio::test]
async fn the_printed_lines_work_from_another_data_folder() {
    let folder = folder();
    let arguments = [&FREE_PORTS[..], &["--data", "somebody's data"]].concat();
    let node = Running::start(folder.path(), &arguments).await;
    let [by_hand] = lines(&node.banner, "guildhall token ")[..] else { panic!("a token line in\n{}", node.banner) };
    let key = printed(&shell(folder.path(), by_hand).await);
    let [url] = lines(&node.banner, "ws://")[..] else { panic!("a socket URL in\n{}", node.banner) };
    assert_eq!(connect_status(url, key.trim_end()).await, 200);
}

#[tokio::test]
async fn the_printed_play_line_plays_a_whole_session() {
    for data in [&[][..], &["--data", "somebody's data"]] {
        let folder = folder();
        let node = Running::start(folder.path(), &[&FREE_PORTS[..], data].concat()).await;
        let [line] = lines(&node.banner, "guildhall play ")[..] else { panic!("a play line in\n{}", node.banner) };
        let told = printed(&shell(folder.path(), line).await);
        assert!(told.contains("DELETE /v1/launcher/session/end\n"), "{told}");
        assert_eq!(told.matches("\n< 200").count(), told.matches("> ").count(), "{told}");
        node.stop().await;
    }
}

#[tokio::test]
async fn the_printed_keys_of_play_open_its_two_sides() {
    let folder = folder();
    let node = Running::start(folder.path(), &FREE_PORTS).await;
    let key = |name: &str| match lines(&node.banner, name)[..] {
        [line] => line.rsplit(' ').next().expect("a key").to_owned(),
        _ => panic!("{name} in\n{}", node.banner),
    };
    let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let venue = Venue { http, origin: Origin::new([format!("http://{}", node.public)]), now_ms: Arc::new(now_ms) };
    let secret = key("secret of cafe-1");
    let cafe = Cafe { venue: venue.clone(), id: "cafe-1".to_owned(), secret, forwarded_for: None };
    let launcher = cafe.launcher("pc-1").await;
    let server = GameServer { venue, api_key: key("API key") };
    server.session(&launcher.token("demo").await, "5001").await.end().await.data();
}

#[tokio::test]
async fn the_printed_admin_key_opens_the_operator_api() {
    let folder = folder();
    let node = Running::start(folder.path(), &FREE_PORTS).await;
    let [line] = lines(&node.banner, "admin key ")[..] else { panic!("an admin key in\n{}", node.banner) };
    let key = line.rsplit(' ').next().expect("a key");
    let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let request = client.get(format!("http://{}/admin/v1/overview", node.admin)).header("X-Admin-Key", key);
    assert_eq!(within("overview", request.send()).await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn the_keys_of_the_first_start_stay() {
    let folder = folder();
    let mut banners = Vec::new();
    for _ in 0..2 {
        let node = Running::start(folder.path(), &FREE_PORTS).await;
        let keys = [lines(&node.banner, "certification key "), lines(&node.banner, "admin key ")].concat();
        banners.push(keys.join("\n"));
        node.stop().await;
    }
    assert_eq!(banners[0], banners[1]);
    let elsewhere = self::folder();
    let other = Running::start(elsewhere.path(), &FREE_PORTS).await;
    assert_ne!(lines(&other.banner, "admin key ").concat(), banners[0].lines().last().unwrap_or_default(), "random");
}
