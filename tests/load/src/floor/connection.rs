//! One connection: HTTP requests in turn, and after the upgrade the packets of a player.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Result, bail};
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::commits::Commits;
use super::hall::{Hall, Halls, Order};
use super::packets::{self, Packet};
use super::socket::Socket;
use super::{frames, http};

/// Largest part of a frame or request that waits for the rest.
const MOST_UNREAD: usize = 1024 * 1024;

/// What the connections of a thread share. One buffer for all: a read is handled before the next one begins.
pub(super) struct Shared {
    hall: Rc<Hall>,
    halls: Arc<Halls>,
    commits: Option<Commits>,
    buffer: RefCell<Box<[u8]>>,
}

/// What must be on disk before the next answer, and the way there.
type Publish = (Commits, Vec<u8>);

pub(super) struct Connection {
    socket: Rc<Socket>,
    shared: Rc<Shared>,
    is_upgraded: bool,
    player: Option<i64>,
    /// The beginning of something; empty, and so without memory, nearly always.
    unread: Vec<u8>,
}

impl Shared {
    pub(super) fn new(hall: Rc<Hall>, halls: Arc<Halls>, commits: Option<Commits>) -> Self {
        Self { hall, halls, commits, buffer: RefCell::new(vec![0; 64 * 1024].into()) }
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream, shared: Rc<Shared>) -> Self {
        Self { socket: Socket::new(stream), shared, is_upgraded: false, player: None, unread: Vec::new() }
    }

    pub(super) async fn serve(mut self) {
        while let Ok(publish) = self.read().await {
            let Some((commits, body)) = publish else { continue };
            let is_done = commits.append(&body).await;
            self.socket.send(if is_done { http::DONE } else { http::FAILED });
        }
        if let Some(player) = self.player {
            self.shared.hall.log_out(&self.shared.halls, player, &self.socket);
        }
    }

    /// Handles what has come.
    async fn read(&mut self) -> Result<Option<Publish>> {
        self.socket.stream.readable().await?;
        let shared = self.shared.clone();
        let mut buffer = shared.buffer.borrow_mut();
        let read = match self.socket.stream.try_read(&mut buffer) {
            Ok(0) => bail!("the client is gone"),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if self.unread.is_empty() {
            let (used, publish) = self.take(&mut buffer[..read])?;
            self.unread.extend_from_slice(&buffer[used..read]);
            return Ok(publish);
        }
        let mut whole = std::mem::take(&mut self.unread);
        whole.extend_from_slice(&buffer[..read]);
        let (used, publish) = self.take(&mut whole)?;
        if used < whole.len() {
            whole.drain(..used);
            self.unread = whole;
        }
        if self.unread.len() > MOST_UNREAD {
            bail!("more than is taken");
        }
        Ok(publish)
    }

    /// Handles all that is whole, and says how much that was.
    fn take(&mut self, bytes: &mut [u8]) -> Result<(usize, Option<Publish>)> {
        let mut used = 0;
        while used < bytes.len() {
            let rest = &mut bytes[used..];
            if self.is_upgraded {
                let Some(frame) = frames::read(rest) else { break };
                let end = frame.payload.end;
                self.on_frame(frame.opcode, &rest[frame.payload])?;
                used += end;
            } else {
                let Some(request) = http::read(rest)? else { break };
                used += request.body.end;
                let is_publish = rest.starts_with(b"POST") && !request.is_membership(rest);
                if let Some(commits) = self.shared.commits.clone().filter(|_| is_publish) {
                    return Ok((used, Some((commits, rest[request.body].to_vec()))));
                }
                self.on_request(&request, rest)?;
            }
        }
        Ok((used, None))
    }

    fn on_request(&mut self, request: &http::Request, bytes: &[u8]) -> Result<()> {
        if let Some(key) = &request.socket_key {
            self.is_upgraded = true;
            self.socket.send(http::switch(key).as_bytes());
            return Ok(());
        }
        let path = str::from_utf8(&bytes[request.path.clone()])?;
        if let Some([game, channel, player]) = http::membership(path) {
            let (name, number) = (channel.as_bytes().into(), player.parse()?);
            let is_enter = &bytes[request.method.clone()] == b"POST";
            let frame = packets::notify_member(is_enter, game, channel, player);
            let order = if is_enter { Order::Enter } else { Order::Exit }(name, number, frame);
            self.shared.halls.tell(number, order);
        }
        self.socket.send(http::DONE);
        Ok(())
    }

    fn on_frame(&mut self, opcode: u8, payload: &[u8]) -> Result<()> {
        match opcode {
            frames::TEXT => self.on_packet(payload),
            frames::PING => self.socket.send(&frames::frame(frames::PONG, &[payload])),
            frames::CLOSE => {
                self.socket.send(&frames::frame(frames::CLOSE, &[payload]));
                bail!("the client closed");
            }
            _ => {}
        }
        Ok(())
    }

    fn on_packet(&mut self, packet: &[u8]) {
        match packets::read(packet) {
            Packet::Connect { player } => {
                self.player = Some(player);
                self.shared.hall.log_in(&self.shared.halls, player, &self.socket);
            }
            Packet::Chat { channel } => {
                let frame = packets::notify_chat(packet);
                match &self.shared.commits {
                    Some(commits) => return self.log(commits.clone(), channel, frame, packets::answer(packet)),
                    None => self.shared.halls.deliver(channel, &frame),
                }
            }
            Packet::Ping | Packet::Other => {}
        }
        if let Some(answer) = packets::answer(packet) {
            self.socket.send(&answer);
        }
    }

    /// Delivers and answers a message once it is on disk.
    fn log(&self, commits: Commits, channel: &[u8], frame: Bytes, answer: Option<Bytes>) {
        let (socket, halls, channel) = (self.socket.clone(), self.shared.halls.clone(), channel.to_vec());
        spawn_local(async move {
            if commits.append(&frame).await {
                halls.deliver(&channel, &frame);
                answer.iter().for_each(|answer| socket.send(answer));
            }
        });
    }
}
