//! What is delivered, and what must come of it in whatever order it arrives.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::ops::Range;

use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::answers::with;
use crate::support::play::signature;
use crate::support::webhooks::{
    AGHANIM, HALL_BEARER, HALL_SECRET, SIGNATURE, SUSPENSIONS, TIMESTAMP, batch, limited, now_sec, permanent, update,
};

/// Those whose profiles change.
const PLAYERS: Range<i64> = 5001..5041;
/// The first of those who are suspended: each by one batch, so that the order of batches does not matter.
const FIRST_SUSPENDED: i64 = 20_001;
const DAY_MS: i64 = 86_400_000;
/// Seconds over which the changes are spread: so few that many of them come at the same.
const SPREAD_SEC: i64 = 300;
const FIELDS: [&str; 3] = ["name", "email", "avatar_url"];

pub(super) enum Delivery {
    Update(Value),
    Suspensions(Value),
}

/// What there is to deliver, and what follows from all of it.
pub(super) struct Model {
    pub(super) deliveries: Vec<Delivery>,
    /// By player and field: the time and the id of the latest change, and its value.
    fields: BTreeMap<(i64, &'static str), (i64, String, Value)>,
    suspended: Range<i64>,
    /// By event id, and the text of a batch.
    numbers: HashMap<String, usize>,
}

impl Delivery {
    pub(super) fn request(&self, http: &reqwest::Client, public: SocketAddr) -> reqwest::RequestBuilder {
        let post = |path| http.post(format!("http://{public}{path}")).header(CONTENT_TYPE, "application/json");
        match self {
            Self::Update(event) => {
                let (body, timestamp) = (event.to_string(), now_sec().to_string());
                let signature = signature(HALL_SECRET, &timestamp, &body);
                post(AGHANIM).header(TIMESTAMP, timestamp).header(SIGNATURE, signature).body(body)
            }
            Self::Suspensions(batch) => post(SUSPENSIONS).bearer_auth(HALL_BEARER).body(batch.to_string()),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Update(event) => event["event_id"].as_str().expect("a text").to_owned(),
            Self::Suspensions(batch) => batch.to_string(),
        }
    }
}

impl Model {
    pub(super) fn new(chance: &mut StdRng, count: usize) -> Self {
        let nobody = FIRST_SUSPENDED..FIRST_SUSPENDED;
        let (deliveries, fields) = (Vec::new(), BTreeMap::new());
        let mut model = Self { deliveries, fields, suspended: nobody, numbers: HashMap::new() };
        let begin = now_sec() - SPREAD_SEC;
        for number in 0..count {
            let delivery = if chance.random_bool(0.1) { model.suspend(chance) } else { model.change(chance, begin) };
            model.numbers.insert(delivery.name(), number);
            model.deliveries.push(delivery);
        }
        model
    }

    fn change(&mut self, chance: &mut StdRng, begin: i64) -> Delivery {
        let player = chance.random_range(PLAYERS);
        let at = begin + chance.random_range(0..SPREAD_SEC);
        let id = format!("whevt_{:016x}", chance.random::<u64>());
        let mut event = with(with(update(player, json!({})), "event_time", at), "event_id", id.as_str());
        for field in FIELDS {
            if chance.random_bool(0.5) {
                let value = value_of(field, chance.random());
                event["event_data"][field] = value.clone();
                let change = (at, id.clone(), value);
                let latest = self.fields.entry((player, field)).or_insert_with(|| change.clone());
                if (latest.0, &latest.1) < (change.0, &change.1) {
                    *latest = change;
                }
            }
        }
        Delivery::Update(event)
    }

    fn suspend(&mut self, chance: &mut StdRng) -> Delivery {
        let first = self.suspended.end;
        self.suspended.end += chance.random_range(1..4);
        let row = |player| if chance.random() { permanent(player) } else { limited(player, -DAY_MS, DAY_MS) };
        Delivery::Suspensions(batch(&(first..self.suspended.end).map(row).collect::<Vec<_>>()))
    }

    pub(super) fn players(&self) -> Range<i64> {
        PLAYERS
    }

    pub(super) fn suspended(&self) -> Range<i64> {
        self.suspended.clone()
    }

    /// The profile as an operator must see it, when everything has arrived.
    pub(super) fn profile(&self, player: i64) -> Value {
        let value = |field| self.fields.get(&(player, field)).map(|(_, _, value)| value.clone());
        let fields: serde_json::Map<_, _> =
            FIELDS.into_iter().map(|field| (field.to_owned(), value(field).unwrap_or_default())).collect();
        Value::Object(fields)
    }

    /// Which delivery an event of the stream is.
    pub(super) fn number_of(&self, event: &Value) -> usize {
        let name = match event["source"].as_str() {
            Some("aghanim") => event["id"].as_str().expect("a text").to_owned(),
            _ => event["body"].to_string(),
        };
        *self.numbers.get(&name).unwrap_or_else(|| panic!("nobody sent {event}"))
    }
}

fn value_of(field: &str, number: u32) -> Value {
    match field {
        "name" => format!("Player {number}"),
        "email" => format!("{number}@example.test"),
        _ => format!("https://a.test/{number}"),
    }
    .into()
}
