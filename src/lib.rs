//! The server: everything that touches the outside. The game itself is in `guildhall_actors`.
//!
//! ```text
//!  cli ─▶ config ─▶ node: store, backend, listeners, drain
//!                    ├─▶ http   requests ─▶ backend
//!                    ├─▶ webhooks  what platforms push, apart from HTTP
//!                    ├─▶ ws     sockets  ─▶ PlayerConnection
//!                    └─▶ adapters  the ports of guildhall_actors on a store
//! ```

pub mod adapters;
pub mod cli;
pub mod client_ip;
pub mod clock;
pub mod config;
pub mod error;
pub mod health;
pub mod http;
pub mod metrics;
pub mod node;
pub mod rate;
pub mod secret;
pub mod telemetry;
pub mod webhooks;
pub mod ws;
