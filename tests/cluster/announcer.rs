//! A game server that sends notices to all channels, most of them to the busiest.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::member::{Phase, Plan};
use crate::support::checker::{Recording, Said};

/// Between two notices.
const PAUSE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends them until the run ends, to each of the channels in turn and in between to the first.
pub(super) async fn announce(plan: Arc<Plan>, channels: Vec<String>, record: Arc<Mutex<Recording>>) {
    let turns = channels.iter().flat_map(|channel| [channel, &channels[0]]).cycle();
    for (number, channel) in turns.enumerate() {
        sleep(PAUSE).await;
        let phase = *plan.phase.borrow();
        match phase {
            Phase::Talk => {}
            Phase::End => return,
            Phase::Gather | Phase::Listen => continue,
        }
        let (text, at) = (format!("notice-{number}"), plan.begin.elapsed());
        let body = json!({ "channelId": channel, "message": text });
        let said = Said { channel: channel.clone(), text, at, acknowledged: false };
        record.lock().said.push(said);
        let answer = timeout(PATIENCE, plan.api.try_post("/notices/channel", body)).await;
        if answer.is_ok_and(|answer| answer.is_some_and(|(status, _)| status == 200)) {
            record.lock().said.last_mut().expect("it was said").acknowledged = true;
        }
    }
}
