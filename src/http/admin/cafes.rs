//! Cafes, their money, and what their sessions cost. Documents of play keep PlayWave's names of fields.

use actix_web::HttpRequest;
use actix_web::web::{self, Path, ServiceConfig};
use guildhall_actors::backend::PcView;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::{CafeId, CreditId, GameId, SessionId};
use guildhall_actors::ports::SettlementQuery;
use guildhall_actors::session::{
    CreditAccount, CreditRefusal, Register, Session, Settlement, rules::play_duration_sec,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::parse_network;
use crate::error::ApiError;
use crate::http::answer::{Answer, Success};
use crate::http::body::{Json, query};
use crate::http::caller::Operator;
use crate::http::{at, idempotency};
use crate::secret::Secret;

/// Cafes or settlements listed at once.
const MAX_PAGE: usize = 1000;
const DEFAULT_PAGE: usize = 100;
/// Most coins credited at once.
const MAX_CREDIT: u64 = 1_000_000_000_000;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(at("/cafes").route(web::get().to(list)).route(web::post().to(create)))
        .service(at("/cafes/{cafe}").route(web::get().to(get)))
        .service(at("/cafes/{cafe}/credit").route(web::post().to(credit)))
        .service(at("/settlements").route(web::get().to(settlements)));
}

#[derive(Deserialize)]
struct CafeBody {
    id: String,
    networks: Vec<String>,
    #[serde(default)]
    balance: u64,
    /// HMAC key of its launchers; absent: one is made.
    secret: Option<String>,
}

#[derive(Deserialize)]
struct CreditBody {
    coins: u64,
}

#[derive(Deserialize)]
struct ListQuery {
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct SettlementsQuery {
    cafe: Option<String>,
    game: Option<String>,
    from: Option<String>,
    to: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

fn cafe_id(text: &str) -> Result<CafeId, ApiError> {
    CafeId::parse(text).ok_or(ApiError::NotFound)
}

/// A cafe in a query: one that cannot be is a mistake, not a cafe that is missing.
fn named_cafe(text: &str) -> Result<CafeId, ApiError> {
    CafeId::parse(text).ok_or_else(|| ApiError::bad_request("cafe: 1 to 64 of A-Z a-z 0-9 - . _"))
}

fn page(limit: Option<usize>) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_PAGE);
    if (1..=MAX_PAGE).contains(&limit) { Ok(limit) } else { Err(ApiError::bad_request("limit: 1 to 1000")) }
}

/// Every cafe that has an account, ordered by id.
async fn list(operator: Operator, request: HttpRequest) -> Answer {
    let ListQuery { after, limit } = query(&request)?;
    let after = after.map(|after| CafeId::parse(&after).ok_or_else(|| ApiError::bad_request("after: a cafe's id")));
    let (limit, after) = (page(limit)?, after.transpose()?);
    let cafes = operator.api.backend.ports().sessions.cafes(after.as_ref(), limit).await?;
    let next = cafes.last().filter(|_| cafes.len() == limit);
    Ok(Success(json!({ "cafes": cafes, "next": next })))
}

/// The secret is told here and never again.
async fn create(operator: Operator, Json(body): Json<CafeBody>) -> Answer {
    let cafe = CafeId::parse(&body.id).ok_or_else(|| ApiError::bad_request("id: 1 to 64 of A-Z a-z 0-9 - . _"))?;
    if body.networks.is_empty() || !body.networks.iter().all(|network| parse_network(network).is_some()) {
        return Err(ApiError::bad_request("networks: at least one, such as 10.0.0.0/8 or 192.0.2.7"));
    }
    if body.balance > MAX_CREDIT {
        return Err(ApiError::bad_request("balance: 0 to 1000000000000"));
    }
    if body.secret.as_ref().is_some_and(|secret| secret.len() < MIN_SECRET_BYTES) {
        return Err(ApiError::bad_request("secret: at least 16 bytes; without one, one is made"));
    }
    let is_configured = operator.api.settings.cafes.iter().any(|known| known.id == cafe);
    let secret = body.secret.unwrap_or_else(|| Secret::random().expose().to_owned());
    let ask = Register { secret: secret.clone(), networks: body.networks.clone(), balance: body.balance };
    let (backend, id) = (operator.api.backend.clone(), cafe.clone());
    let register = async move { if is_configured { Ok(false) } else { backend.register_cafe(&id, ask).await } };
    if !operator.api.backend.spawn(register).await? {
        return Err(ApiError::DuplicateCafe);
    }
    Ok(Success(json!({ "id": cafe, "secret": secret, "networks": body.networks, "balance": body.balance })))
}

/// Below this a secret can be guessed from one signature.
const MIN_SECRET_BYTES: usize = 16;

