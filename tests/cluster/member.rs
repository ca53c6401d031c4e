//! A client as a game ships it: it talks, it comes back when its socket ends, and here it also keeps a record.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::answers::codes;
use crate::support::channel_log::{Position, What};
use crate::support::checker::{Heard, Life, Recording, Said};
use crate::support::client::{Packet, chat_body, login_body};
use crate::support::http::Api;
use crate::support::key::LoginKey;
use crate::support::node::SOCKET_PATH;

/// Longest wait for an answer before the client gives its socket up. It asks more often than that.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pauses before coming back grow from the first to the last, each with as much chance again.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// The server does not want the client back: another login took its place, it is suspended or unwelcome.
const FINAL: [u16; 3] = [4000, 4003, 1008];

type Socket = WebSocketStream<TcpStream>;

/// What the players of a run are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Connect, and keep quiet.
    Gather,
    Talk,
    /// Stay, and listen.
    Listen,
    End,
}

/// What every player of a run knows.
pub(super) struct Plan {
    pub(super) address: SocketAddr,
    pub(super) api: Api,
    pub(super) begin: Instant,
    pub(super) phase: watch::Receiver<Phase>,
    /// Between two messages of one player, on average.
    pub(super) pause: Duration,
}

/// A player whose record others may read.
pub(super) struct Member {
    plan: Arc<Plan>,
    record: Arc<Mutex<Recording>>,
    player: i64,
    /// Where the player was last in each channel; asked for by half of the players.
    places: Option<BTreeMap<String, Position>>,
    count: usize,
}

impl Member {
    pub(super) fn new(plan: Arc<Plan>, record: Arc<Mutex<Recording>>) -> Self {
        let player = record.lock().player;
        let places = (player % 2 == 0).then(BTreeMap::new);
        Self { plan, record, player, places, count: 0 }
    }

    /// Lives until the run ends, or the server wants to see it no more.
    pub(super) async fn live(mut self) {
        let mut pause = PAUSES[0];
        while *self.plan.phase.borrow() != Phase::End {
            if let Some(socket) = self.log_in().await {
                pause = PAUSES[0];
                let close = self.stay(socket).await;
                let ended = self.plan.begin.elapsed();
                let is_over = *self.plan.phase.borrow() == Phase::End;
                if let Some(life) = self.record.lock().lives.last_mut().filter(|_| !is_over) {
                    (life.ended, life.close) = (Some(ended), close);
                }
                if close.is_some_and(|code| FINAL.contains(&code)) {
                    return;
                }
            }
            sleep(jittered(pause)).await;
            pause = (pause * 2).min(PAUSES[1]);
        }
    }

    /// A socket on which this player is in all of its channels, or nothing.
    async fn log_in(&mut self) -> Option<Socket> {
        let mut socket = timeout(PATIENCE, self.open()).await.ok()??;
        let is_back = !self.record.lock().lives.is_empty();
        let packet_type = if is_back { "RECONNECT" } else { "CONNECT" };
        let mut body = login_body(self.player, &LoginKey::of(self.player).sign());
        if let Some(places) = &self.places {
            let places = places
                .iter()
                .map(|(channel, place)| (channel.clone(), json!({ "epoch": place.epoch, "sequence": place.sequence })));
            body["extensions"] = json!(["sequence"]);
            body["positions"] = places.collect();
        }
        send(&mut socket, &json!({ "packetType": packet_type, "body": body })).await?;
        let answer = receive(&mut socket, PATIENCE).await.ok()?;
        if answer.status() != 200 {
            return None;
        }
        let began = self.plan.begin.elapsed();
        self.begin_life(began, &answer);
        self.enter_missing().await?;
        Some(socket)
    }

    async fn open(&self) -> Option<Socket> {
        let tcp = TcpStream::connect(self.plan.address).await.ok()?;
        tcp.set_nodelay(true).ok()?;
        let url = format!("ws://{}{SOCKET_PATH}", self.plan.address);
        tokio_tungstenite::client_async(url, tcp).await.ok().map(|(socket, _)| socket)
    }

    /// Notes which channels go on without a gap: those of a player with positions that the server says it recovered.
    fn begin_life(&self, begun: Duration, answer: &Packet) {
        let recovered = answer.body()["recovered"].as_object();
        let is_recovered =
            |channel: &&String| recovered.is_some_and(|recovered| recovered.get(*channel) == Some(&json!(true)));
        let mut record = self.record.lock();
        let resumed = record.channels.iter().filter(is_recovered).cloned().collect();
        record.lives.push(Life { begun, resumed, ..Life::default() });
    }

