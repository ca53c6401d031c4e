//! A cafe whose PCs play without a pause: launchers, tokens, sessions, heartbeats and money; and what must be there of
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::http::success;
use crate::support::key::now_ms;
use crate::support::node::{ADMIN_KEY, Door};

const API_KEY: &str = "api-key-of-the-arcade";
const SECRET: &str = "secret-of-the-cafe";
const HEARTBEAT: &str = "/v1/game/session/heartbeat";
const END: &str = "/v1/game/session/end";
const OPENING_BALANCE: u64 = 1_000_000;
/// Settlements of the last rounds that are read again each time. A session that nobody keeps alive, as one whose
/// verification was never answered, dies of silence: 245 s later it is settled as of its last heartbeat.
const MARGIN_MS: i64 = 600_000;
/// How often launchers and game servers beat, whatever else they do. Several beats may get lost before the 240 s of
/// silence that end a launcher or a session: `kill -9` may undo a heartbeat that was answered.
const BEAT: Duration = Duration::from_secs(20);

/// A game with short units, so that sessions which outlive a round are charged again, and a cafe.
pub(crate) const TABLES: &str = r#"
[[games]]
name = "arcade"
[games.playwave]
api_keys = ["api-key-of-the-arcade"]
rate = { coins = 3, unit_sec = 1 }
[[cafes]]
id = "cafe"
secret = "secret-of-the-cafe"
networks = ["127.0.0.0/8"]
balance = 1000000
"#;

/// The PCs, and what the operator knows.
pub(crate) struct Cafe {
    pcs: Vec<Pc>,
    credits: Credits,
    /// Every settlement seen, by session.
    settled: BTreeMap<String, Value>,
}

/// A PC, its launcher and its player.
struct Pc {
    name: String,
    is_patient: bool,
    launcher: Option<Launcher>,
    /// The live session, as far as it is known.
    session: Option<String>,
    /// Its last acknowledged heartbeat, or its verification.
    session_heard_at: Instant,
    /// Acknowledged sessions.
    begun: BTreeSet<String>,
    /// Acknowledged ends, with the play time that was answered.
    ended: BTreeMap<String, u64>,
    /// Play time last answered for the live session.
    played: u64,
    steps: usize,
}

struct Launcher {
    id: String,
    token: String,
    /// Its last acknowledged start or heartbeat; nothing else counts as a sign of its life.
    heard_at: Instant,
}

/// Credits under ids, so that a repeat pays once.
#[derive(Default)]
struct Credits {
    acknowledged: u64,
    doubtful: Option<u64>,
}

impl Cafe {
    /// Whose every answer must be a success.
    pub(crate) fn new(pcs: usize) -> Self {
        Self::of(pcs, false)
    }

    /// Whose PCs begin anew after an answer that is no success.
    pub(crate) fn patient(pcs: usize) -> Self {
        Self::of(pcs, true)
    }

    fn of(pcs: usize, is_patient: bool) -> Self {
        let pc = |number| Pc {
            name: format!("pc-{number}"),
            is_patient,
            launcher: None,
            session: None,
            session_heard_at: Instant::now(),
            begun: BTreeSet::new(),
            ended: BTreeMap::new(),
            played: 0,
            steps: 0,
        };
        Self { pcs: (0..pcs).map(pc).collect(), credits: Credits::default(), settled: BTreeMap::new() }
    }

    /// Everybody plays, until the node dies.
    pub(crate) async fn work(&mut self, door: &Door) {
        let play = join_all(self.pcs.iter_mut().map(|pc| pc.work(door)));
        futures_util::future::join(play, self.credits.work(door)).await;
    }

    /// Everybody plays with these pauses through whatever happens, until it is over.
    pub(crate) async fn work_through(&mut self, door: &Door, pause: Duration, is_over: impl Fn() -> bool) {
        let play = join_all(self.pcs.iter_mut().map(|pc| pc.work_through(door, pause, &is_over)));
        futures_util::future::join(play, self.credits.work_through(door, pause, &is_over)).await;
    }

    /// Beats that are due, by time as real ones: the calls before a node dies may be too few for their turn to come.
    pub(crate) async fn beat(&mut self, door: &Door) {
        for pc in &mut self.pcs {
            if pc.launcher.as_ref().is_some_and(Launcher::is_due) {
                pc.launcher_heartbeat(door).await.expect("the node answers");
            }
            if let Some(session) = pc.session.clone().filter(|_| pc.session_heard_at.elapsed() >= BEAT) {
                pc.heartbeat(door, session).await.expect("the node answers");
            }
        }
    }

    /// What was acknowledged is there, once, and the money adds up.
    pub(crate) async fn check(&mut self, door: &Door, everything: bool) {
        self.credits.settle(door).await;
        let (credited, live) = self.check_sum(door, everything).await;
        assert_eq!(credited, OPENING_BALANCE + self.credits.acknowledged);
        for pc in &mut self.pcs {
            pc.check(&live, &self.settled);
        }
    }

