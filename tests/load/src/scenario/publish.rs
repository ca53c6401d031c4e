//! `publish`: senders publish into a channel with history over HTTP, each as soon as its last was acknowledged. What is
//! acknowledged is on disk, so this is the measure of durable writes. Nobody is in the channel: nothing is delivered.
//!
//! A closed loop, unlike the other scenarios: the question is how many a server can take, not how late it is at a rate.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;

use super::course::{Course, Plan};
use crate::clock::now;
use crate::engine::site::Site;
use crate::engine::tally::Tally;
use crate::options::{Run, Target};
use crate::outcome::Outcome;
use crate::wire::http;

/// An answer is much shorter.
const BUFFER_BYTES: usize = 16 * 1024;

#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Connections that publish, one message at a time each
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    pub(crate) senders: usize,
    /// Characters of a message
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    pub(crate) message_bytes: usize,
}

/// A kept-alive connection to the HTTP API.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What is asked of the API.
struct Requests {
    host: String,
    base: String,
    bearer: String,
    channel: String,
}

/// Runs it.
///
/// # Errors
/// The server refuses what is needed before the measurement, or ends in it.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    ensure!(arguments.senders > 0, "at least one sender");
    let mut course = Course::begin(&arguments.run, arguments.senders)?;
    let site = Site::new(&arguments.target, Vec::new())?;
    let node = site.first_node().address;
    let requests = Requests::new(&site);
    Line::connect(node)?.ask(&requests.create())?;
    let publish = &requests.publish(&"x".repeat(arguments.message_bytes));
    let (mut outcome, tally) = thread::scope(|scope| {
        let mut senders = Vec::new();
        let outcome = course.steady(("publish", &arguments.run), &[], |&plan| {
            senders.extend((0..arguments.senders).map(|_| scope.spawn(move || send(node, publish, plan))));
            Ok(())
        })?;
        let mut whole = Tally::new();
        for sender in senders {
            whole.absorb(sender.join().ok().context("a sender died")??);
        }
        anyhow::Ok((outcome, whole))
    })?;
    Line::connect(node)?.ask(&requests.delete())?;
    let phase = tally.phase("measured").context("it was marked")?;
    outcome.take_phase(phase);
    outcome.set("published", phase.counts.published);
    outcome.take_failures(&tally);
    Ok(outcome)
}

/// One sender, until the end of the plan.
fn send(server: SocketAddr, publish: &[u8], plan: Plan) -> Result<Tally> {
    let (mut line, mut tally) = (Line::connect(server)?, Tally::new());
    plan.phases().into_iter().for_each(|phase| tally.mark(phase));
    loop {
        let begin = now();
        tally.pass(begin);
        if begin >= plan.after {
            return Ok(tally.finish());
        }
        match line.ask(publish) {
            // It counts when it is acknowledged.
            Ok(()) => {
                tally.published(now(), 0);
                tally.done("publish", begin, now());
            }
            Err(error) => {
                tally.failed(&format!("publish: {error:#}"));
                line = Line::connect(server)?;
            }
        }
    }
}

impl Line {
    fn connect(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES] })
    }

    /// # Errors
    /// The connection is lost, or the answer is a refusal.
    fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            ensure!(read > 0, "no answer");
            filled += read;
            let Some(answer) = http::first(&self.buffer[..filled]) else { continue };
            if answer.status / 100 != 2 {
                bail!("{} {}", answer.status, String::from_utf8_lossy(answer.body));
            }
            return Ok(());
        }
    }
}

impl Requests {
    fn new(site: &Site) -> Self {
        Self {
            host: site.first_node().host.clone(),
            base: format!("/api/v1/games/{}", site.game_index),
            bearer: format!("Bearer {}", site.certification_key),
            channel: format!("bench-{}-history", std::process::id()),
        }
    }

    fn create(&self) -> Vec<u8> {
        let channel = json!({
            "channelId": self.channel, "channelName": self.channel, "type": "PUBLIC", "maxMemberCount": 2,
            "chatHistoryAllowed": true,
        });
        self.request("POST", "/channel", &channel.to_string())
    }

    fn publish(&self, message: &str) -> Vec<u8> {
        let message = json!({ "channelId": self.channel, "payload": message });
        self.request("POST", "/customs/channel", &message.to_string())
    }

    fn delete(&self) -> Vec<u8> {
        self.request("DELETE", &format!("/channels/{}", self.channel), "")
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let path = format!("{}{path}", self.base);
        http::request(method, &self.host, &path, &[("Authorization", &self.bearer)], body)
    }
}
