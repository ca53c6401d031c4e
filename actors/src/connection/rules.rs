//! What a request leads to ("Hive Chat WebSocket API", sessions, status codes and server-initiated close).

use std::time::Duration;

use crate::clock::Timestamp;
use crate::close::Close;
use crate::ids::PlayerId;
use crate::limits::ConnectionLimits;
use crate::packet::{ChannelChat, Command, Credentials, DirectChat, Kind, NotAPacket, Request, Status};
use crate::rate::{Rate, TokenBucket};

/// Refused chat messages in a row after which a flooding client is closed; one more is forgiven each second.
const FLOOD_PATIENCE: Rate = Rate { per_sec: 1, burst: 50 };

/// Requests of any kind for each chat message that is allowed: far more than a client needs, and a bound on what one
/// can cost. Beyond, a client is slowed down, not refused.
const REQUESTS_PER_CHAT: u32 = 10;

/// How a connection has behaved so far.
#[derive(Debug)]
pub(super) struct Conduct {
    opened_at: Timestamp,
    last_request_at: Timestamp,
    chat: TokenBucket,
    patience: TokenBucket,
    requests: TokenBucket,
}

/// Who is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) game_index: i64,
    pub(super) player: PlayerId,
}

/// What follows from a request.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Answer(Status),
    AnswerAndClose(Status, Close),
    Close(Close),
    Pong,
    LogIn { credentials: Credentials, reconnect: bool },
    Post(ChannelChat),
    Direct(DirectChat),
}

/// What follows from silence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Silence {
    Close(Close),
    /// Look again after this long.
    Fine(Duration),
}

impl Conduct {
    pub(super) fn new(limits: &ConnectionLimits, now: Timestamp) -> Self {
        Self {
            opened_at: now,
            last_request_at: now,
            chat: TokenBucket::full(chat_rate(limits), now),
            patience: TokenBucket::full(FLOOD_PATIENCE, now),
            requests: TokenBucket::full(request_rate(limits), now),
        }
    }

    /// Judges what came in.
    pub(super) fn on_request(
        &mut self,
        request: Result<Request, NotAPacket>,
        identity: Option<Identity>,
        limits: &ConnectionLimits,
        now: Timestamp,
    ) -> Verdict {
        self.last_request_at = now;
        let Ok(request) = request else { return Verdict::Close(Close::NotJson) };
        match (request.kind, identity) {
            (Kind::Ping, None) => Verdict::Close(Close::PingBeforeConnect),
            (Kind::ChannelChat | Kind::DirectChat, None) => {
                Verdict::AnswerAndClose(Status::Unauthorized, Close::Unauthorized)
            }
            (Kind::Connect | Kind::Reconnect, Some(_)) => Verdict::Answer(Status::BadRequest),
            (_, identity) => match request.command {
                Ok(command) => self.on_command(command, identity, limits, now),
                Err(_) => Verdict::Answer(Status::BadRequest),
            },
        }
    }

    fn on_command(
        &mut self,
        command: Command,
        identity: Option<Identity>,
        limits: &ConnectionLimits,
        now: Timestamp,
    ) -> Verdict {
        match command {
            Command::Ping => Verdict::Pong,
            Command::Connect(credentials) => Verdict::LogIn { credentials, reconnect: false },
            Command::Reconnect(credentials) => Verdict::LogIn { credentials, reconnect: true },
            Command::ChannelChat(chat) => {
                let sender = Identity { game_index: chat.game_index, player: chat.from };
                let fits = fits(&chat.message, &chat.extra_data, limits);
                self.on_chat(sender, identity, fits, limits, now).unwrap_or(Verdict::Post(chat))
            }
            Command::DirectChat(chat) => {
                let sender = Identity { game_index: chat.game_index, player: chat.from };
                let fits = fits(&chat.message, &chat.extra_data, limits) && chat.to != chat.from;
                self.on_chat(sender, identity, fits, limits, now).unwrap_or(Verdict::Direct(chat))
            }
        }
    }

    /// What stands against a chat message, if anything does.
    fn on_chat(
        &mut self,
        sender: Identity,
        identity: Option<Identity>,
        fits: bool,
        limits: &ConnectionLimits,
        now: Timestamp,
    ) -> Option<Verdict> {
        if identity != Some(sender) {
            return Some(Verdict::AnswerAndClose(Status::Forbidden, Close::Forbidden));
        }
        if !self.chat.take(chat_rate(limits), now) {
            let patient = self.patience.take(FLOOD_PATIENCE, now);
            let answer = Status::TooManyMessages;
            return Some(if patient { Verdict::Answer(answer) } else { Verdict::AnswerAndClose(answer, Close::Flood) });
        }
        (!fits).then_some(Verdict::Answer(Status::BadRequest))
    }

    /// Whether the client should be slowed down.
    pub(super) fn is_hasty(&mut self, limits: &ConnectionLimits, now: Timestamp) -> bool {
        !self.requests.take(request_rate(limits), now)
    }

    /// Judges silence. Any request ends it; frames of the WebSocket protocol itself do not.
    pub(super) fn on_silence(&self, logged_in: bool, limits: &ConnectionLimits, now: Timestamp) -> Silence {
        let (since, limit, reason) = if logged_in {
            (self.last_request_at, limits.idle, Close::Idle)
        } else {
            (self.opened_at, limits.connect, Close::NoConnect)
        };
        match limit.checked_sub(now.since(since)) {
            Some(left) if !left.is_zero() => Silence::Fine(left),
            _ => Silence::Close(reason),
        }
    }
}

