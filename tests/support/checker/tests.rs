//! The judge is fed broken runs, and must complain of what is broken and of nothing else.

use super::*;

const CHANNEL: &str = "open:1";

fn at(sequence: i64) -> Heard {
    in_epoch("one", sequence)
}

/// The message that is called after its place.
fn in_epoch(epoch: &str, sequence: i64) -> Heard {
    let position = Position { epoch: epoch.to_owned(), sequence };
    Heard { channel: CHANNEL.to_owned(), text: format!("{epoch}-{sequence}"), position: Some(position) }
}

fn plain(heard: Heard) -> Heard {
    Heard { position: None, ..heard }
}

fn life(begun: u64, ended: Option<u64>, heard: Vec<Heard>) -> Life {
    Life { begun: Duration::from_secs(begun), ended: ended.map(Duration::from_secs), heard, ..Life::default() }
}

fn resumed(life: Life) -> Life {
    Life { resumed: [CHANNEL.to_owned()].into(), ..life }
}

fn member(player: i64, lives: Vec<Life>) -> Recording {
    Recording { player, channels: [CHANNEL.to_owned()].into(), lives, said: Vec::new() }
}

/// Says each of these one second after the other, from second 1.
fn saying(recording: Recording, heard: &[Heard]) -> Recording {
    let said = (1..).zip(heard).map(|(second, heard)| Said {
        channel: heard.channel.clone(),
        text: heard.text.clone(),
        at: Duration::from_secs(second),
        acknowledged: true,
    });
    Recording { said: said.collect(), ..recording }
}

fn judged(recordings: &[Recording]) -> Verdict {
    let connected = recordings.iter().filter(|recording| recording.is_connected());
    let members = connected.map(|recording| recording.player).collect();
    judge(recordings, &[(CHANNEL.to_owned(), members)].into())
}

/// The complaints' kinds.
fn complaints(verdict: &Verdict) -> Vec<&str> {
    verdict.complaints.iter().filter_map(|complaint| complaint.split(':').next()).collect()
}

/// A speaker who hears all three messages, and this other member.
fn with(other: Recording) -> Verdict {
    let all = [at(1), at(2), at(3)];
    let speaker = saying(member(1, vec![life(0, None, all.to_vec())]), &all);
    judged(&[speaker, other])
}

#[test]
fn a_run_without_fault_is_good() {
    let verdict = with(member(2, vec![life(0, None, vec![plain(at(1)), plain(at(2)), plain(at(3))])]));
    assert!(verdict.is_good(), "{:?}", verdict.complaints);
    assert_eq!((verdict.acknowledged, verdict.delivered, verdict.reconnects), (3, 6, 0));
}

#[test]
fn a_message_that_a_connected_member_never_heard_is_lost() {
    let verdict = with(member(2, vec![life(0, None, vec![at(1), at(3)])]));
    assert_eq!((complaints(&verdict), verdict.lost), (vec!["lost"], 1));
}

#[test]
fn a_message_that_arrived_in_another_channel_is_lost() {
    let astray = Heard { channel: "open:2".to_owned(), ..at(2) };
    assert_eq!(complaints(&with(member(2, vec![life(0, None, vec![at(1), astray, at(3)])]))), ["lost"]);
}

#[test]
fn a_message_without_an_acknowledgement_may_be_lost() {
    let mut speaker = saying(member(1, vec![life(0, None, Vec::new())]), &[at(1)]);
    assert_eq!(judged(&[speaker.clone()]).lost, 1);
    speaker.said[0].acknowledged = false;
    assert!(judged(&[speaker]).is_good());
}

#[test]
fn a_message_heard_twice_is_a_duplicate() {
    let verdict = with(member(2, vec![life(0, None, vec![at(1), at(2), at(2), at(3)])]));
    assert_eq!((complaints(&verdict), verdict.duplicates), (vec!["duplicate"], 1));
}

#[test]
fn a_message_that_stands_twice_in_the_log_is_a_duplicate() {
    let again = Heard { text: "one-3".to_owned(), ..at(4) };
    let verdict = with(member(2, vec![life(0, None, vec![at(1), at(2), again])]));
    assert_eq!((complaints(&verdict), verdict.duplicates), (vec!["duplicate"], 1));
}

#[test]
fn members_that_hear_another_order_are_told_with_positions_and_without() {
    for form in [plain, |heard| heard] {
        let verdict = with(member(2, vec![life(0, None, [at(1), at(3), at(2)].map(form).to_vec())]));
        assert_eq!((complaints(&verdict), verdict.disorders), (vec!["disorder"], 1));
    }
}

#[test]
fn two_messages_at_one_place_are_a_disorder() {
    let other = Heard { text: "another".to_owned(), ..at(3) };
    let verdict = with(member(2, vec![life(0, None, vec![at(1), at(2), at(3), other])]));
    assert_eq!(complaints(&verdict), ["disorder"]);
}

#[test]
fn who_came_back_where_it_was_must_have_heard_everything_once() {
    let lives = |missed: Vec<Heard>| vec![life(0, Some(1), vec![at(1)]), resumed(life(3, None, missed))];
    assert!(with(member(2, lives(vec![at(2), at(3)]))).is_good());
    assert_eq!(complaints(&with(member(2, lives(vec![at(3)])))), ["lost"]);
    assert_eq!(complaints(&with(member(2, lives(vec![at(1), at(2), at(3)])))), ["duplicate"]);
}

#[test]
fn who_came_back_anew_must_have_heard_what_was_said_since() {
    let lives = |heard: Vec<Heard>| vec![life(0, Some(1), vec![at(1)]), life(3, None, heard)];
    assert!(with(member(2, lives(vec![at(3)]))).is_good());
    assert_eq!(complaints(&with(member(2, lives(Vec::new())))), ["lost"]);
}

#[test]
fn who_is_gone_at_the_end_is_promised_nothing() {
    assert!(with(member(2, vec![life(0, Some(2), vec![at(1)])])).is_good());
}

#[test]
fn what_the_store_lost_is_told_apart_by_its_epoch() {
    let kept = [at(1), in_epoch("two", 1)];
    let speaker = saying(member(1, vec![life(0, None, kept.to_vec())]), &[at(1), at(2), in_epoch("two", 1)]);
    let verdict = judged(&[speaker]);
    assert!(verdict.is_good(), "{:?}", verdict.complaints);
    assert_eq!((verdict.lost, verdict.lost_by_store), (0, 1));
}

#[test]
fn a_message_of_the_new_epoch_is_not_excused() {
    let last = in_epoch("two", 2);
    let speaker = saying(member(1, vec![life(0, None, vec![at(1), in_epoch("two", 1), last.clone()])]), &[last]);
    let deaf = member(2, vec![life(0, None, vec![at(1), in_epoch("two", 1)])]);
    assert_eq!(complaints(&judged(&[speaker, deaf])), ["lost"]);
}

#[test]
fn members_that_are_not_there_and_players_that_are_not_listed_are_ghosts() {
    let there = member(1, vec![life(0, None, Vec::new())]);
    let gone = member(2, vec![life(0, Some(1), Vec::new())]);
    let verdict = judge(&[there, gone], &[(CHANNEL.to_owned(), [2].into())].into());
    assert_eq!((complaints(&verdict), verdict.ghosts), (vec!["ghost", "ghost"], 2));
}

#[test]
fn a_socket_beside_another_of_its_player_is_told() {
    let verdict = judged(&[member(1, vec![life(0, Some(3), Vec::new()), life(2, None, Vec::new())])]);
    assert_eq!((complaints(&verdict), verdict.second_sockets), (vec!["second socket"], 1));
}
