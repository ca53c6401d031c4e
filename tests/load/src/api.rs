//! What a game server does before and after: makes channels and deletes them, over the HTTP API. One call at a time;
//! what comes in masses goes through [`crate::engine::calls`].

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::options::Target;

const PATIENCE: Duration = Duration::from_secs(30);
/// The contract's names are no longer (`channelName`), and its channels no smaller (`maxMemberCount`).
const LEAST_MEMBERS: usize = 2;

/// The game's API.
#[derive(Clone)]
pub(crate) struct Api {
    http: ureq::Agent,
    base: String,
    bearer: String,
}

/// Channels that are deleted when this is dropped.
pub(crate) struct Channels {
    api: Api,
    names: Vec<String>,
}

impl Api {
    pub(crate) fn new(target: &Target) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        Self {
            http: config.timeout_global(Some(PATIENCE)).build().new_agent(),
            base: format!("{}/api/v1/games/{}", target.urls[0].trim_end_matches('/'), target.game_index),
            bearer: format!("Bearer {}", target.certification_key),
        }
    }

    /// Makes public channels for so many members each. Their names are of one length, so that all their messages are.
    ///
    /// # Errors
    /// The server refuses one.
    pub(crate) fn create_channels(&self, sizes: impl IntoIterator<Item = usize>) -> Result<Channels> {
        let mut channels = Channels { api: self.clone(), names: Vec::new() };
        for (number, members) in sizes.into_iter().enumerate() {
            let name = format!("bench-{}-{number:05}", std::process::id());
            let max = members.max(LEAST_MEMBERS);
            self.create(&json!({ "channelId": name, "channelName": name, "type": "PUBLIC", "maxMemberCount": max }))?;
            channels.names.push(name);
        }
        Ok(channels)
    }

    fn create(&self, channel: &Value) -> Result<()> {
        let request = self.http.post(format!("{}/channel", self.base)).header("Authorization", &self.bearer);
        let mut answer = request.send_json(channel).context("a channel cannot be made")?;
        let told = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "a channel cannot be made: {} {told}", answer.status());
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<()> {
        let request = self.http.delete(format!("{}/channels/{name}", self.base));
        request.header("Authorization", &self.bearer).call()?;
        Ok(())
    }
}

impl Channels {
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.clone()
    }
}

impl Drop for Channels {
    fn drop(&mut self) {
        for name in &self.names {
            if let Err(error) = self.api.delete(name) {
                // The server is gone, and the channels with it or not; one line is enough.
                eprintln!("channel {name} is left behind: {error}");
                return;
            }
        }
    }
}