fn chat_rate(limits: &ConnectionLimits) -> Rate {
    Rate { per_sec: limits.chat_per_sec, burst: limits.chat_burst }
}

fn request_rate(limits: &ConnectionLimits) -> Rate {
    let Rate { per_sec, burst } = chat_rate(limits);
    Rate { per_sec: per_sec.saturating_mul(REQUESTS_PER_CHAT), burst: burst.saturating_mul(REQUESTS_PER_CHAT) }
}

fn fits(message: &str, extra_data: &str, limits: &ConnectionLimits) -> bool {
    !message.is_empty()
        && message.chars().count() <= limits.message_chars
        && extra_data.len() <= limits.extra_data_bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::parse;

    const ME: Identity = Identity { game_index: 7, player: PlayerId(5001) };
    const NOW: Timestamp = Timestamp(1_000_000);

    fn limits() -> ConnectionLimits {
        ConnectionLimits::default()
    }

    fn judge(text: &str, identity: Option<Identity>) -> Verdict {
        Conduct::new(&limits(), NOW).on_request(parse(text), identity, &limits(), NOW)
    }

    fn chat(from: i64, message: &str) -> String {
        let body = serde_json::json!({
            "gameIndex": 7, "from": from, "to": "open:1", "message": message, "extraData": "", "langCode": "en",
        });
        serde_json::json!({ "packetType": "CHANNEL_CHAT", "body": body }).to_string()
    }

    #[test]
    fn before_connect_only_a_login_is_welcome() {
        assert_eq!(judge(r#"{"packetType":"PING"}"#, None), Verdict::Close(Close::PingBeforeConnect));
        let unauthorized = Verdict::AnswerAndClose(Status::Unauthorized, Close::Unauthorized);
        assert_eq!(judge(&chat(5001, "hi"), None), unauthorized);
        assert_eq!(judge(r#"{"packetType":"DIRECT_CHAT"}"#, None), unauthorized);
        assert_eq!(judge(r#"{"packetType":"CONNECT"}"#, None), Verdict::Answer(Status::BadRequest));
        assert_eq!(judge("hello", None), Verdict::Close(Close::NotJson));
    }

    #[test]
    fn a_second_connect_is_a_bad_request_and_the_session_stays() {
        assert_eq!(judge(r#"{"packetType":"CONNECT"}"#, Some(ME)), Verdict::Answer(Status::BadRequest));
    }

    #[test]
    fn a_foreign_sender_is_refused_and_closed() {
        let forbidden = Verdict::AnswerAndClose(Status::Forbidden, Close::Forbidden);
        assert_eq!(judge(&chat(5002, "hi"), Some(ME)), forbidden);
        assert_eq!(judge(&chat(5001, "hi"), Some(Identity { game_index: 8, ..ME })), forbidden);
    }

    #[test]
    fn a_message_is_1_to_200_code_points() {
        assert!(matches!(judge(&chat(5001, &"🎲".repeat(200)), Some(ME)), Verdict::Post(_)));
        assert_eq!(judge(&chat(5001, &"🎲".repeat(201)), Some(ME)), Verdict::Answer(Status::BadRequest));
        assert_eq!(judge(&chat(5001, ""), Some(ME)), Verdict::Answer(Status::BadRequest));
    }

    #[test]
    fn a_flood_is_refused_first_and_closed_when_it_goes_on() {
        let mut conduct = Conduct::new(&limits(), NOW);
        let verdicts: Vec<_> =
            (0..71).map(|_| conduct.on_request(parse(&chat(5001, "hi")), Some(ME), &limits(), NOW)).collect();
        assert!(verdicts[..20].iter().all(|verdict| matches!(verdict, Verdict::Post(_))));
        assert!(verdicts[20..70].iter().all(|verdict| *verdict == Verdict::Answer(Status::TooManyMessages)));
        assert_eq!(verdicts[70], Verdict::AnswerAndClose(Status::TooManyMessages, Close::Flood));
    }

    #[test]
    fn a_client_is_hasty_beyond_ten_requests_for_each_chat_message() {
        let mut conduct = Conduct::new(&limits(), NOW);
        assert_eq!((0..250).filter(|_| conduct.is_hasty(&limits(), NOW)).count(), 50);
        assert!(!conduct.is_hasty(&limits(), NOW + Duration::from_secs(1)));
    }

    #[test]
    fn silence_ends_a_session_at_the_limit_and_not_before() {
        let mut conduct = Conduct::new(&limits(), NOW);
        let later = |secs| NOW + Duration::from_secs(secs);
        assert_eq!(conduct.on_silence(false, &limits(), later(10)), Silence::Close(Close::NoConnect));
        let _ = conduct.on_request(parse(r#"{"packetType":"PING"}"#), Some(ME), &limits(), later(9));
        assert_eq!(conduct.on_silence(true, &limits(), later(68)), Silence::Fine(Duration::from_secs(1)));
        assert_eq!(conduct.on_silence(true, &limits(), later(69)), Silence::Close(Close::Idle));
    }
}