    /// The money adds up, whether all of what was acknowledged is there or not: coins credited, and the live sessions.
    pub(crate) async fn check_sum(&mut self, door: &Door, everything: bool) -> (u64, BTreeMap<String, Value>) {
        self.read_settlements(door, everything).await;
        let cafe = success("cafe", door.admin(Method::GET, "/admin/v1/cafes/cafe", None).await);
        let (balance, credited, charged) = (whole(&cafe["balance"]), whole(&cafe["credited"]), whole(&cafe["charged"]));
        assert_eq!(balance, credited - charged, "{cafe}");
        let live = live_sessions(&cafe);
        let settled: u64 = self.settled.values().map(|row| whole(&row["coins"])).sum();
        assert_eq!(settled + live.values().map(|session| whole(&session["coins"])).sum::<u64>(), charged, "{cafe}");
        (credited, live)
    }

    async fn read_settlements(&mut self, door: &Door, everything: bool) {
        let from = if everything { 0 } else { now_ms() - MARGIN_MS };
        let (mut after, mut seen) = (String::new(), BTreeSet::new());
        loop {
            let path = format!("/admin/v1/settlements?cafe=cafe&limit=1000&from={from}{after}");
            let page = success("settlements", door.admin(Method::GET, &path, None).await);
            for row in page["settlements"].as_array().expect("a list") {
                let session = word(&row["session_id"]);
                assert!(seen.insert(session.clone()), "settled twice: {row}");
                let known = self.settled.insert(session, row.clone());
                assert!(known.is_none_or(|known| known == *row), "a settlement changed: {row}");
            }
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert!(!everything || seen.len() == self.settled.len(), "a settlement is gone");
    }

    pub(crate) fn sessions(&self) -> usize {
        self.pcs.iter().map(|pc| pc.begun.len()).sum()
    }
}

impl Pc {
    async fn work(&mut self, door: &Door) {
        while self.step(door).await.is_some() {}
    }

    async fn work_through(&mut self, door: &Door, pause: Duration, is_over: impl Fn() -> bool) {
        while !is_over() {
            if self.step(door).await.is_none() {
                (self.launcher, self.session) = (None, None);
            }
            sleep(pause).await;
        }
    }

