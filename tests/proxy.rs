//! The link that tests slow down, cut and black-hole does just that.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::proxy::{Mode, Proxy};
use crate::support::redis::RedisServer;
use crate::support::{eventually, within};

/// A link to a server that sends everything back.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Proxy::start(address).await
}

async fn connect(proxy: &Proxy) -> TcpStream {
    within("a connection", TcpStream::connect(proxy.address())).await.expect("the link accepts")
}

async fn send(stream: &mut TcpStream, text: &str) {
    within("bytes are taken", stream.write_all(text.as_bytes())).await.expect("an open connection");
}

/// Reads as many bytes as `text` has, and compares.
async fn expect(stream: &mut TcpStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    within("an echo", stream.read_exact(&mut bytes)).await.expect("an open connection");
    assert_eq!(bytes, text.as_bytes());
}

/// Nothing comes for a while: the one thing that only time can show.
async fn expect_silence(stream: &mut TcpStream) {
    let read = tokio::time::timeout(Duration::from_millis(100), stream.read_u8()).await;
    assert!(read.is_err(), "{read:?}");
}

async fn expect_reset(stream: &mut TcpStream) {
    let read = within("a reset", stream.read_u8()).await;
    assert_eq!(read.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_link_passes_both_ways_and_counts_its_connections() {
    let proxy = echo().await;
    let (mut one, mut two) = (connect(&proxy).await, connect(&proxy).await);
    for stream in [&mut one, &mut two] {
        send(stream, "ping").await;
        expect(stream, "ping").await;
    }
    assert_eq!((proxy.accepted(), proxy.open()), (2, 2));
    drop(one);
    eventually("a connection ends", async || (proxy.open() == 1).then_some(())).await;
}

#[tokio::test]
async fn a_delay_holds_in_both_directions_and_keeps_the_order() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    let delay = Duration::from_millis(100);
    proxy.set(Mode::Delay(delay));
    let begin = Instant::now();
    send(&mut stream, "one").await;
    send(&mut stream, "two").await;
    expect(&mut stream, "onetwo").await;
    assert!(begin.elapsed() >= 2 * delay, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_cut_resets_connections_and_refuses_new_ones_until_it_ends() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    send(&mut stream, "before").await;
    expect(&mut stream, "before").await;
    proxy.set(Mode::Cut);
    expect_reset(&mut stream).await;
    let refused = async || TcpStream::connect(proxy.address()).await.is_err().then_some(());
    eventually("new connections are refused", refused).await;
    proxy.resume();
    let accepted = async || TcpStream::connect(proxy.address()).await.ok();
    let mut stream = eventually("new connections are accepted", accepted).await;
    send(&mut stream, "after").await;
    expect(&mut stream, "after").await;
}

#[tokio::test]
async fn a_black_hole_accepts_and_holds_everything_back_until_it_ends() {
    let proxy = echo().await;
    let mut old = connect(&proxy).await;
    send(&mut old, "before").await;
    expect(&mut old, "before").await;
    proxy.set(Mode::BlackHole);
    let mut new = connect(&proxy).await;
    for stream in [&mut old, &mut new] {
        send(stream, "held back").await;
        expect_silence(stream).await;
    }
    proxy.resume();
    for stream in [&mut old, &mut new] {
        expect(stream, "held back").await;
    }
}

#[tokio::test]
async fn a_cut_ends_a_black_hole() {
    let proxy = echo().await;
    proxy.set(Mode::BlackHole);
    let mut stream = connect(&proxy).await;
    send(&mut stream, "held back").await;
    expect_silence(&mut stream).await;
    proxy.set(Mode::Cut);
    expect_reset(&mut stream).await;
}

#[tokio::test]
async fn subscriptions_can_be_black_holed_alone() {
    let server = RedisServer::start().await;
    let proxy = Proxy::start(server.address().parse().expect("an address")).await;
    let (mut subscriber, mut other) = (connect(&proxy).await, connect(&proxy).await);
    send(&mut subscriber, "*2\r\n$10\r\nSSUBSCRIBE\r\n$1\r\na\r\n").await;
    expect(&mut subscriber, "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n").await;
    proxy.set_subscriptions(Mode::BlackHole);
    let heard: i64 = server.command(&["SPUBLISH", "a", "b"]).await;
    assert_eq!(heard, 1);
    expect_silence(&mut subscriber).await;
    send(&mut other, "PING\r\n").await;
    expect(&mut other, "+PONG\r\n").await;
    proxy.resume();
    expect(&mut subscriber, "*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\nb\r\n").await;
}
