//! The judge is fed broken runs, and must complain of what is broken and of nothing else.

use super::*;

const CHANNEL: &str = "open:1";

/// The message that is called after its place.
fn at(sequence: i64) -> Heard {
    heard(sequence, What::Said(format!("message-{sequence}")))
}

fn heard(sequence: i64, what: What) -> Heard {
    let position = Position { epoch: "one".to_owned(), sequence };
    Heard { channel: CHANNEL.to_owned(), what, position: Some(position) }
}

fn plain(heard: Heard) -> Heard {
    Heard { position: None, ..heard }
}

fn entry(heard: &Heard) -> Entry {
    Entry { position: heard.position.clone().expect("a place"), what: heard.what.clone() }
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
        text: heard.what.text().expect("a message").to_owned(),
        at: Duration::from_secs(second),
        acknowledged: true,
    });
    Recording { said: said.collect(), ..recording }
}

/// The store has this log, and lists who is connected.
fn truth(recordings: &[Recording], log: &[Heard]) -> Truth {
    let connected = recordings.iter().filter(|recording| recording.is_connected());
    let members = connected.map(|recording| recording.player).collect();
    Truth {
        presence: [(CHANNEL.to_owned(), members)].into(),
        logs: [(CHANNEL.to_owned(), log.iter().map(entry).collect())].into(),
        is_durable: true,
    }
}

fn judged(recordings: &[Recording], log: &[Heard]) -> Verdict {
    judge(recordings, &truth(recordings, log))
}

/// The complaints' kinds.
fn complaints(verdict: &Verdict) -> Vec<&str> {
    verdict.complaints.iter().filter_map(|complaint| complaint.split(':').next()).collect()
}

/// A speaker who hears all three messages, and this other member.
fn with(other: Recording) -> Verdict {
    let all = [at(1), at(2), at(3)];
    let speaker = saying(member(1, vec![life(0, None, all.map(plain).to_vec())]), &[at(1), at(2), at(3)]);
    judged(&[speaker, other], &[at(1), at(2), at(3)])
}

#[test]
fn a_run_without_fault_is_good() {
    let verdict = with(member(2, vec![life(0, None, vec![plain(at(1)), plain(at(2)), plain(at(3))])]));
    assert!(verdict.is_good(), "{:?}", verdict.complaints);
    assert_eq!((verdict.acknowledged, verdict.delivered, verdict.reconnects), (3, 6, 0));
}

#[test]
fn a_message_that_a_connected_member_never_heard_is_lost() {
    let verdict = with(member(2, vec![life(0, None, vec![plain(at(1)), plain(at(3))])]));
    assert_eq!((complaints(&verdict), verdict.lost), (vec!["lost"], 1));
}

#[test]
fn a_message_that_arrived_in_another_channel_is_lost() {
    let astray = Heard { channel: "open:2".to_owned(), ..at(2) };
    let heard = [at(1), astray, at(3)].map(plain).to_vec();
    assert_eq!(complaints(&with(member(2, vec![life(0, None, heard)]))), ["lost"]);
}

#[test]
fn a_message_in_the_log_is_due_whether_it_was_acknowledged_or_not() {
    let mut speaker = saying(member(1, vec![life(0, None, Vec::new())]), &[at(1)]);
    speaker.said[0].acknowledged = false;
    assert_eq!(judged(std::slice::from_ref(&speaker), &[at(1)]).lost, 1);
    assert!(judged(&[speaker], &[]).is_good());
}

#[test]
fn an_acknowledged_message_that_is_not_in_the_log_is_gone() {
    let speaker = saying(member(1, vec![life(0, None, vec![plain(at(1))])]), &[at(1), at(2)]);
    let verdict = judged(std::slice::from_ref(&speaker), &[at(1)]);
    assert_eq!((complaints(&verdict), verdict.lost, verdict.lost_by_store), (vec!["gone"], 0, 1));
    let fickle = Truth { is_durable: false, ..truth(std::slice::from_ref(&speaker), &[at(1)]) };
    let verdict = judge(&[speaker], &fickle);
    assert!(verdict.is_good(), "{:?}", verdict.complaints);
    assert_eq!(verdict.lost_by_store, 1);
}

#[test]
fn what_was_heard_and_is_not_in_a_log_that_keeps_everything_is_gone() {
    for form in [plain, |heard| heard] {
        let verdict = judged(&[member(1, vec![life(0, None, vec![form(at(1))])])], &[]);
        assert_eq!(complaints(&verdict), ["gone"]);
    }
}

