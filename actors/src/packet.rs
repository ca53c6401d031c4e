//! The chat packets ("Hive Chat WebSocket API"): requests are parsed once, answers and notifications encoded once.
//!
//! Nothing here decides; it only knows the shapes. What a shape leaves open (a missing field, a wrong type) is told
//! apart the way the contract does: not a packet at all (the socket is closed) or a bad request (status 400).

mod notify;
mod request;
mod response;

pub use notify::{direct_chat, event, notice, user_custom};
pub use request::{ChannelChat, Command, Credentials, DirectChat, Kind, NotAPacket, Request, parse};
pub use response::{Status, pong, response};