    /// Enters the channels in which the login did not put this player.
    async fn enter_missing(&self) -> Option<()> {
        let channels = self.record.lock().channels.clone();
        for channel in channels {
            let path = format!("/channels/{channel}/members/{}", self.player);
            let enter = self.plan.api.try_post(&path, json!({}));
            let entered = timeout(PATIENCE, enter).await.ok().flatten();
            let is_there =
                |(status, answer): (u16, Value)| status == 200 || answer["code"] == codes::ALREADY_IN_CHANNEL.1;
            if !entered.is_some_and(is_there) {
                self.fail_life();
                return None;
            }
        }
        // What is said from here on is heard.
        let now = self.plan.begin.elapsed();
        let mut record = self.record.lock();
        record.lives.last_mut()?.begun = now;
        Some(())
    }

    fn fail_life(&self) {
        let ended = self.plan.begin.elapsed();
        if let Some(life) = self.record.lock().lives.last_mut() {
            life.ended = Some(ended);
        }
    }

    /// Talks and listens until the socket ends, and says with which code it did.
    async fn stay(&mut self, mut socket: Socket) -> Option<u16> {
        let mut phase = self.plan.phase.clone();
        let mut next = Instant::now() + self.next_pause();
        let mut waiting = BTreeSet::new();
        let mut last_heard = Instant::now();
        loop {
            let now = *phase.borrow_and_update();
            if now == Phase::End {
                return None;
            }
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        last_heard = Instant::now();
                        self.hear(&Packet::parse(text.as_str()), &mut waiting);
                    }
                    Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                },
                () = sleep_until(last_heard + PATIENCE), if self.is_impatient() => return None,
                () = sleep_until(next) => {
                    next = Instant::now() + self.next_pause();
                    let packet = if now == Phase::Talk { self.say(&mut waiting) } else { json!({ "packetType": "PING" }) };
                    send(&mut socket, &packet).await?;
                }
                changed = phase.changed() => changed.ok()?,
            }
        }
    }

    /// Every third player takes a silent server for a dead one; the others wait for their socket's end.
    fn is_impatient(&self) -> bool {
        self.player % 3 == 0
    }

    fn next_pause(&self) -> Duration {
        jittered(self.plan.pause / 2)
    }

    fn say(&mut self, waiting: &mut BTreeSet<usize>) -> Value {
        let mut record = self.record.lock();
        let channel = record.channels.iter().nth(self.count % record.channels.len()).expect("a channel").clone();
        let number = record.said.len();
        let text = format!("{}-{number}", self.player);
        self.count += 1;
        waiting.insert(number);
        let body = chat_body(self.player, channel.clone(), &text);
        record.said.push(Said { channel, text, at: self.plan.begin.elapsed(), acknowledged: false });
        json!({ "packetType": "CHANNEL_CHAT", "correlationId": number.to_string(), "body": body })
    }

    fn hear(&mut self, packet: &Packet, waiting: &mut BTreeSet<usize>) {
        let body = packet.body();
        let position = || {
            let epoch = body["epoch"].as_str()?.to_owned();
            Some(Position { epoch, sequence: body["sequence"].as_i64()? })
        };
        if packet.packet_type() == "RESPONSE_CHANNEL_CHAT" {
            let number = packet["correlationId"].as_str().and_then(|text| text.parse::<usize>().ok());
            let Some(number) = number.filter(|number| waiting.remove(number)) else { return };
            self.record.lock().said[number].acknowledged = packet.status() == 200;
            return;
        }
        let said = || packet.message().to_owned();
        let player = || body["playerId"].as_i64().expect("a player");
        let what = match packet.packet_type() {
            "NOTIFY_CHANNEL_CHAT" | "NOTIFY_CHANNEL_NOTICE" => What::Said(said()),
            "NOTIFY_ENTER_CHANNEL" => What::Entered(player()),
            "NOTIFY_EXIT_CHANNEL" => What::Exited(player()),
            _ => return,
        };
        let channel = body["channelId"].as_str().or(body["to"].as_str()).expect("a channel").to_owned();
        self.note_place(&channel, position());
        let heard = Heard { channel, what, position: position() };
        self.record.lock().lives.last_mut().expect("a life hears").heard.push(heard);
    }

    fn note_place(&mut self, channel: &str, position: Option<Position>) {
        if let (Some(places), Some(position)) = (&mut self.places, position) {
            places.insert(channel.to_owned(), position);
        }
    }
}

/// This long, and by chance up to as much longer: whoever lost its socket with others does not come back with them.
fn jittered(pause: Duration) -> Duration {
    pause + pause.mul_f64(rand::rng().random::<f64>())
}

async fn send(socket: &mut Socket, packet: &Value) -> Option<()> {
    timeout(PATIENCE, socket.send(Message::text(packet.to_string()))).await.ok()?.ok()
}

/// The next packet, or the code of the close that came instead.
async fn receive(socket: &mut Socket, patience: Duration) -> Result<Packet, Option<u16>> {
    loop {
        match timeout(patience, socket.next()).await.map_err(|_| None)? {
            Some(Ok(Message::Text(text))) => return Ok(Packet::parse(text.as_str())),
            Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(None),
        }
    }
}
