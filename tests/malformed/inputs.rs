//! Makers of input nobody should send.

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Map, Number, Value, json};

use crate::support::ROOM;
use crate::support::client::{chat_body, login_body};
use crate::support::key::LoginKey;

/// Pieces that parsers trip over.
const PIECES: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "1e999",
    "-0",
    "0x1F",
    "9223372036854775808",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "é",
    "🎲",
    "packetType",
    "body",
    " ",
];
/// Numbers at and beyond the edges of the types.
const EDGES: [i64; 8] = [0, -1, 1, i64::MIN, i64::MAX, 7, 5001, 1 << 53];
const KEYS: [&str; 12] = [
    "packetType",
    "correlationId",
    "body",
    "gameIndex",
    "playerId",
    "from",
    "to",
    "message",
    "extraData",
    "langCode",
    "loginKey",
    "positions",
];

/// Pieces of packets and any characters, in any order.
pub(super) fn any_text(chance: &mut StdRng) -> String {
    let pieces = chance.random_range(0..20);
    (0..pieces).map(|_| piece(chance)).collect()
}

fn piece(chance: &mut StdRng) -> String {
    match chance.random_range(0..3) {
        0 => PIECES[chance.random_range(0..PIECES.len())].to_owned(),
        1 => KEYS[chance.random_range(0..KEYS.len())].to_owned(),
        _ => (0..chance.random_range(1..6)).map(|_| any_char(chance)).collect(),
    }
}

fn any_char(chance: &mut StdRng) -> char {
    match chance.random_range(0..3) {
        0 => char::from(chance.random_range(0..128u8)),
        1 => char::from_u32(chance.random_range(0..0xD800)).expect("below the surrogates"),
        _ => chance.random(),
    }
}

/// Any JSON, `depth` levels of it at most.
pub(super) fn any_json(chance: &mut StdRng, depth: usize) -> Value {
    match chance.random_range(0..if depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => chance.random::<bool>().into(),
        2 => EDGES[chance.random_range(0..EDGES.len())].into(),
        3 => Number::from_f64(chance.random_range(-1e18..1e18)).map_or(Value::Null, Value::Number),
        4 => any_text(chance).into(),
        5 => (0..chance.random_range(0..4)).map(|_| any_json(chance, depth - 1)).collect(),
        _ => (0..chance.random_range(0..5))
            .map(|_| (any_key(chance), any_json(chance, depth - 1)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

fn any_key(chance: &mut StdRng) -> String {
    if chance.random_bool(0.8) { KEYS[chance.random_range(0..KEYS.len())].to_owned() } else { piece(chance) }
}

/// One good packet of each kind, as a player sends them.
pub(super) fn packets(player: i64) -> [Value; 5] {
    thread_local! {
        static KEY: String = LoginKey::of(5001).sign();
    }
    let login = KEY.with(|key| login_body(player, key));
    let mut resume = login.clone();
    resume["extensions"] = json!(["sequence"]);
    resume["positions"] = json!({ ROOM: { "epoch": "0000000000000001", "sequence": 3 } });
    let packet =
        |packet_type: &str, body: Value| json!({ "packetType": packet_type, "correlationId": "c1", "body": body });
    [
        packet("CONNECT", login),
        packet("RECONNECT", resume),
        packet("PING", json!({})),
        packet("CHANNEL_CHAT", chat_body(player, ROOM, "hello")),
        packet("DIRECT_CHAT", chat_body(player, 5002, "hello")),
    ]
}

/// One of the packets with one to three things wrong in its structure.
pub(super) fn misshapen(chance: &mut StdRng, packets: &[Value]) -> Value {
    let mut packet = packets[chance.random_range(0..packets.len())].clone();
    for _ in 0..chance.random_range(1..4) {
        let depth = chance.random_range(0..3);
        mutate(chance, &mut packet, depth);
    }
    packet
}

/// The same, some of them with something wrong in the text, too.
pub(super) fn mutated(chance: &mut StdRng, packets: &[Value]) -> String {
    let text = misshapen(chance, packets).to_string();
    if chance.random_bool(0.3) { spoiled(chance, &text) } else { text }
}

/// Walks down `depth` levels and changes something there.
fn mutate(chance: &mut StdRng, value: &mut Value, depth: usize) {
    let Value::Object(map) = value else {
        *value = any_json(chance, 2);
        return;
    };
    let Some(key) = pick_key(chance, map) else { return };
    if depth > 0 {
        return mutate(chance, &mut map[&key], depth - 1);
    }
    match chance.random_range(0..6) {
        0 => drop(map.remove(&key)),
        1 => drop(map.insert(key, Value::Null)),
        2 => drop(map.insert(any_key(chance), any_json(chance, 2))),
        3 => drop(map.insert(key, long_text(chance).into())),
        4 => {
            let moved = map.remove(&key).unwrap_or_default();
            map.insert(any_key(chance), moved);
        }
        _ => drop(map.insert(key, any_json(chance, 2))),
    }
}

fn pick_key(chance: &mut StdRng, map: &Map<String, Value>) -> Option<String> {
    if map.is_empty() { None } else { map.keys().nth(chance.random_range(0..map.len())).cloned() }
}

/// Around the limits of messages, ids and extra data.
fn long_text(chance: &mut StdRng) -> String {
    let lengths = [0, 1, 100, 101, 128, 129, 200, 201, 256, 257, 1000];
    let length = lengths[chance.random_range(0..lengths.len())];
    [any_char(chance)].iter().cycle().take(length).collect()
}

/// The text with a part cut out, doubled, or overwritten.
fn spoiled(chance: &mut StdRng, text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    if characters.is_empty() {
        return String::new();
    }
    let at = chance.random_range(0..characters.len());
    let end = (at + chance.random_range(0..8)).min(characters.len());
    match chance.random_range(0..4) {
        0 => characters.truncate(at),
        1 => drop(characters.drain(at..end)),
        2 => {
            let doubled: Vec<_> = characters[at..end].to_vec();
            characters.splice(at..at, doubled);
        }
        _ => characters[at] = any_char(chance),
    }
    characters.into_iter().collect()
}

/// The right key with something wrong, or another text altogether.
pub(super) fn login_key(chance: &mut StdRng, right: &str) -> String {
    match chance.random_range(0..6) {
        0 => any_text(chance),
        1 => {
            let mut parts: Vec<_> = right.split('.').collect();
            let last = parts.len() - 1;
            parts.swap(chance.random_range(0..last), last);
            parts.join(".")
        }
        _ => spoiled(chance, right),
    }
}