    /// `None` when the node died before the answer was complete, or to the patient when it is no success.
    async fn ask(
        &self,
        door: &Door,
        (method, path): (Method, &str),
        body: &Value,
        who: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Option<Answer> {
        let answer = who(door.request(method, path)).json(body).send().await.ok()?;
        let answer = Answer { status: answer.status().as_u16(), body: answer.json().await.ok()? };
        let lives = path != HEARTBEAT || answer.body["data"]["result"] == "OK";
        (!self.is_patient || answer.status == 200 && lives).then_some(answer)
    }

    /// One call; `None` as with [`Self::ask`].
    async fn step(&mut self, door: &Door) -> Option<()> {
        self.steps += 1;
        let Some(launcher) = &self.launcher else { return self.start(door).await };
        if launcher.is_due() {
            return self.launcher_heartbeat(door).await;
        }
        let Some(session) = self.session.clone() else { return self.begin(door).await };
        match self.steps % 7 {
            0 => self.end(door, session).await,
            3 => self.launcher_heartbeat(door).await,
            // A session that is left open is replaced by the next one.
            2 if self.begun.len().is_multiple_of(5) => {
                self.session = None;
                Some(())
            }
            _ => self.heartbeat(door, session).await,
        }
    }

    async fn start(&mut self, door: &Door) -> Option<()> {
        let body = json!({ "pc_id": self.name, "internal_ip": "10.0.0.1" });
        let timestamp = (now_ms() / 1000).to_string();
        let secret = guildhall::secret::Secret::new(SECRET);
        let signature = secret.sign(&[timestamp.as_bytes(), b".", body.to_string().as_bytes()]);
        let signed = |request: RequestBuilder| {
            request.header("X-Cafe-Id", "cafe").header("X-Timestamp", timestamp).header("X-Signature", signature)
        };
        let started = self.ask(door, (Method::POST, "/v1/launcher/session/start"), &body, signed).await?;
        let data = started.data();
        let (id, token) = (word(&data["launcher_session_id"]), word(&data["session_token"]));
        self.launcher = Some(Launcher { id, token, heard_at: Instant::now() });
        Some(())
    }

    /// A call of the launcher: [`Self::ask`], whose answer must be a success.
    async fn ask_as_launcher(&self, door: &Door, route: (Method, &str), body: &Value) -> Option<Answer> {
        let launcher = self.launcher.as_ref().expect("a started launcher");
        let answer = self.ask(door, route, body, |it| it.bearer_auth(&launcher.token)).await?;
        let silent_for = launcher.heard_at.elapsed();
        assert_eq!(answer.status, 200, "{}, its launcher silent for {silent_for:?}: {}", self.name, answer.body);
        Some(answer)
    }

    async fn launcher_heartbeat(&mut self, door: &Door) -> Option<()> {
        let launcher = self.launcher.as_ref().expect("a started launcher");
        let body = json!({ "launcher_session_id": launcher.id });
        let beat = self.ask_as_launcher(door, (Method::PATCH, "/v1/launcher/session/heartbeat"), &body).await?;
        self.launcher.iter_mut().for_each(|launcher| launcher.heard_at = Instant::now());
        // Between two sessions, one may be live whose verification or end was never answered.
        let Some(session) = &self.session else { return Some(()) };
        let is_known = beat.data()["game_session"]["game_session_id"] == json!(session);
        assert!(is_known || self.is_patient, "{}: {}", session, beat.body);
        is_known.then_some(())
    }

    /// A token, and the session it is traded for.
    async fn begin(&mut self, door: &Door) -> Option<()> {
        let body = json!({ "game_id": "arcade" });
        let ott = self.ask_as_launcher(door, (Method::POST, "/v1/launcher/ott"), &body).await?;
        let body = json!({ "ott": ott.data()["ott"], "provider_user_id": "5001" });
        let verified = self.ask(door, (Method::POST, "/v1/game/session/verify"), &body, game_server).await?;
        // Refused: a store that lost the newest does not know the token.
        if self.is_patient && verified.data()["game_session_id"].is_null() {
            return None;
        }
        let session = word(&verified.data()["game_session_id"]);
        self.begun.insert(session.clone());
        (self.session, self.session_heard_at, self.played) = (Some(session), Instant::now(), 0);
        Some(())
    }

    async fn heartbeat(&mut self, door: &Door, session: String) -> Option<()> {
        let body = json!({ "game_session_id": session, "provider_user_id": "5001" });
        let beat = self.ask(door, (Method::PATCH, HEARTBEAT), &body, game_server).await?;
        assert_eq!(beat.data()["result"], "OK", "{}", beat.body);
        let played = whole(&beat.data()["play_duration_sec"]);
        assert!(played >= self.played, "play time ran back from {} to {played}", self.played);
        (self.session_heard_at, self.played) = (Instant::now(), played);
        Some(())
    }

    async fn end(&mut self, door: &Door, session: String) -> Option<()> {
        // Whether an end whose answer gets lost took effect is open; the next session settles it.
        self.session = None;
        let body = json!({ "game_session_id": session });
        let ended = self.ask(door, (Method::DELETE, END), &body, game_server).await?;
        self.ended.insert(session, whole(&ended.data()["play_duration_sec"]));
        Some(())
    }

    fn check(&mut self, live: &BTreeMap<String, Value>, settled: &BTreeMap<String, Value>) {
        for session in &self.begun {
            let is_live = live.contains_key(session);
            assert_ne!(is_live, settled.contains_key(session), "{session} is live and settled, or neither");
            assert!(!is_live || live[session]["pc_id"] == json!(self.name), "{session} is live elsewhere");
        }
        for (session, played) in &self.ended {
            let row = settled.get(session).unwrap_or_else(|| panic!("{session} ended and was not settled"));
            assert_eq!((&row["end_reason"], whole(&row["play_duration_sec"])), (&json!("normal"), *played), "{row}");
        }
    }
}

impl Launcher {
    fn is_due(&self) -> bool {
        self.heard_at.elapsed() >= BEAT
    }
}

impl Credits {
    async fn work(&mut self, door: &Door) {
        loop {
            let id = self.acknowledged + 1;
            self.doubtful = Some(id);
            if self.credit(door, id).await.is_none() {
                return;
            }
            self.settled();
        }
    }

    /// Repeats the credit whose answer got lost.
    async fn settle(&mut self, door: &Door) {
        if let Some(id) = self.doubtful {
            self.credit(door, id).await.expect("the node answers");
            self.settled();
        }
    }

    fn settled(&mut self) {
        self.doubtful = None;
        self.acknowledged += 1;
    }

    async fn work_through(&mut self, door: &Door, pause: Duration, is_over: impl Fn() -> bool) {
        while !is_over() {
            let id = self.acknowledged + 1;
            self.doubtful = Some(id);
            if self.try_credit(door, id).await.is_some_and(|(status, _)| status == 200) {
                self.settled();
            }
            sleep(pause).await;
        }
    }

    async fn credit(&self, door: &Door, id: u64) -> Option<()> {
        success("credit", self.try_credit(door, id).await?);
        Some(())
    }

    async fn try_credit(&self, door: &Door, id: u64) -> Option<(u16, Value)> {
        let request = door.admin_request(Method::POST, "/admin/v1/cafes/cafe/credit");
        let request = request.header("X-Admin-Key", ADMIN_KEY).json(&json!({ "coins": 1 }));
        let answer = request.header("Idempotency-Key", format!("credit-{id}")).send().await.ok()?;
        Some((answer.status().as_u16(), answer.json::<Value>().await.ok()?))
    }
}

struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    fn data(&self) -> &Value {
        assert_eq!(self.status, 200, "{}", self.body);
        &self.body["data"]
    }
}

fn game_server(request: RequestBuilder) -> RequestBuilder {
    request.header("X-Api-Key", API_KEY)
}

fn live_sessions(cafe: &Value) -> BTreeMap<String, Value> {
    let pcs = cafe["pcs"].as_array().expect("a list").iter();
    let sessions = pcs.map(|pc| pc["game_session"].clone()).filter(|session| !session.is_null());
    sessions.map(|session| (word(&session["game_session_id"]), session)).collect()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a whole number: {value}"))
}
