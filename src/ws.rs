//! The chat socket's edge: takes the socket over at the HTTP upgrade and owns its reads and writes from there.
//!
//! It turns bytes into text messages for the `PlayerConnection` and ready frames into writes. What a message means is
//! none of its business. Framing is `actix_http::ws`; RFC 6455's rules beyond single frames are in `inbound`.

#[cfg(feature = "autobahn")]
mod autobahn;
mod frames;
mod inbound;
mod socket;
mod stream;
mod upgrade;

pub use frames::framing;
pub use stream::IntoStream;
pub use upgrade::{CHAT_SOCKET, Edge, Worker, take_over};
