//! Printed lines, run as somebody would who copies them.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use super::command::{PROGRAM, finish, text};
use super::within;

/// Runs a line in a shell that finds our program, in the working directory of the node.
pub(crate) async fn shell(folder: &Path, line: &str) -> std::process::Output {
    let programs = Path::new(PROGRAM).parent().expect("a file lies in a folder").to_owned();
    let known = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&known))).expect("a path");
    let mut sh = Command::new("sh");
    sh.args(["-c", line]).current_dir(folder).env("PATH", path).env("no_proxy", "*").kill_on_drop(true);
    finish(sh).await
}

/// What a printed `curl` line is answered: by curl where there is one, else by the same request made here.
pub(crate) async fn answer_to(folder: &Path, line: &str) -> Value {
    let curl = Command::new("curl").arg("--version").output().await.is_ok();
    let body = if curl { text(&shell(folder, line).await.stdout) } else { replay(line).await };
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{line}: {error}: {body}"))
}

/// Makes the request of a `curl -X POST URL [-H 'name: value'] [-d 'body']` line.
async fn replay(line: &str) -> String {
    let mut words = line.split(' ').map(|word| word.trim_matches('\''));
    let url = words.find(|word| word.starts_with("http")).expect("a URL");
    let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let mut request = client.post(url);
    for (flag, value) in quoted(line) {
        request = match value.split_once(": ").filter(|_| flag == "-H") {
            Some((name, value)) => request.header(name, value),
            None => request.body(value.to_owned()),
        };
    }
    let response = within(line, request.send()).await.expect("an answer");
    within(line, response.text()).await.expect("a body")
}

/// Each quoted value of a command line, with the flag before it.
fn quoted(line: &str) -> Vec<(&str, &str)> {
    let parts: Vec<_> = line.split('\'').collect();
    let flag = |text: &'_ str| text.trim_end().rsplit(' ').next().map_or(0, str::len);
    parts
        .chunks_exact(2)
        .map(|pair| (&pair[0].trim_end()[pair[0].trim_end().len() - flag(pair[0])..], pair[1]))
        .collect()
}
