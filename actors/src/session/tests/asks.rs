//! What the callers of a history ask, and what they are answered.

use super::super::*;
use super::calls::{Arrival, Node, Told};
use crate::clock::Timestamp;
use crate::ids::{CafeId, SessionId};
use crate::ports::{Durability, StoreError};

/// A call, complete: a retry is the same again.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    StartLauncher(CafeId, StartLauncher),
    IssueToken(IssueToken),
    LauncherHeartbeat(LauncherCall),
    EndLauncher(LauncherCall),
    Verify(Arrival),
    Heartbeat(Heartbeat),
    Check(Check),
    End(End),
    Terminate(CafeId, Terminate),
    Credit(CafeId, CreditAccount),
    SweepDocument(CafeId, DocumentKey),
    Sweep,
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Done,
    Issued(Result<Issued, LauncherRefusal>),
    LauncherBeat(Result<LauncherBeat, LauncherRefusal>),
    LauncherEnded(Result<(), LauncherRefusal>),
    Verdict(Verdict),
    Beat(Result<Beat, Refusal>),
    Checked(Result<Checked, Refusal>),
    Finished(Result<Finished, Refusal>),
    Terminated(bool),
    Credited(Result<Credited, CreditRefusal>),
}

/// An answer, and whether what it tells can still be undone by a crash.
pub(super) type Answered = Result<(Answer, Durability), StoreError>;

impl Ask {
    /// The session it is about, whose actor remembers documents.
    pub(super) fn session(&self) -> Option<SessionId> {
        match self {
            Self::Heartbeat(ask) => Some(ask.session),
            Self::Check(ask) => Some(ask.session),
            Self::End(ask) => Some(ask.session),
            _ => None,
        }
    }

    /// Has a node do it. The memory comes back unless the call failed.
    pub(super) async fn perform(self, node: Node, mut memory: Memory, now: Timestamp) -> (Answered, Option<Memory>) {
        let answered = match &self {
            Self::StartLauncher(cafe, ask) => of(node.start_launcher(cafe, ask).await, |()| Answer::Done),
            Self::IssueToken(ask) => of(node.issue_token(ask).await, Answer::Issued),
            Self::LauncherHeartbeat(ask) => of(node.launcher_heartbeat(ask).await, Answer::LauncherBeat),
            Self::EndLauncher(ask) => of(node.end_launcher(ask).await, Answer::LauncherEnded),
            Self::Verify(arrival) => of(node.verify(arrival).await, Answer::Verdict),
            Self::Heartbeat(ask) => of(node.heartbeat(&mut memory, ask).await, Answer::Beat),
            Self::Check(ask) => of(node.check(&mut memory, ask).await, Answer::Checked),
            Self::End(ask) => of(node.end(&mut memory, ask).await, Answer::Finished),
            Self::Terminate(cafe, ask) => of(node.terminate(cafe, ask).await, Answer::Terminated),
            Self::Credit(cafe, ask) => of(node.credit(cafe, ask).await, Answer::Credited),
            Self::SweepDocument(cafe, key) => of(node.sweep_document(cafe, key).await, |_| Answer::Done),
            Self::Sweep => node.sweep(now).await.map(|_| (Answer::Done, Durability::Soon)),
        };
        let memory = answered.is_ok().then_some(memory);
        (answered, memory)
    }
}

fn of<T>(told: Told<T>, answer: impl FnOnce(T) -> Answer) -> Answered {
    told.map(|decision| (answer(decision.reply), decision.durability))
}

impl Answer {
    /// For the count of what histories have seen.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Issued(Ok(Ok(_))) => "token issued",
            Self::Issued(Ok(Err(_))) => "token not chargeable",
            Self::Issued(Err(refusal)) => launcher_refusal(*refusal),
            Self::LauncherBeat(Ok(beat)) if beat.is_exhausted => "launcher hears of exhaustion",
            Self::LauncherBeat(Ok(beat)) if beat.playing.is_some() => "launcher sees play",
            Self::LauncherBeat(Ok(_)) => "launcher sees no play",
            Self::LauncherBeat(Err(refusal)) => launcher_refusal(*refusal),
            Self::LauncherEnded(Ok(())) => "launcher ended",
            Self::LauncherEnded(Err(refusal)) => launcher_refusal(*refusal),
            Self::Verdict(Verdict::Valid(_)) => "verify: valid",
            Self::Verdict(Verdict::Refused(refusal)) => match refusal {
                VerifyRefusal::OttExpired => "verify: expired",
                VerifyRefusal::OttAlreadyUsed => "verify: used",
                VerifyRefusal::GameMismatch => "verify: other game",
                VerifyRefusal::Suspended => "verify: suspended",
                VerifyRefusal::NotChargeable => "verify: not chargeable",
            },
            Self::Verdict(Verdict::AskPlayer) => "verify: ask",
            Self::Beat(Ok(beat)) => match beat.result {
                BeatResult::Ok => "heartbeat: ok",
                BeatResult::ChargeExhausted => "heartbeat: exhausted",
                BeatResult::SessionReplaced => "heartbeat: replaced",
            },
            Self::Beat(Err(Refusal::NotFound)) => "heartbeat: not found",
            Self::Beat(Err(_)) => "heartbeat: ended",
            Self::Checked(Ok(_)) => "check: ok",
            Self::Checked(Err(Refusal::NotFound)) => "check: not found",
            Self::Checked(Err(_)) => "check: ended",
            Self::Finished(Ok(_)) => "end: success",
            Self::Finished(Err(Refusal::NotFound)) => "end: not found",
            Self::Finished(Err(_)) => "end: already ended",
            Self::Terminated(true) => "terminated",
            Self::Terminated(false) => "nothing to terminate",
            Self::Credited(Ok(_)) => "credited",
            Self::Credited(Err(_)) => "credit refused",
        }
    }

    /// How long the session is said to have been played.
    pub(super) fn play_duration_sec(&self) -> Option<u64> {
        match self {
            Self::Beat(Ok(beat)) => Some(beat.play_duration_sec),
            Self::Checked(Ok(checked)) => Some(checked.play_duration_sec),
            Self::Finished(Ok(finished)) => Some(finished.play_duration_sec),
            _ => None,
        }
    }
}

fn launcher_refusal(refusal: LauncherRefusal) -> &'static str {
    match refusal {
        LauncherRefusal::WrongToken => "launcher: wrong token",
        LauncherRefusal::Ended => "launcher: ended",
    }
}
