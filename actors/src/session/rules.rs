//! The rules of play and money: from documents and `now` to documents, effects and a reply ("PlayWave API"; where it
//! is silent, the reading is named beside the rule).
//!
//! A rule reads what it needs from a [`View`] and asks for what has not been read. It never looks at a clock: `now`
//! is handed in, and a `now` that lies before a session's last sign of life counts as that instant, so that no clock
//! that was set back takes play away.

mod account;
mod billing;
mod end;
mod heartbeat;
mod launcher;
mod life;
mod verify;

pub use account::{credit, open_account, register};
pub use billing::play_duration_sec;
pub use end::{end, suspend, sweep, terminate};
pub use heartbeat::{check, heartbeat};
pub use launcher::{end_launcher, issue_token, launcher_heartbeat, start_launcher};
pub use verify::verify;
