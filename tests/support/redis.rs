//! Real Redis servers on loopback ports of their own, each in a temporary folder, gone when the test ends.
//!
//! `GUILDHALL_TEST_REDIS_SERVER` chooses another server program, such as `valkey-server`.

mod cluster;
mod sentinel;
mod server;

pub(crate) use cluster::RedisCluster;
pub(crate) use sentinel::RedisSentinel;
pub(crate) use server::RedisServer;
