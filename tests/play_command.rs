//! `guildhall play`: a whole session against a running node, told request by request.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::command::finish;
use crate::support::command::{FREE_PORTS, Running, failure, printed, program, run, text};

const SECRETS: &str = r#"
[[games]]
name = "one"
[games.playwave]
api_keys = ["api-key-of-one"]
[[games]]
name = "two"
[games.playwave]
api_keys_sha256 = ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]
[[cafes]]
id = "east"
secret = "secret-of-cafe-east"
networks = ["127.0.0.1"]
balance = 100
[[cafes]]
id = "west"
secret = "secret-of-cafe-west"
networks = ["198.51.100.0/24"]
"#;

/// The shortest play.
const QUICK: [&str; 3] = ["play", "--every-ms", "0"];

fn folder() -> TempDir {
    TempDir::with_prefix("guildhall-test-").expect("a temporary folder")
}

/// A node of two games and two cafes, and a folder with its configuration.
async fn configured() -> (TempDir, Running) {
    let folder = folder();
    std::fs::write(folder.path().join("guildhall.toml"), SECRETS).expect("the folder takes a file");
    let node = Running::start(folder.path(), &FREE_PORTS).await;
    (folder, node)
}

/// Plays against a node with more arguments.
async fn play(folder: &Path, node: &Running, arguments: &[&str]) -> std::process::Output {
    let url = format!("http://{}", node.public);
    run(folder, &[&QUICK[..], &["--url", &url], arguments].concat()).await
}

/// The requests that were printed, and the statuses of the answers.
fn requests_and_statuses(printed: &str) -> (Vec<&str>, Vec<&str>) {
    let after = |mark: &'static str| printed.lines().filter_map(move |line| line.strip_prefix(mark)).collect();
    (after("> "), after("< "))
}

/// What a whole play asks, with this many heartbeats.
fn whole_play(heartbeats: usize) -> Vec<&'static str> {
    let start = ["POST /v1/launcher/session/start", "POST /v1/launcher/ott", "POST /v1/game/session/verify"];
    let beat = ["PATCH /v1/game/session/heartbeat", "PATCH /v1/launcher/session/heartbeat"];
    let end = ["DELETE /v1/game/session/end", "DELETE /v1/launcher/session/end"];
    [&start[..], &beat.repeat(heartbeats), &end].concat()
}

#[tokio::test]
async fn without_configuration_a_whole_session_is_played_and_told() {
    let folder = folder();
    let node = Running::start(folder.path(), &FREE_PORTS).await;
    let told = printed(&play(folder.path(), &node, &[]).await);
    let (requests, statuses) = requests_and_statuses(&told);
    assert_eq!(requests, whole_play(3));
    assert!(statuses.len() == requests.len() && statuses.iter().all(|status| status.starts_with("200")), "{told}");
    // Every body stands on a line of its own, and is what went over the wire.
    let bodies: Vec<Value> = told.lines().filter_map(|line| serde_json::from_str(line.trim()).ok()).collect();
    assert_eq!(bodies.len(), 2 * requests.len(), "{told}");
    assert!(bodies.iter().any(|body| body["data"]["is_valid"] == true), "{told}");
    assert!(bodies.iter().any(|body| body["data"]["result"] == "SUCCESS"), "{told}");
    node.stop().await;
}

#[tokio::test]
async fn with_configuration_the_cafe_and_the_game_are_named() {
    let (folder, node) = configured().await;
    let arguments = ["--cafe", "east", "--game", "one", "--heartbeats", "1", "--pc", "pc-7", "--player", "77"];
    let told = printed(&play(folder.path(), &node, &arguments).await);
    assert_eq!(requests_and_statuses(&told).0, whole_play(1));
    assert!(told.contains("\"pc_id\":\"pc-7\"") && told.contains("\"provider_user_id\":\"77\""), "{told}");
    // Again, with a key that is only known by its digest.
    let arguments = ["--cafe", "east", "--game", "two", "--api-key", "abc", "--heartbeats", "0"];
    let told = printed(&play(folder.path(), &node, &arguments).await);
    assert_eq!(requests_and_statuses(&told).0, whole_play(0));
    node.stop().await;
}

