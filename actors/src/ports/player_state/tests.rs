use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::event::Epoch;
use crate::ids::NodeId;
use crate::ports::ResumeChannel;

const SHARED_CAP: usize = 3;
const ONE_ON_ONE_CAP: usize = 2;
const BLOCK_CAP: usize = 2;

/// One step of the port. Few ids, so that steps meet.
#[derive(Clone, Copy, Debug)]
enum Step {
    Claim(u8),
    Release(u8),
    SaveResume(u8, bool),
    Reserve(u8),
    /// Of a channel that is reserved: the port's users confirm nothing else.
    Confirm(u8, u64),
    Forget(u8, Option<u64>),
    Block(u8),
    Unblock(u8),
    Suspend(Option<(i64, Option<i64>)>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u8..4).prop_map(Step::Claim),
        (0u8..4).prop_map(Step::Release),
        (0u8..4, any::<bool>()).prop_map(|(login, clear)| Step::SaveResume(login, clear)),
        (0u8..12).prop_map(Step::Reserve),
        (0u8..12, 1u64..4).prop_map(|(channel, entered)| Step::Confirm(channel, entered)),
        (0u8..12, proptest::option::of(1u64..4)).prop_map(|(channel, entered)| Step::Forget(channel, entered)),
        (0u8..5).prop_map(Step::Block),
        (0u8..5).prop_map(Step::Unblock),
        proptest::option::of((0i64..200, proptest::option::of(0i64..200))).prop_map(Step::Suspend),
    ]
}

fn login(number: u8, at: Timestamp) -> Login {
    Login { id: login_id(number), node: NodeId::new("node"), at }
}

fn login_id(number: u8) -> LoginId {
    LoginId::new(&number.to_string())
}

fn channel(number: u8) -> ChannelId {
    ChannelId::parse(&number.to_string()).expect("digits")
}

/// A channel has one kind for its whole life.
fn slot(channel: u8) -> Slot {
    [Slot::Public, Slot::Closed, Slot::OneOnOne][usize::from(channel % 3)]
}

fn cap(slot: Slot) -> usize {
    if slot == Slot::OneOnOne { ONE_ON_ONE_CAP } else { SHARED_CAP }
}

fn place(sequence: u64) -> Position {
    Position { epoch: Epoch(1), sequence }
}

fn resume(number: u8, lost_at: Timestamp) -> Resume {
    let (channel, slot) = (channel(number), slot(number));
    Resume {
        lost_at,
        channels: vec![ResumeChannel { channel, slot, entered: place(1), seen: place(1), password_revision: 0 }],
    }
}

/// Performs a step and checks what holds of it alone.
fn perform(state: &mut PlayerState, step: Step, now: Timestamp) {
    let before = state.clone();
    let live = before.login.as_ref().map(|login| login.id.clone());
    match step {
        Step::Claim(number) => match state.claim(&login(number, now)) {
            Err(refusal) => {
                assert!(matches!(refusal, PlayerError::Suspended) && before.is_suspended(now));
                assert_eq!(*state, before);
            }
            Ok(claimed) => {
                assert!(!before.is_suspended(now));
                assert_eq!((claimed.previous, &state.login), (before.login, &Some(login(number, now))));
                assert_eq!((claimed.joined, claimed.blocks), (before.joined, before.blocks));
                assert_eq!(claimed.resume, before.resume);
            }
        },
        Step::Release(number) => {
            let was_live = live == Some(login_id(number));
            assert_eq!(state.release(&login_id(number)), was_live);
            let expected = if was_live { PlayerState { login: None, ..before } } else { before };
            assert_eq!(*state, expected);
        }
        Step::SaveResume(number, clear) => {
            let resume = (!clear).then(|| resume(number, now));
            let was_live = live == Some(login_id(number));
            assert_eq!(state.save_resume(&login_id(number), resume.as_ref()), was_live);
            let expected = if was_live { PlayerState { resume, ..before } } else { before };
            assert_eq!(*state, expected);
        }
        Step::Reserve(number) => reserve(state, &before, number, now),
        Step::Confirm(number, entered) => {
            let listed = before.joined.iter().any(|joined| joined.channel == channel(number));
            if listed {
                let entered = Some(place(entered));
                let (channel, slot) = (channel(number), slot(number));
                let joined = Joined { channel, slot, entered, password_revision: 0, since: now };
                let newest = before.joined.iter().filter(|known| known.channel == joined.channel);
                let newest = newest.filter_map(|known| known.entered).chain(entered).max_by_key(|at| at.sequence);
                assert_eq!(state.confirm(&joined), before.login);
                let listed = state.joined.iter().find(|listed| listed.channel == joined.channel);
                assert_eq!(listed.and_then(|listed| listed.entered), newest);
                assert_eq!(state.joined.len(), before.joined.len());
            }
        }
        Step::Forget(number, entered) => {
            let entered = entered.map(place);
            state.forget(&channel(number), entered);
            let stays = |joined: &&Joined| {
                joined.channel != channel(number) || (joined.entered.is_some() && joined.entered != entered)
            };
            assert_eq!(state.joined, before.joined.iter().filter(stays).cloned().collect::<Vec<_>>());
        }
        Step::Block(number) => {
            let target = PlayerId(number.into());
            let stands = before.blocks.iter().any(|block| block.player == target);
            match state.block(target, BLOCK_CAP, now) {
                Ok(login) => assert!(!stands && login == before.login),
                Err(PlayerError::AlreadyBlocked) => assert!(stands),
                Err(PlayerError::BlockLimit) => assert!(!stands && before.blocks.len() == BLOCK_CAP),
                Err(other) => panic!("{other:?}"),
            }
        }
        Step::Unblock(number) => {
            let target = PlayerId(number.into());
            let stood = before.blocks.iter().any(|block| block.player == target);
            assert_eq!(state.unblock(target).is_ok(), stood);
            assert!(state.blocks.iter().all(|block| block.player != target));
        }
        Step::Suspend(suspension) => {
            let suspension = suspension.map(|(from, until)| {
                let (from, until) = (Timestamp(from), until.map(Timestamp));
                Suspension { from, until, reason: String::new() }
            });
            assert_eq!(state.suspend(suspension.as_ref(), Decider::Operator(now)), before.login);
            assert_eq!((&state.suspension, &state.login), (&suspension, &before.login));
        }
    }
}

