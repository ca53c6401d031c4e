//! Numbered messages over one way, and when each of them came.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::chat::{Node, say};
use crate::relay;

/// Between two messages: 250 a second.
const EVERY: Duration = Duration::from_millis(4);
const SENDERS: usize = 2;
const RECEIVERS: usize = 2;
/// For the last message of a round.
const PATIENCE: Duration = Duration::from_secs(10);
/// What stands before a message's number, in a notification as in what Guildhall publishes.
const MARK: &[u8] = b"\"message\":\"";
const DIGITS: usize = 8;
/// What is published is 250 bytes long then.
const TEXT_CHARS: usize = 155;

/// What a sender writes to say something.
type Wording = Box<dyn Fn(&str) -> Vec<u8>>;

/// One way from senders to receivers.
pub(crate) struct Lane {
    senders: Vec<Sender>,
    receivers: usize,
    heard: Rc<Heard>,
    first: Cell<usize>,
}

struct Sender {
    socket: OwnedWriteHalf,
    message: Wording,
}

/// The numbers that came, at all receivers together.
#[derive(Default)]
struct Heard {
    numbers: RefCell<Vec<(usize, Instant)>>,
    more: Notify,
}

/// Of one round.
#[derive(Clone, Copy, Default)]
pub(crate) struct Latency {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Lane {
    /// A raw PUBLISH of what a message rings with.
    pub(crate) async fn publish(port: u16) -> Self {
        Self::raw(port, "plain", |text| command(&["PUBLISH", "plain", &rung(text)])).await
    }

    /// The same in a transaction that keeps it.
    pub(crate) async fn transaction(port: u16) -> Self {
        let message = |text: &str| {
            let rung = rung(text);
            let add = command(&["XADD", "kept:log", "MAXLEN", "~", "1000", "*", "b", &rung]);
            [command(&["MULTI"]), add, command(&["PUBLISH", "kept", &rung]), command(&["EXEC"])].concat()
        };
        Self::raw(port, "kept", message).await
    }

    /// A raw PUBLISH between players' sockets at two bare relays.
    pub(crate) async fn relays(port: u16) -> Self {
        let from = relay::start(port, "relayed", SENDERS).await.port();
        let to = relay::start(port, "relayed", RECEIVERS).await.port();
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for _ in 0..SENDERS {
            let message: Wording = Box::new(|text| command(&["PUBLISH", "relayed", &rung(text)]));
            senders.push((connect(from).await, message));
        }
        for _ in 0..RECEIVERS {
            receivers.push(connect(to).await);
        }
        Self::new(senders, receivers)
    }

    async fn raw(port: u16, name: &str, message: impl Fn(&str) -> Vec<u8> + 'static) -> Self {
        let mut receivers = Vec::new();
        for _ in 0..RECEIVERS {
            receivers.push(subscribed(port, name).await);
        }
        Self::new(vec![(connect(port).await, Box::new(message))], receivers)
    }

    /// Players of node A say something, players of node B hear it.
    pub(crate) async fn nodes(a: &Node, b: &Node) -> Self {
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for player in 0..SENDERS {
            let message: Wording = Box::new(move |text| say(player, text));
            senders.push((a.join(player).await, message));
        }
        for player in SENDERS..SENDERS + RECEIVERS {
            receivers.push(b.join(player).await);
        }
        Self::new(senders, receivers)
    }

    fn new(senders: Vec<(TcpStream, Wording)>, receivers: Vec<TcpStream>) -> Self {
        let heard = Rc::new(Heard::default());
        let count = receivers.len();
        for socket in receivers {
            tokio::task::spawn_local(receive(socket, heard.clone()));
        }
        let senders = senders.into_iter().map(|(socket, message)| {
            let (answers, socket) = socket.into_split();
            tokio::task::spawn_local(discard(answers));
            Sender { socket, message }
        });
        Self { senders: senders.collect(), receivers: count, heard, first: Cell::new(0) }
    }

    /// Sends `count` messages at the bench's rate, and waits until every receiver has them all.
    pub(crate) async fn run(&self, count: usize) -> Latency {
        let first = self.first.replace(self.first.get() + count);
        let mut sent = Vec::new();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in first..first + count {
            ticks.tick().await;
            let sender = &self.senders[number % self.senders.len()];
            let text = format!("{number:0width$}{:x<fill$}", "", width = DIGITS, fill = TEXT_CHARS - DIGITS);
            let message = (sender.message)(&text);
            sender.socket.writable().await.expect("the other side reads");
            sent.push(Instant::now());
            let written = sender.socket.try_write(&message).expect("there is room");
            assert_eq!(written, message.len(), "in one go");
        }
        timeout(PATIENCE, self.all(count)).await.expect("every message comes");
        let came = self.heard.numbers.take();
        Latency::of(came.into_iter().map(|(number, at)| at - sent[number - first]).collect())
    }

    async fn all(&self, count: usize) {
        while self.heard.numbers.borrow().len() < count * self.receivers {
            self.heard.more.notified().await;
        }
    }
}

impl Latency {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e6;
        Self { p50_us: at(50), p99_us: at(99) }
    }
}

/// Notes when each number came.
async fn receive(mut socket: TcpStream, heard: Rc<Heard>) {
    let mut waiting = Vec::with_capacity(64 * 1024);
    loop {
        let read = socket.read_buf(&mut waiting).await.expect("the connection stays");
        let at = Instant::now();
        assert!(read > 0, "the other side hung up");
        while let Some(place) = waiting.windows(MARK.len()).position(|window| window == MARK) {
            let digits = place + MARK.len();
            let Some(number) = waiting.get(digits..digits + DIGITS) else { break };
            let number = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).expect("a number");
            heard.numbers.borrow_mut().push((number, at));
            waiting.drain(..digits + DIGITS);
        }
        heard.more.notify_one();
    }
}

async fn discard(mut socket: tokio::net::tcp::OwnedReadHalf) {
    let mut buffer = [0; 4096];
    while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

pub(crate) async fn subscribed(port: u16, name: &str) -> TcpStream {
    let mut socket = connect(port).await;
    socket.write_all(&command(&["SUBSCRIBE", name])).await.expect("the server reads");
    let confirmed = socket.read(&mut [0; 256]).await.expect("the server answers");
    assert!(confirmed > 0, "the server hung up");
    socket
}

pub(crate) async fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.expect("the server accepts");
    socket.set_nodelay(true).expect("a socket option");
    socket
}

/// What Guildhall publishes of a chat message with this text.
fn rung(text: &str) -> String {
    format!(
        "0123456789abcdef-12345 {} {{\"chat\":{{\"from\":1,\"message\":\"{text}\",\"extra_data\":\"\"}}}}",
        guildhall::clock::now().0
    )
}

/// A command as it goes over the wire.
fn command(words: &[&str]) -> Vec<u8> {
    let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), words.collect::<String>()).into_bytes()
}
