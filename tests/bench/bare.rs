//! The floor: an actix-web handler that reads the same body and writes the same answer, and does nothing else.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use actix_web::web::{self, Json};
use actix_web::{App, HttpResponse, HttpServer};
use serde::{Deserialize, Serialize};

use crate::load::{Target, heartbeat};

/// Makes this program the server.
pub(crate) const FLAG: &str = "--serve-bare";

#[derive(Deserialize)]
struct Body {
    game_session_id: String,
    provider_user_id: String,
}

#[derive(Serialize)]
struct Answer {
    success: bool,
    request_id: &'static str,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    result: &'static str,
    next_heartbeat_in: u64,
    play_duration_sec: u64,
}

/// A running server, gone when this is dropped.
pub(crate) struct Bare {
    process: Child,
    address: std::net::SocketAddr,
    requests: Vec<Vec<u8>>,
}

async fn answer(Json(body): Json<Body>) -> HttpResponse {
    let play_duration_sec = (body.game_session_id.len() + body.provider_user_id.len()) as u64;
    let data = Data { result: "OK", next_heartbeat_in: 120, play_duration_sec };
    HttpResponse::Ok().json(Answer { success: true, request_id: "req_000000000000000000000000", data })
}

pub(crate) fn serve() -> io::Result<()> {
    actix_web::rt::System::new().block_on(async {
        let app = || App::new().route("/v1/game/session/heartbeat", web::patch().to(answer));
        let server = HttpServer::new(app).bind("127.0.0.1:0")?;
        writeln!(io::stdout(), "{}", server.addrs()[0])?;
        server.run().await
    })
}

pub(crate) fn start(bodies: &[String]) -> Bare {
    let program = std::env::current_exe().expect("this program has a path");
    let mut process =
        Command::new(program).arg(FLAG).stdout(Stdio::piped()).spawn().expect("this program starts again");
    let mut line = String::new();
    let stdout = process.stdout.as_mut().expect("stdout is piped");
    BufReader::new(stdout).read_line(&mut line).expect("it tells its address");
    let requests = bodies.iter().map(|body| heartbeat(body, "key")).collect();
    Bare { process, address: line.trim().parse().expect("an address"), requests }
}

impl Bare {
    pub(crate) fn target(&self) -> Target {
        Target { address: self.address, process: self.process.id(), requests: self.requests.clone() }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
