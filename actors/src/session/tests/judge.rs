//! Whether an answer is one the contract allows, by what its caller knows.

use super::super::*;
use super::asks::{Answer, Ask};
use super::calls::Arrival;
use super::invariants::{Status, status};
use super::known::KnownToken;
use super::world::{Before, World};
use crate::ids::{GameId, LauncherKey, PlayerId, SessionId};
use crate::ports::Durability;

/// What the caller of a session learns of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learnt {
    Alive,
    Replaced,
    Finished,
    Ended,
    NotFound,
}

impl World {
    /// # Panics
    /// When the answer is outside the contract.
    pub(super) fn judge(&mut self, ask: &Ask, answer: &Answer, durability: Durability, before: &Before) {
        match (ask, answer) {
            (Ask::StartLauncher(cafe, ask), _) => {
                self.known.launchers.push((cafe.clone(), LauncherCall { launcher: ask.key, id: ask.id }));
            }
            (Ask::IssueToken(ask), Answer::Issued(issued)) => self.judge_issue(ask, issued),
            (Ask::LauncherHeartbeat(ask), Answer::LauncherBeat(Err(LauncherRefusal::WrongToken)))
            | (Ask::EndLauncher(ask), Answer::LauncherEnded(Err(LauncherRefusal::WrongToken))) => {
                assert!(self.is_forgotten(ask.launcher), "a launcher is unknown while it is remembered: {ask:?}");
            }
            (Ask::Verify(arrival), Answer::Verdict(verdict)) => self.judge_verify(arrival, *verdict),
            (Ask::Heartbeat(ask), _) => self.judge_session(ask.session, &ask.game, Some(ask.player), answer, before),
            (Ask::Check(ask), _) => self.judge_session(ask.session, &ask.game, Some(ask.player), answer, before),
            (Ask::End(ask), _) => self.judge_session(ask.session, &ask.game, None, answer, before),
            (Ask::Terminate(_, ask), Answer::Terminated(was_live)) => {
                let after = self.status(ask.session);
                assert!(!was_live || matches!(after, Status::Over(..)), "it lives on: {after:?}");
                assert_ne!(after, Status::Live, "not terminated");
            }
            (Ask::Credit(cafe, ask), Answer::Credited(Ok(_))) => self.known.credited(cafe, ask),
            _ => {}
        }
        if let (Some(session), Some(play_duration_sec)) = (ask.session(), answer.play_duration_sec()) {
            assert!(play_duration_sec >= before.played, "{session} was played {} s: {answer:?}", before.played);
            self.known.told(session, play_duration_sec, durability);
        }
    }

    fn status(&self, session: SessionId) -> Status {
        self.store.look(|kept| status(kept, session))
    }

    fn is_forgotten(&self, launcher: LauncherKey) -> bool {
        let key = DocumentKey::Launcher(launcher);
        self.store.look(|kept| kept.cafes.values().all(|documents| !documents.contains_key(&key)))
    }

    fn judge_issue(&mut self, ask: &IssueToken, issued: &Result<Issued, LauncherRefusal>) {
        match issued {
            Ok(Ok(id)) => {
                assert_eq!(*id, ask.new_token);
                let token = KnownToken { id: *id, game: ask.game.clone(), launcher: ask.launcher };
                self.arrive_soon(&token);
                self.known.tokens.push(token);
            }
            Ok(Err(NotChargeable)) => {
                let of_launcher = self.known.launchers.iter().find(|(_, call)| call.launcher == ask.launcher);
                assert!(ask.rate.coins > 0 && of_launcher.is_none_or(|(cafe, _)| !self.known.is_rich(cafe)));
            }
            Err(LauncherRefusal::WrongToken) => assert!(self.is_forgotten(ask.launcher)),
            Err(LauncherRefusal::Ended) => {}
        }
    }

