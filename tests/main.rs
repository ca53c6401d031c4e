//! The black-box suite: every test starts the real binary on ports of its own and speaks real HTTP and WebSocket.
//!
//! All of it: `cargo test --test blackbox`. One file: `cargo test --test blackbox reconnect::`. One test: its name.
//! A test that fails prints the log of its server.

mod closes;
mod command_line;
mod crowd;
mod delivery;
mod direct;
mod envelope;
mod faults;
mod first_start;
mod handshake;
mod http_channel_changes;
mod http_channels;
mod http_envelope;
mod http_history;
mod http_idempotency;
mod http_members;
mod http_messages;
mod http_users;
mod login;
mod malformed;
mod operator;
mod outcomes;
mod packets;
mod play_billing;
mod play_cafes;
mod play_check;
mod play_command;
mod play_end;
mod play_envelope;
mod play_heartbeat;
mod play_launcher;
mod play_node;
mod play_signature;
mod play_verify;
mod reconnect;
mod replay;
mod restart;
mod restart_after_panic;
mod seed;
mod sequence;
mod slow_client;
mod support;
mod sweep;
mod tidy;
mod tls;
mod websocket;
