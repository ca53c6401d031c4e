//! The channels: each thread has a list of its own members, and hears of every message once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::socket::Socket;

type Map<K, V> = HashMap<K, V, RandomState>;
type ChannelName = Arc<[u8]>;
type Members = Vec<(i64, Rc<Socket>)>;

/// What one thread tells another.
pub(super) enum Order {
    /// A frame for all members of a channel.
    Deliver(ChannelName, Bytes),
    Enter(ChannelName, i64, Bytes),
    Exit(ChannelName, i64, Bytes),
}

/// A thread's end of its queue.
pub(super) struct Inbox {
    pub(super) thread: usize,
    orders: UnboundedReceiver<Order>,
}

/// What all threads share: their queues, and on which of them a player is.
pub(super) struct Halls {
    threads: Vec<UnboundedSender<Order>>,
    players: Mutex<Map<i64, usize>>,
}

impl Halls {
    pub(super) fn new(threads: usize) -> (Arc<Self>, Vec<Inbox>) {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..threads).map(|_| unbounded_channel()).unzip();
        let inboxes = receivers.into_iter().enumerate().map(|(thread, orders)| Inbox { thread, orders });
        (Arc::new(Self { threads: senders, players: Mutex::default() }), inboxes.collect())
    }

    /// To every thread, this one included: one way for all.
    pub(super) fn deliver(&self, channel: &[u8], frame: &Bytes) {
        let channel: ChannelName = channel.into();
        for thread in &self.threads {
            let _ = thread.send(Order::Deliver(channel.clone(), frame.clone()));
        }
    }

    /// To the thread of a player, if there is one.
    pub(super) fn tell(&self, player: i64, order: Order) {
        if let Some(thread) = self.players.lock().get(&player) {
            let _ = self.threads[*thread].send(order);
        }
    }
}

/// One thread's players and its share of every channel.
pub(super) struct Hall {
    thread: usize,
    players: RefCell<Map<i64, Rc<Socket>>>,
    channels: RefCell<Map<ChannelName, Members>>,
}

impl Hall {
    pub(super) fn new(thread: usize) -> Self {
        Self { thread, players: RefCell::default(), channels: RefCell::default() }
    }

    pub(super) fn log_in(&self, halls: &Halls, player: i64, socket: &Rc<Socket>) {
        self.players.borrow_mut().insert(player, socket.clone());
        halls.players.lock().insert(player, self.thread);
    }

    /// The end of a socket: out of all channels, unless the player has come back on another.
    pub(super) fn log_out(&self, halls: &Halls, player: i64, socket: &Rc<Socket>) {
        for members in self.channels.borrow_mut().values_mut() {
            members.retain(|(_, member)| !Rc::ptr_eq(member, socket));
        }
        let is_current = self.players.borrow().get(&player).is_some_and(|current| Rc::ptr_eq(current, socket));
        if is_current {
            self.players.borrow_mut().remove(&player);
            halls.players.lock().remove(&player);
        }
    }

    /// Obeys the orders, one after the other, until the program ends.
    pub(super) async fn deliver(self: Rc<Self>, mut inbox: Inbox, coalesce: bool) {
        let mut pending = Vec::new();
        while inbox.orders.recv_many(&mut pending, usize::MAX).await > 0 {
            if coalesce {
                self.obey_together(&mut pending);
            } else {
                pending.drain(..).for_each(|order| self.obey(order));
            }
        }
    }

    fn obey(&self, order: Order) {
        match order {
            Order::Deliver(channel, frame) => self.write(&channel, &frame),
            Order::Enter(channel, player, frame) => {
                let Some(socket) = self.players.borrow().get(&player).cloned() else { return };
                socket.send(&frame);
                self.channels.borrow_mut().entry(channel).or_default().push((player, socket));
            }
            Order::Exit(channel, player, frame) => {
                if let Some(members) = self.channels.borrow_mut().get_mut(&channel) {
                    members.retain(|(member, _)| *member != player);
                }
                if let Some(socket) = self.players.borrow().get(&player) {
                    socket.send(&frame);
                }
            }
        }
    }

    /// All frames of a channel in one write for each member.
    fn obey_together(&self, pending: &mut Vec<Order>) {
        let mut together: Map<ChannelName, Vec<u8>> = Map::default();
        for order in pending.drain(..) {
            match order {
                Order::Deliver(channel, frame) => together.entry(channel).or_default().extend_from_slice(&frame),
                other => self.obey(other),
            }
        }
        together.iter().for_each(|(channel, frames)| self.write(channel, frames));
    }

    fn write(&self, channel: &[u8], frames: &[u8]) {
        if let Some(members) = self.channels.borrow().get(channel) {
            members.iter().for_each(|(_, socket)| socket.send(frames));
        }
    }
}
