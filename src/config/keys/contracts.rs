//! Settings of games, of the contracts each of them speaks, and of cafes.

use super::super::forms;
use super::{Default, Key, Kind, Presence, Section};

pub(super) const GAMES: Section = Section {
    path: "games[]",
    presence: Presence::Optional,
    about: "A game; repeat the section for more. Without any, and on loopback only, a demo game is made.",
    keys: &[Key {
        name: "name",
        kind: Kind::Text(&forms::NAME),
        default: Default::Required { sample: r#""my-game""# },
        about: "Key of the game's data: renaming a game starts it empty",
    }],
};

pub(super) const HIVE: Section = Section {
    path: "games[].hive",
    presence: Presence::Optional,
    about: "Hive Chat and Hive user suspension of the game above.",
    keys: &[
        Key {
            name: "game_index",
            kind: Kind::Whole { min: 1, max: i64::MAX },
            default: Default::Required { sample: "1" },
            about: "Number of the game in URLs, packets and login keys",
        },
        Key {
            name: "certification_keys",
            kind: Kind::List(&forms::SECRET),
            default: Default::Required { sample: r#"["a-long-random-text-of-your-own"]"# },
            about: "Bearers of the chat HTTP API",
        },
        Key {
            name: "login_key_secret",
            kind: Kind::Text(&forms::SIGNING_SECRET),
            default: Default::Required { sample: r#""another-long-random-text-of-your-own""# },
            about: "Signs and checks login keys (HS256, its UTF-8 bytes); use 32 random bytes or more",
        },
        Key {
            name: "suspension_keys",
            kind: Kind::List(&forms::SECRET),
            default: Default::Value("[]"),
            about: "Bearers of the suspension webhook; empty closes it",
        },
        Key {
            name: "suspension_utc_offset",
            kind: Kind::Text(&forms::UTC_OFFSET),
            default: Default::Value(r#""+00:00""#),
            about: "Time zone of the dates in the suspension webhook",
        },
    ],
};

pub(super) const PLAYWAVE: Section = Section {
    path: "games[].playwave",
    presence: Presence::Optional,
    about: "PlayWave game sessions of the game above. Needs a key in one of the two lists.",
    keys: &[
        Key {
            name: "api_keys",
            kind: Kind::List(&forms::SECRET),
            default: Default::Value("[]"),
            about: "Accepted X-Api-Key values",
        },
        Key {
            name: "api_keys_sha256",
            kind: Kind::List(&forms::DIGEST),
            default: Default::Value("[]"),
            about: "The same as SHA-256 digests in hex, so that the file holds no key",
        },
        Key {
            name: "rate.coins",
            kind: Kind::Whole { min: 0, max: 1_000_000_000 },
            default: Default::Value("1"),
            about: "Price in coins of each begun unit of play",
        },
        Key {
            name: "rate.unit_sec",
            kind: Kind::Whole { min: 1, max: 86_400 },
            default: Default::Value("60"),
            about: "Length of a unit of play, in seconds",
        },
        Key {
            name: "active",
            kind: Kind::Flag,
            default: Default::Value("true"),
            about: "Whether the game is served; otherwise its keys are refused and no launcher is offered it",
        },
        Key {
            name: "title",
            kind: Kind::Text(&forms::TEXT),
            default: Default::Made { means: "the game's name", sample: r#""Demo""# },
            about: "Name that launchers show",
        },
        Key {
            name: "provider",
            kind: Kind::Text(&forms::TEXT),
            default: Default::Value(r#""roblox""#),
            about: "Platform that launchers start the game on",
        },
        Key {
            name: "place_id",
            kind: Kind::Text(&forms::TEXT),
            default: Default::Made { means: "none", sample: r#""1818""# },
            about: "Id of the game at that platform",
        },
    ],
};

pub(super) const AGHANIM: Section = Section {
    path: "games[].aghanim",
    presence: Presence::Optional,
    about: "Aghanim webhooks of the game above.",
    keys: &[
        Key {
            name: "game_id",
            kind: Kind::Text(&forms::TEXT),
            default: Default::Required { sample: r#""gm_1""# },
            about: "Id of the game at Aghanim",
        },
        Key {
            name: "webhook_secrets",
            kind: Kind::List(&forms::SECRET),
            default: Default::Required { sample: r#"["the-secret-shown-by-aghanim"]"# },
            about: "Secrets that sign the webhooks",
        },
        Key {
            name: "freshness_sec",
            kind: Kind::Whole { min: 0, max: 86_400 },
            default: Default::Value("300"),
            about: "Seconds by which a webhook's timestamp may be off; 0 turns the check off",
        },
        Key {
            name: "unknown_players",
            kind: Kind::Choice(&["not_found", "create"]),
            default: Default::Value(r#""not_found""#),
            about: "What player.update does for an unknown player: refuse it, or create the player",
        },
        Key {
            name: "notify_profile_update",
            kind: Kind::Flag,
            default: Default::Value("false"),
            about: "Whether a profile change is pushed to the player's socket as NOTIFY_NOTICE",
        },
        Key {
            name: "player_verify",
            kind: Kind::Flag,
            default: Default::Value("false"),
            about: "Whether player.verify is answered from the stored profile; otherwise it is recorded only",
        },
        Key {
            name: "business_error_status",
            kind: Kind::Whole { min: 200, max: 499 },
            default: Default::Value("200"),
            about: "HTTP status of a player.update that fails for its player or its data: 200, or 400 to 499",
        },
    ],
};

pub(super) const CAFES: Section = Section {
    path: "cafes[]",
    presence: Presence::Optional,
    about: "A PC cafe; repeat the section for more.",
    keys: &[
        Key {
            name: "id",
            kind: Kind::Text(&forms::NAME),
            default: Default::Required { sample: r#""cafe-1""# },
            about: "Id its launchers send as X-Cafe-Id",
        },
        Key {
            name: "secret",
            kind: Kind::Text(&forms::SECRET),
            default: Default::Required { sample: r#""one-more-long-random-text""# },
            about: "HMAC key of its launchers",
        },
        Key {
            name: "networks",
            kind: Kind::List(&forms::NETWORK),
            default: Default::Required { sample: r#"["127.0.0.0/8"]"# },
            about: "Networks its launchers call from",
        },
        Key {
            name: "balance",
            kind: Kind::Whole { min: 0, max: 1_000_000_000_000 },
            default: Default::Value("0"),
            about: "Opening balance in coins, applied once",
        },
    ],
};
