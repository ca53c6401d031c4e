//! The floor: the least that a server can do for the same packets. What Guildhall costs is told as a multiple of it.
//!
//! N single-threaded runtimes with a listener each (`SO_REUSEPORT`), a list of the thread's sockets by channel, and one
//! `try_write` of a shared ready frame for each recipient. Frames are as long as Guildhall's for the same packet, and
//! hold what a client looks for. There is no JSON: fields are copied as the bytes they are.
//!
//! Left out, so that a comparison is told for what it is: login keys and HTTP keys are not checked, nothing is refused or
//! limited, there is no order between two senders of a channel, no history, no block filter, no durability, and who
//! enters is told to the one who entered only. Times in frames stand still.
//!
//! With `--log` it is a durable floor: what is published over HTTP or said in a channel is appended to a file, and
//! delivered and answered once an `fdatasync` of its group is through; while one group is on its way to the disk the next
//! one gathers. A file that is only appended to is less than any database does, so the comparison is a hard one.

mod commits;
mod connection;
mod frames;
mod hall;
mod http;
mod packets;
mod socket;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use clap::Args;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};

use commits::Commits;
use connection::Connection;
use hall::{Hall, Halls, Inbox};

/// As many as Guildhall's own, so that a storm of logins is taken the same way.
const BACKLOG: i32 = 4096;

/// How the floor serves.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
    /// Threads [default: the number of cores]
    #[arg(long, value_name = "NUMBER")]
    workers: Option<usize>,
    /// Write once for all messages that wait, instead of once for each
    #[arg(long)]
    coalesce: bool,
    /// Append what is published or said to this file, and answer when it is on disk
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// Serves until the process is ended.
///
/// # Errors
/// The address or the file cannot be taken.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let workers = arguments.workers.map_or_else(|| thread::available_parallelism().map(usize::from), Ok)?;
    let mut listen = arguments.listen;
    let mut listeners = Vec::new();
    for _ in 0..workers {
        let listener = listener(listen).with_context(|| format!("cannot listen on {listen}"))?;
        // The port of the first is the port of all.
        listen = listener.local_addr()?;
        listeners.push(listener);
    }
    let commits = arguments.log.as_deref().map(Commits::start).transpose()?;
    let (halls, inboxes) = Halls::new(workers);
    println!("ready public={listen}");
    let start = |(listener, inbox)| {
        let (halls, commits, coalesce) = (halls.clone(), commits.clone(), arguments.coalesce);
        thread::spawn(move || serve(listener, inbox, halls, commits, coalesce))
    };
    let threads: Vec<_> = listeners.into_iter().zip(inboxes).map(start).collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a thread of the floor died"))??;
    }
    Ok(())
}

fn listener(address: SocketAddr) -> Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// One thread: its runtime, its sockets, its share of every channel.
fn serve(
    listener: std::net::TcpListener,
    inbox: Inbox,
    halls: Arc<Halls>,
    commits: Option<Commits>,
    coalesce: bool,
) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::from_std(listener)?;
        let hall = Rc::new(Hall::new(inbox.thread));
        spawn_local(hall.clone().deliver(inbox, coalesce));
        let shared = Rc::new(connection::Shared::new(hall, halls, commits));
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            stream.set_nodelay(true)?;
            spawn_local(Connection::new(stream, shared.clone()).serve());
        }
    })
}
