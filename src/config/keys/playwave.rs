//! Settings of `[playwave]`: the times of game sessions, the same for every game.

use super::{Default, Key, Kind, Presence, Section, forms};

pub(super) const PLAYWAVE: Section = Section {
    path: "playwave",
    presence: Presence::Always,
    about: "Times of game sessions and launchers.",
    keys: &[
        seconds(
            "heartbeat_sec",
            1,
            3600,
            "120",
            "Seconds a game server or launcher is told to wait until its next heartbeat",
        ),
        seconds("silence_sec", 1, 86_400, "240", "Seconds without a game heartbeat after which a session is gone"),
        seconds("slack_sec", 0, 600, "5", "Seconds of forbearance beyond silence_sec and a launcher's silence"),
        seconds(
            "launcher_silence_sec",
            1,
            86_400,
            "240",
            "Seconds without a launcher heartbeat after which a game heartbeat ends the session",
        ),
        seconds("grace_sec", 5, 86_400, "120", "Seconds from the first CHARGE_EXHAUSTED to the end of the session"),
        seconds("ott_sec", 1, 3600, "60", "Seconds a one-time token can be used"),
        seconds(
            "remember_sec",
            0,
            86_400,
            "600",
            "Seconds for which ended sessions are answered 410 and 409, and used tokens are known",
        ),
        seconds("credit_sec", 1, 2_592_000, "86400", "Seconds for which a repeated credit gets its first answer"),
        seconds(
            "signature_sec",
            1,
            86_400,
            "300",
            "Seconds by which the timestamp of a launcher's signature may be off",
        ),
        seconds("actor_idle_sec", 1, 3600, "30", "Seconds after its last call until a session's actor is let go"),
        Key {
            name: "sweep_ms",
            kind: Kind::Whole { min: 10, max: 60_000 },
            default: Default::Value("1000"),
            about: "Milliseconds between two looks for sessions whose time has come",
        },
        Key {
            name: "launch_prefix",
            kind: Kind::Text(&forms::PREFIX),
            default: Default::Value(r#""playwave_""#),
            about: "What launch_data begins with, before the one-time token",
        },
    ],
};

const fn seconds(name: &'static str, min: i64, max: i64, default: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::Whole { min, max }, default: Default::Value(default), about }
}