#[tokio::test]
async fn from_another_machine_everything_is_given_by_hand() {
    let (_served, node) = configured().await;
    let elsewhere = folder();
    let mut by_hand = program(elsewhere.path(), &QUICK);
    by_hand.args(["--url", &format!("http://{}/", node.public), "--cafe", "east", "--game", "one"]);
    by_hand.env("GUILDHALL_CAFE_SECRET", "secret-of-cafe-east").env("GUILDHALL_API_KEY", "api-key-of-one");
    let told = printed(&finish(by_hand).await);
    assert_eq!(requests_and_statuses(&told).0, whole_play(3));
    for secret in ["secret-of-cafe-east", "api-key-of-one"] {
        assert!(!told.contains(secret), "{told}");
    }
    node.stop().await;
}

#[tokio::test]
async fn a_play_that_lacks_something_says_what() {
    let (folder, node) = configured().await;
    for (arguments, reason) in [
        (&["--game", "one"][..], "which cafe? Name one with --cafe: east, west"),
        (
            &["--game", "one", "--cafe", "nowhere"],
            "no cafe nowhere in the configuration (east, west): give its --cafe-secret",
        ),
        (&["--cafe", "east"], "which game? Name one with --game: one, two"),
        (&["--cafe", "east", "--game", "two"], "no key of two in the configuration: give its --api-key"),
        (&["--cafe", "east", "--game", "three"], "no key of three in the configuration: give its --api-key"),
        (&["--cafe", "e st", "--cafe-secret", "x", "--game", "one"], "e st is no cafe id"),
        (&["--cafe", "east", "--game", "one", "--url", "https://127.0.0.1"], "https://127.0.0.1: not an http:// URL"),
    ] {
        // The last --url counts.
        let mut all = QUICK.to_vec();
        let url = format!("http://{}", node.public);
        if !arguments.contains(&"--url") {
            all.extend(["--url", &url]);
        }
        let told = failure(&run(folder.path(), &[&all, arguments].concat()).await);
        assert_eq!(told.trim_end(), format!("guildhall: {reason}"));
    }
    node.stop().await;
}

/// Asserts exit code 1 after so many requests, and gives the reason.
#[track_caller]
fn broke_off(output: &std::process::Output, requests: usize) -> String {
    let (printed, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{printed}{told}");
    assert_eq!(requests_and_statuses(&printed).0.len(), requests, "{printed}");
    assert!(told.starts_with("guildhall: ") && told.lines().count() == 1, "{told}");
    told
}

#[tokio::test]
async fn a_play_that_is_refused_shows_the_answer_and_ends_with_code_1() {
    let (folder, node) = configured().await;
    let cases = [
        (&["--cafe", "nowhere", "--cafe-secret", "guessed"][..], 1, "401", "INVALID_SIGNATURE"),
        (&["--cafe", "east", "--cafe-secret", "guessed"], 1, "401", "INVALID_SIGNATURE"),
        (&["--cafe", "west"], 1, "403", "NOT_PC_CAFE"),
        (&["--cafe", "east", "--game", "three", "--api-key", "x"], 2, "404", "GAME_NOT_FOUND"),
        (&["--cafe", "east", "--api-key", "guessed"], 3, "401", "INVALID_API_KEY"),
    ];
    for (arguments, requests, status, code) in cases {
        let game = if arguments.contains(&"--game") { &[][..] } else { &["--game", "one"] };
        let output = play(folder.path(), &node, &[arguments, game].concat()).await;
        let reason = broke_off(&output, requests);
        assert!(reason.contains(&format!("was answered {status}")), "{reason}");
        assert!(text(&output.stdout).contains(code), "{code}");
    }
    node.stop().await;
}

#[tokio::test]
async fn a_play_without_coins_says_so() {
    let folder = folder();
    let broke = SECRETS.replace("balance = 100", "balance = 0");
    std::fs::write(folder.path().join("guildhall.toml"), broke).expect("the folder takes a file");
    let node = Running::start(folder.path(), &FREE_PORTS).await;
    let output = play(folder.path(), &node, &["--cafe", "east", "--game", "one"]).await;
    assert_eq!(broke_off(&output, 2).trim_end(), "guildhall: no token: NOT_CHARGEABLE");
    node.stop().await;
}

#[tokio::test]
async fn a_node_that_is_away_is_told_with_its_address() {
    let folder = folder();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let output = run(folder.path(), &[&QUICK[..], &["--url", &url]].concat()).await;
    let reason = broke_off(&output, 1);
    assert!(reason.contains(&url), "{reason}");
}