#[test]
fn a_message_heard_twice_is_a_duplicate() {
    let heard = [at(1), at(2), at(2), at(3)];
    for form in [plain, |heard| heard] {
        let verdict = with(member(2, vec![life(0, None, heard.clone().map(form).to_vec())]));
        assert_eq!((complaints(&verdict), verdict.duplicates), (vec!["duplicate"], 1));
    }
}

#[test]
fn an_enter_heard_twice_is_a_duplicate() {
    let enter = heard(2, What::Entered(9));
    let listener = member(1, vec![life(0, None, vec![at(1), enter.clone(), enter.clone()])]);
    assert_eq!(complaints(&judged(&[listener], &[at(1), enter])), ["duplicate"]);
}

#[test]
fn a_message_that_stands_twice_in_the_log_is_a_duplicate() {
    let again = heard(2, What::Said("message-1".to_owned()));
    let verdict = judged(&[member(2, vec![life(0, None, vec![at(1)])])], &[at(1), again]);
    assert_eq!((complaints(&verdict), verdict.duplicates), (vec!["duplicate"], 1));
}

#[test]
fn members_that_hear_another_order_are_told_with_positions_and_without() {
    let verdict = with(member(2, vec![life(0, None, [at(1), at(3), at(2)].map(plain).to_vec())]));
    assert_eq!((complaints(&verdict), verdict.disorders), (vec!["disorder"], 1));
    let verdict = with(member(2, vec![life(0, None, vec![at(1), at(3), at(2)])]));
    assert_eq!((verdict.disorders, verdict.lost), (1, 1), "and there was a hole");
}

#[test]
fn a_message_at_the_place_of_another_is_a_disorder() {
    let other = heard(3, What::Said("message-2".to_owned()));
    let verdict = judged(&[member(2, vec![life(0, None, vec![at(1), at(2), other])])], &[at(1), at(2), at(3)]);
    assert!(complaints(&verdict).contains(&"duplicate"));
    let another = heard(3, What::Entered(9));
    let verdict = judged(&[member(2, vec![life(0, None, vec![at(1), at(2), another])])], &[at(1), at(2), at(3)]);
    assert_eq!(complaints(&verdict), ["disorder"]);
}

#[test]
fn a_member_with_positions_hears_every_coming_and_going_but_its_own() {
    let log = [at(1), heard(2, What::Exited(9)), at(3)];
    let deaf = |player| judged(&[member(player, vec![life(0, None, vec![at(1), at(3)])])], &log);
    assert_eq!((complaints(&deaf(2)), deaf(2).lost), (vec!["lost"], 1));
    assert!(deaf(9).is_good());
    let plain_one = judged(&[member(2, vec![life(0, None, vec![plain(at(1)), plain(at(3))])])], &log);
    assert!(plain_one.is_good());
}

#[test]
fn who_came_back_where_it_was_must_have_heard_everything_once() {
    let lives = |missed: Vec<Heard>| vec![life(0, Some(1), vec![at(1)]), resumed(life(3, None, missed))];
    assert!(with(member(2, lives(vec![at(2), at(3)]))).is_good());
    assert!(complaints(&with(member(2, lives(vec![at(3)])))).contains(&"lost"));
    assert_eq!(complaints(&with(member(2, lives(vec![at(1), at(2), at(3)])))), ["duplicate"]);
}

#[test]
fn a_hole_between_two_sockets_is_found_though_a_third_one_began_anew() {
    let second = resumed(life(3, Some(4), vec![at(3)]));
    let verdict = with(member(2, vec![life(0, Some(1), vec![at(1)]), second, life(9, None, Vec::new())]));
    assert_eq!(complaints(&verdict), ["lost"]);
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
fn members_that_are_not_there_and_players_that_are_not_listed_are_ghosts() {
    let there = member(1, vec![life(0, None, Vec::new())]);
    let gone = member(2, vec![life(0, Some(1), Vec::new())]);
    let listed = Truth { presence: [(CHANNEL.to_owned(), [2].into())].into(), ..truth(&[], &[]) };
    let verdict = judge(&[there, gone], &listed);
    assert_eq!((complaints(&verdict), verdict.ghosts), (vec!["ghost", "ghost"], 2));
}

#[test]
fn a_socket_beside_another_of_its_player_is_told() {
    let verdict = judged(&[member(1, vec![life(0, Some(3), Vec::new()), life(2, None, Vec::new())])], &[]);
    assert_eq!((complaints(&verdict), verdict.second_sockets), (vec!["second socket"], 1));
}
