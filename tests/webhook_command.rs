//! `guildhall sign`: a webhook as a curl line that works as it stands.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::command::{FREE_PORTS, Running, failure, printed, run};
use crate::support::shell::{answer_to, shell};
use crate::support::webhooks::{HALL_API_KEY, tables};

fn folder() -> TempDir {
    TempDir::with_prefix("guildhall-test-").expect("a temporary folder")
}

/// The one line that the command prints for a node.
async fn signed(folder: &TempDir, node: &Running, arguments: &[&str]) -> String {
    let url = format!("http://{}", node.public);
    let told = printed(&run(folder.path(), &[&["sign"], arguments, &["--url", &url]].concat()).await);
    let lines: Vec<_> = told.lines().filter(|line| line.starts_with("curl ")).collect();
    let [line] = lines[..] else { panic!("one curl line in\n{told}") };
    line.to_owned()
}

/// A node without configuration that knows player 5001.
async fn development() -> (TempDir, Running) {
    let folder = folder();
    let node = Running::start(folder.path(), &FREE_PORTS).await;
    let mut curls = node.banner.lines().map(str::trim).filter(|line| line.starts_with("curl "));
    let token = curls.find(|line| line.contains("/users/5001/token")).expect("a line that issues a token");
    assert_eq!(answer_to(folder.path(), token).await["code"], 0);
    (folder, node)
}

#[tokio::test]
async fn a_printed_profile_update_is_accepted_as_it_stands() {
    let (folder, node) = development().await;
    let arguments = ["aghanim", "--player", "5001", "--name", "Ann O'Brien 등대", "--email", "ann@example.test"];
    let line = signed(&folder, &node, &arguments).await;
    for _ in 0..2 {
        assert_eq!(answer_to(folder.path(), &line).await, json!({ "status": "ok" }), "{line}");
    }
    node.stop().await;
}

#[tokio::test]
async fn a_printed_profile_update_of_somebody_unknown_is_not_found() {
    let (folder, node) = development().await;
    let line = signed(&folder, &node, &["aghanim", "--player", "6001", "--name", "Ann"]).await;
    assert_eq!(answer_to(folder.path(), &line).await["code"], "not_found", "{line}");
    node.stop().await;
}

#[tokio::test]
async fn a_printed_suspension_is_accepted_as_it_stands() {
    let (folder, node) = development().await;
    let line = signed(&folder, &node, &["hive-suspension", "--player", "5001"]).await;
    for _ in 0..2 {
        assert_eq!(answer_to(folder.path(), &line).await, json!({ "result_code": 0 }), "{line}");
    }
    node.stop().await;
}

#[tokio::test]
async fn the_lines_of_the_banner_print_curl_lines_that_work() {
    for data in [&[][..], &["--data", "somebody's data"]] {
        let folder = folder();
        let node = Running::start(folder.path(), &[&FREE_PORTS[..], data].concat()).await;
        let lines = node.banner.lines().map(str::trim).filter(|line| line.starts_with("guildhall sign "));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 2, "{}", node.banner);
        for line in lines {
            let curl = printed(&shell(folder.path(), line).await);
            let answer = answer_to(folder.path(), &curl).await;
            // Nobody knows the player yet.
            assert!(answer["code"] == "not_found" || answer == json!({ "result_code": 0 }), "{line}: {answer}");
        }
        node.stop().await;
    }
}

#[tokio::test]
async fn with_configuration_the_game_is_named() {
    let folder = folder();
    std::fs::write(folder.path().join("guildhall.toml"), tables("", "")).expect("the folder takes a file");
    let node = Running::start(folder.path(), &FREE_PORTS).await;
    let suspend = ["hive-suspension", "--game", "hall", "--player", "5001"];
    let line = signed(&folder, &node, &suspend).await;
    assert_eq!(answer_to(folder.path(), &line).await, json!({ "result_code": 0 }), "{line}");
    let update = ["aghanim", "--game", "hall", "--player", "5001", "--name", "Ann"];
    let line = signed(&folder, &node, &update).await;
    let answer = answer_to(folder.path(), &line).await;
    assert!(answer["status"] == "ok" || answer["code"] == "not_found", "{answer}");
    let events = format!("curl -X GET http://{}/v1/events -H 'X-Api-Key: {HALL_API_KEY}'", node.public);
    let events: Value = answer_to(folder.path(), &events).await;
    assert_eq!(events["data"]["events"].as_array().map(Vec::len), Some(2), "{events}");
    node.stop().await;
}

#[tokio::test]
async fn a_sign_that_lacks_something_says_what() {
    let folder = folder();
    std::fs::write(folder.path().join("guildhall.toml"), tables("", "")).expect("the folder takes a file");
    for arguments in [
        &["sign", "aghanim", "--game", "nowhere", "--player", "5001"][..],
        &["sign", "hive-suspension", "--game", "nowhere", "--player", "5001"],
    ] {
        let told = failure(&run(folder.path(), arguments).await);
        assert!(told.contains("nowhere") && told.contains("hall"), "{told}");
    }
}
