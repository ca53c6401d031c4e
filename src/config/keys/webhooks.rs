//! Settings of `[webhooks]`: how long accepted webhooks are kept, and when one that was cut off is taken up.

use super::{Default, Key, Kind, Presence, Section};

pub(super) const WEBHOOKS: Section = Section {
    path: "webhooks",
    presence: Presence::Always,
    about: "Accepted webhooks and the event stream made of them.",
    keys: &[
        row(
            "keep_days",
            1,
            3650,
            "30",
            "Days for which a webhook stays in the event stream, and its repeats are known",
        ),
        row(
            "keep_events",
            1000,
            100_000_000,
            "1000000",
            "Newest webhooks kept of a game; beyond: older ones are dropped",
        ),
        row(
            "retry_sec",
            1,
            3600,
            "5",
            "Seconds between two looks for webhooks whose effects a crash or a fault cut off",
        ),
    ],
};

const fn row(name: &'static str, min: i64, max: i64, default: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::Whole { min, max }, default: Default::Value(default), about }
}