async fn get(operator: Operator, path: Path<String>) -> Answer {
    let (id, backend) = (cafe_id(&path)?, &operator.api.backend);
    let cafe = backend.cafe(&id).await?.ok_or(ApiError::NotFound)?;
    let now = backend.now();
    let pc = |view: &PcView| {
        let session = view.session.as_ref().map(|(session, document)| describe_session(*session, &id, document, now));
        json!({
            "pc_id": view.id,
            "launcher": view.pc.launcher.as_ref().map(|launcher| {
                json!({ "launcher_session_id": launcher.id, "seen_at": launcher.seen_at.to_iso() })
            }),
            "game_session": session,
        })
    };
    let pcs: Vec<_> = cafe.pcs.iter().map(pc).collect();
    let live = cafe.pcs.iter().filter(|view| view.session.is_some()).count();
    let account = &cafe.account;
    Ok(Success(json!({
        "id": id,
        "balance": account.balance,
        "credited": account.credited,
        "charged": account.charged,
        "live_sessions": live,
        "pcs": pcs,
    })))
}

pub(super) fn describe_session(id: SessionId, cafe: &CafeId, session: &Session, now: Timestamp) -> Value {
    json!({
        "game_session_id": id,
        "game_id": session.game,
        "cafe_id": cafe,
        "pc_id": session.pc,
        "provider_user_id": session.player.to_string(),
        "started_at": session.started_at.to_iso(),
        "heartbeat_at": session.heartbeat_at.to_iso(),
        "play_duration_sec": play_duration_sec(session, now),
        "coins": session.charged_units * session.rate.coins,
        "exhausted": session.exhausted_at.is_some(),
    })
}

/// With `Idempotency-Key`, a repeat within the setting's time is answered as the first time and adds nothing.
async fn credit(operator: Operator, path: Path<String>, request: HttpRequest, Json(body): Json<CreditBody>) -> Answer {
    let cafe = cafe_id(&path)?;
    if !(1..=MAX_CREDIT).contains(&body.coins) {
        return Err(ApiError::bad_request("coins: 1 to 1000000000000"));
    }
    let id = match idempotency::key(&request)? {
        Some(key) => Some(CreditId::parse(&key).ok_or_else(|| ApiError::bad_request("Idempotency-Key: no spaces"))?),
        None => None,
    };
    let (backend, ask) = (operator.api.backend.clone(), CreditAccount { id, coins: body.coins });
    let credited = operator.api.backend.spawn(async move { backend.credit(&cafe, ask).await }).await?;
    match credited {
        Ok(credited) => Ok(Success(json!({ "balance": credited.balance }))),
        Err(CreditRefusal::NoSuchCafe) => Err(ApiError::NotFound),
        Err(CreditRefusal::OtherCoins) => {
            Err(ApiError::bad_request("Idempotency-Key: used before with another number of coins"))
        }
        Err(CreditRefusal::TooMuch) => Err(ApiError::bad_request("coins: the balance would exceed 1000000000000000")),
    }
}

/// Sessions that ended within `from..to`, oldest first; `next` continues.
async fn settlements(operator: Operator, request: HttpRequest) -> Answer {
    let ask: SettlementsQuery = query(&request)?;
    let time = |name: &str, text: &Option<String>, absent| match text {
        None => Ok(absent),
        Some(text) => Timestamp::parse(text)
            .ok_or_else(|| ApiError::bad_request(format!("{name}: Unix milliseconds or RFC 3339"))),
    };
    let limit = page(ask.limit)?;
    let wanted = SettlementQuery {
        cafe: ask.cafe.as_deref().map(named_cafe).transpose()?,
        game: ask.game.as_deref().map(GameId::new),
        from: time("from", &ask.from, Timestamp(i64::MIN))?,
        to: time("to", &ask.to, Timestamp::MAX)?,
        after: ask.after.as_deref().map(place).transpose()?,
        limit,
    };
    let found = operator.api.backend.ports().sessions.settlements(&wanted).await?;
    let last = found.last().filter(|_| found.len() == limit);
    let next = last.map(|last| format!("{}.{}", last.ended_at.0, last.session_id));
    let rows: Vec<_> = found.iter().map(describe_settlement).collect();
    Ok(Success(json!({ "settlements": rows, "next": next })))
}

/// The place in the list that `next` named.
fn place(text: &str) -> Result<(Timestamp, SessionId), ApiError> {
    let parse = || {
        let (ended_at, session) = text.split_once('.')?;
        Some((Timestamp(ended_at.parse().ok()?), SessionId::parse(session)?))
    };
    parse().ok_or_else(|| ApiError::bad_request("after: what `next` was in the page before"))
}

fn describe_settlement(row: &Settlement) -> Value {
    json!({
        "session_id": row.session_id,
        "game_id": row.game_id,
        "cafe_id": row.cafe_id,
        "pc_id": row.pc_id,
        "provider_user_id": row.provider_user_id.to_string(),
        "started_at": row.started_at.to_iso(),
        "ended_at": row.ended_at.to_iso(),
        "end_reason": row.end_reason,
        "play_duration_sec": row.play_duration_sec,
        "billed_sec": row.billed_sec,
        "coins": row.coins,
        "client_play_duration_sec": row.client_play_duration_sec,
    })
}