    fn judge_verify(&mut self, arrival: &Arrival, verdict: Verdict) {
        let token = self.known.tokens.iter().find(|token| token.id == arrival.token).cloned();
        let is_theirs = token.as_ref().is_some_and(|token| token.game == arrival.game);
        match verdict {
            Verdict::Valid(session) => {
                assert!(is_theirs && !arrival.is_suspended && session == arrival.new_session);
                assert_ne!(self.status(session), Status::None, "valid, and not begun");
                self.known.begun(arrival.token, session);
            }
            Verdict::Refused(VerifyRefusal::OttExpired) => {
                let is_fresh = token.is_some_and(|token| self.is_fresh(&token));
                assert!(!is_fresh, "expired before its time: {arrival:?}");
            }
            Verdict::Refused(VerifyRefusal::OttAlreadyUsed) => {
                let mut attempts = self.known.attempts_of(arrival.token);
                assert!(attempts.any(|session| self.status(session) != Status::None), "used by nobody: {arrival:?}");
            }
            Verdict::Refused(VerifyRefusal::GameMismatch) => assert!(!is_theirs),
            Verdict::Refused(VerifyRefusal::Suspended) => assert!(arrival.is_suspended && is_theirs),
            Verdict::Refused(VerifyRefusal::NotChargeable) => {
                let token = token.expect("a known token");
                let of_launcher = self.known.launchers.iter().find(|(_, call)| call.launcher == token.launcher);
                assert!(arrival.rate.coins > 0 && of_launcher.is_none_or(|(cafe, _)| !self.known.is_rich(cafe)));
            }
            Verdict::AskPlayer => panic!("the node asks the player itself"),
        }
    }

    /// Whether a token must not be called expired: nobody can have read a time a minute after its issue, and its
    /// launcher still has its PC.
    fn is_fresh(&self, token: &KnownToken) -> bool {
        self.store.look(|kept| {
            let documents = kept.cafes.values().find(|documents| documents.contains_key(&DocumentKey::Token(token.id)));
            let read = |key: &DocumentKey| documents?.get(key).map(|(_, document)| &**document);
            let Some(Document::Token(document)) = read(&DocumentKey::Token(token.id)) else { return false };
            let Some(Document::Pc(pc)) = read(&DocumentKey::Pc(document.pc.clone())) else { return false };
            let has_seat = pc.launcher.as_ref().is_some_and(|seat| seat.key == token.launcher);
            has_seat && self.latest.since(document.issued_at).as_secs() < 60
        })
    }

    fn judge_session(
        &mut self,
        id: SessionId,
        game: &GameId,
        player: Option<PlayerId>,
        answer: &Answer,
        before: &Before,
    ) {
        let after = self.status(id);
        let learnt = learnt(answer);
        let known = self.known.session(id);
        let may_see = known.is_some_and(|known| known.game == *game && player.is_none_or(|it| known.player == it));
        let is_allowed = match learnt {
            _ if !may_see => learnt == Learnt::NotFound,
            Learnt::Alive => !matches!(before.status, Status::Over(..)),
            Learnt::Replaced => matches!(after, Status::Over(EndReason::SessionReplaced, _)),
            Learnt::Finished => {
                let is_by_call = matches!(after, Status::Over(EndReason::Normal | EndReason::ChargeExhausted, _));
                is_by_call && !matches!(before.status, Status::Over(..))
            }
            Learnt::Ended => match after {
                Status::Over(EndReason::HeartbeatTimeout, _) => false,
                Status::Over(EndReason::SessionReplaced, _) => !matches!(answer, Answer::Beat(_)),
                Status::Over(..) => true,
                Status::None | Status::Live => false,
            },
            Learnt::NotFound => match after {
                Status::Over(reason, until) => {
                    reason == EndReason::HeartbeatTimeout || until.is_none_or(|until| until <= self.latest)
                }
                Status::None | Status::Live => before.status == Status::None,
            },
        };
        assert!(is_allowed, "{answer:?} of {id}, {:?} before and {after:?} after", before.status);
        if let Answer::Finished(Ok(finished)) = answer {
            self.known.finished(id);
            let settled = self.store.look(|kept| {
                let settlement = kept.settlements.iter().find(|settlement| settlement.session_id == id);
                settlement.map(|settlement| settlement.play_duration_sec)
            });
            assert_eq!(settled, Some(finished.play_duration_sec));
        }
    }
}

fn learnt(answer: &Answer) -> Learnt {
    let refusal = match answer {
        Answer::Beat(Ok(beat)) if beat.result == BeatResult::SessionReplaced => return Learnt::Replaced,
        Answer::Beat(Ok(_)) | Answer::Checked(Ok(_)) => return Learnt::Alive,
        Answer::Finished(Ok(_)) => return Learnt::Finished,
        Answer::Beat(Err(refusal)) | Answer::Checked(Err(refusal)) => {
            assert!(matches!(refusal, Refusal::NotFound | Refusal::Ended), "{refusal:?}");
            *refusal
        }
        Answer::Finished(Err(refusal)) => {
            assert!(matches!(refusal, Refusal::NotFound | Refusal::AlreadyEnded), "{refusal:?}");
            *refusal
        }
        other => panic!("not of a session: {other:?}"),
    };
    if refusal == Refusal::NotFound { Learnt::NotFound } else { Learnt::Ended }
}
