//! The bytes between this tool and a chat server.

pub(crate) mod dialect;
pub(crate) mod frame;
pub(crate) mod http;
pub(crate) mod packet;
pub(crate) mod stamp;
