//! Requests over kept-alive connections, and what they cost the server.

use std::fs;
use std::net::SocketAddr;
use std::time::Instant;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server, and one request for each connection.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) process: u32,
    pub(crate) requests: Vec<Vec<u8>>,
}

/// What one round cost.
#[derive(Clone, Copy, Default)]
pub(crate) struct Measured {
    pub(crate) cpu_us: f64,
    pub(crate) per_sec: f64,
}

/// A request as it goes over the wire.
pub(crate) fn heartbeat(body: &str, api_key: &str) -> Vec<u8> {
    format!(
        "PATCH /v1/game/session/heartbeat HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: {api_key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends `count` requests over all connections together.
pub(crate) async fn run(target: &Target, count: usize) -> Measured {
    let each = count / target.requests.len();
    let mut streams = Vec::new();
    for _ in &target.requests {
        let stream = TcpStream::connect(target.address).await.expect("the server accepts");
        stream.set_nodelay(true).expect("a socket option");
        streams.push(stream);
    }
    let (cpu, begin) = (cpu_us(target.process), Instant::now());
    join_all(streams.iter_mut().zip(&target.requests).map(|(stream, request)| ask(stream, request, each))).await;
    let (cpu, took) = (cpu_us(target.process) - cpu, begin.elapsed());
    let done = (each * target.requests.len()) as f64;
    Measured { cpu_us: cpu / done, per_sec: done / took.as_secs_f64() }
}

async fn ask(stream: &mut TcpStream, request: &[u8], count: usize) {
    let mut buffer = vec![0; 4096];
    for _ in 0..count {
        stream.write_all(request).await.expect("the server reads");
        let mut filled = 0;
        while !is_whole(&buffer[..filled]) {
            let read = stream.read(&mut buffer[filled..]).await.expect("the server answers");
            assert!(read > 0, "the server hung up");
            filled += read;
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..filled]));
    }
}

/// Whether an answer is complete. Both servers answer in one short body that ends with a brace.
fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"}}")
}

/// User and system time of a process.
fn cpu_us(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process lives");
    let after_name = stat.rsplit_once(") ").expect("the name is in brackets").1;
    let fields: Vec<_> = after_name.split(' ').collect();
    let ticks: f64 = [11, 12].map(|field| fields[field].parse::<f64>().expect("a number")).iter().sum();
    ticks * 10_000.0
}
