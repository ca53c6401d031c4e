//! HTTP beside the players: a few kept-alive connections, one request at a time on each. What finds none free waits,
//! and its latency counts from the time at which it was due.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use mio::event::Event;
use mio::{Registry, Token};

use super::schedule::Schedule;
use super::socket::Socket;
use super::worker::{LINES, Worker};
use crate::clock::now;
use crate::wire::http;

/// Most connections of a thread. With them all busy a server of few cores is, too.
const MOST_LINES: usize = 16;

/// Requests at fixed times.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    /// What their latencies are called.
    pub(crate) name: &'static str,
    pub(crate) schedule: Schedule,
    /// Made in turn.
    pub(crate) requests: Arc<Vec<Vec<u8>>>,
}

/// One request.
pub(crate) struct Call {
    pub(crate) due: u64,
    pub(crate) purpose: Purpose,
    pub(crate) request: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Brings the player of this slot into a channel.
    Enter(usize),
    /// Is made for its latency, which has this name.
    Timed(&'static str),
}

/// A kept-alive connection.
#[derive(Default)]
pub(super) struct Line {
    /// `None` before the first request, and after the server has closed it.
    socket: Option<Socket>,
    call: Option<Call>,
}

/// All requests of a thread.
#[derive(Default)]
pub(super) struct Calls {
    lines: Vec<Line>,
    free: Vec<usize>,
    waiting: VecDeque<Call>,
    asking: Option<Asking>,
    asked: usize,
}

type Answered = (Call, Result<(), String>);

impl Calls {
    pub(super) fn ask(&mut self, asking: Asking) {
        self.asking = Some(asking);
    }

    pub(super) fn hush(&mut self) {
        self.asking = None;
    }

    pub(super) fn due(&self) -> Option<u64> {
        self.asking.as_ref()?.schedule.due()
    }

    pub(super) fn push(&mut self, call: Call) {
        self.waiting.push_back(call);
    }

    /// Requests that wait or are under way.
    pub(super) fn unanswered(&self) -> usize {
        self.waiting.len() + self.lines.len() - self.free.len()
    }

    fn take_due(&mut self, now: u64) {
        let Some(asking) = &mut self.asking else { return };
        while let Some(due) = asking.schedule.take(now) {
            let request = asking.requests[self.asked % asking.requests.len()].clone();
            self.asked += 1;
            self.waiting.push_back(Call { due, purpose: Purpose::Timed(asking.name), request });
        }
    }

    /// A line that is not in use. The one used last comes first, so that the server does not close it as idle.
    fn free_line(&mut self) -> Option<usize> {
        self.free.pop().or_else(|| {
            (self.lines.len() < MOST_LINES).then(|| {
                self.lines.push(Line::default());
                self.lines.len() - 1
            })
        })
    }

    /// What has become of the calls of a line.
    pub(super) fn on_event(&mut self, index: usize, event: &Event, buffer: &mut [u8]) -> Option<Answered> {
        let line = &mut self.lines[index];
        let answered = line.on_event(event, buffer);
        if answered.is_some() {
            self.free.push(index);
        }
        answered
    }
}

impl Line {
    fn send(&mut self, call: Call, connect: impl FnOnce(Vec<u8>) -> io::Result<Socket>) -> Result<(), Answered> {
        let sent = match &mut self.socket {
            Some(socket) => socket.send(&call.request),
            None => connect(call.request.clone()).map(|socket| self.socket = Some(socket)),
        };
        match sent {
            Ok(()) => {
                self.call = Some(call);
                Ok(())
            }
            Err(error) => {
                self.socket = None;
                Err((call, Err(error.to_string())))
            }
        }
    }

    fn on_event(&mut self, event: &Event, buffer: &mut [u8]) -> Option<Answered> {
        let done = self.advance(event, buffer);
        match done {
            Ok(None) => None,
            Ok(Some(result)) => self.call.take().map(|call| (call, result)),
            Err(error) => {
                self.socket = None;
                self.call.take().map(|call| (call, Err(error.to_string())))
            }
        }
    }

    /// The answer, once it is complete.
    fn advance(&mut self, event: &Event, buffer: &mut [u8]) -> io::Result<Option<Result<(), String>>> {
        let Some(socket) = &mut self.socket else { return Ok(None) };
        if event.is_writable() {
            socket.flush()?;
        }
        if !event.is_readable() {
            return Ok(None);
        }
        let filled = socket.fill(buffer)?;
        let bytes = &buffer[..filled.bytes];
        let Some(answer) = http::first(bytes) else {
            socket.keep(bytes);
            return Ok(None);
        };
        let refused =
            || format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body[..answer.body.len().min(120)]));
        let result = if answer.status / 100 == 2 { Ok(()) } else { Err(refused()) };
        if event.is_read_closed() {
            self.socket = None;
        }
        Ok(Some(result))
    }
}

impl Worker {
    /// Makes the requests whose time has come, as far as there are free lines.
    pub(super) fn ask(&mut self, now: u64) {
        self.calls.take_due(now);
        while !self.calls.waiting.is_empty()
            && let Some(index) = self.calls.free_line()
            && let Some(call) = self.calls.waiting.pop_front()
        {
            let (server, registry) = (self.site.first_node().address, self.poll.registry());
            let connect = |first| connect(server, registry, index, first);
            if let Err((call, result)) = self.calls.lines[index].send(call, connect) {
                self.calls.free.push(index);
                self.on_answer(&call, result);
            }
        }
    }

    pub(super) fn on_answer(&mut self, call: &Call, result: Result<(), String>) {
        match call.purpose {
            Purpose::Enter(slot) => self.on_entered(slot, result),
            Purpose::Timed(name) => match result {
                Ok(()) => self.tally.answered(name, call.due, now()),
                Err(reason) => self.tally.failed(&format!("{name}: {reason}")),
            },
        }
    }
}

fn connect(server: std::net::SocketAddr, registry: &Registry, index: usize, first: Vec<u8>) -> io::Result<Socket> {
    Socket::connect(server, None, first, (registry, Token(LINES + index)))
}