fn reserve(state: &mut PlayerState, before: &PlayerState, number: u8, now: Timestamp) {
    let (channel, slot) = (channel(number), slot(number));
    let listed = before.joined.iter().any(|joined| joined.channel == channel);
    match state.reserve(&channel, slot, cap(slot), now) {
        Ok(login) => {
            assert!(slot != Slot::Public || login.is_some());
            assert_eq!((login, state.joined.len()), (before.login.clone(), before.joined.len() + usize::from(!listed)));
        }
        Err(PlayerError::Offline) => assert!(slot == Slot::Public && before.login.is_none() && state == before),
        Err(PlayerError::ChannelLimit) => {
            assert!(!listed && taken(before, slot) == cap(slot) && state == before);
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn taken(state: &PlayerState, slot: Slot) -> usize {
    state.joined.iter().filter(|joined| joined.slot.shares_cap_with(slot)).count()
}

fn assert_sound(state: &PlayerState) {
    let channels: HashSet<_> = state.joined.iter().map(|joined| &joined.channel).collect();
    assert_eq!(channels.len(), state.joined.len(), "a channel is listed once");
    assert!(taken(state, Slot::Public) <= SHARED_CAP && taken(state, Slot::OneOnOne) <= ONE_ON_ONE_CAP);
    let blocked: HashSet<_> = state.blocks.iter().map(|block| block.player).collect();
    assert_eq!(blocked.len(), state.blocks.len(), "a player is blocked once");
    assert!(state.blocks.len() <= BLOCK_CAP);
    assert!(state.known_since.is_some() || *state == PlayerState::default(), "a player with a state is known");
}

proptest! {
    #[test]
    fn whatever_happens_lists_stay_within_their_caps_and_only_the_live_login_acts(
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut state = PlayerState::default();
        for (now, step) in (0..).map(Timestamp).zip(steps) {
            let known_since = state.known_since;
            perform(&mut state, step, now);
            assert_sound(&state);
            prop_assert!(known_since.is_none() || state.known_since == known_since, "known once");
        }
    }

    #[test]
    fn a_state_reads_back_as_it_was_stored(steps in proptest::collection::vec(step(), 0..50)) {
        let mut state = PlayerState::default();
        for (now, step) in (0..).map(Timestamp).zip(steps) {
            perform(&mut state, step, now);
        }
        let text = serde_json::to_string(&state).expect("a state is plain data");
        prop_assert_eq!(serde_json::from_str::<PlayerState>(&text).expect("just written"), state);
    }
}

#[test]
fn a_suspension_covers_its_start_and_not_its_end() {
    let suspension = Suspension { from: Timestamp(10), until: Some(Timestamp(20)), reason: String::new() };
    assert_eq!([9, 10, 19, 20].map(|now| suspension.covers(Timestamp(now))), [false, true, true, false]);
    let for_good = Suspension { until: None, ..suspension };
    assert_eq!([9, 10, i64::MAX].map(|now| for_good.covers(Timestamp(now))), [false, true, true]);
}
