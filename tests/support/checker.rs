//! The judge of a run: what clients were answered and what they received, against what was promised.
//!
//! Promised is: an acknowledged message reaches every member that stayed connected, or came back inside the window and
//! was told that nothing is missing, once, in an order that is the same for all. At the end the members of a channel
//! are those who are connected, each with one socket. What a store lost shows in a new epoch, and is told apart.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

/// Where an event stands in the log of its channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Position {
    pub(crate) epoch: String,
    pub(crate) sequence: i64,
}

/// A message as a member received it. No text is said twice in a run.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) channel: String,
    pub(crate) text: String,
    /// For clients that asked for positions.
    pub(crate) position: Option<Position>,
}

/// One socket, from the answer to its login to its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    /// From the start of the run, as all times here.
    pub(crate) begun: Duration,
    pub(crate) ended: Option<Duration>,
    pub(crate) close: Option<u16>,
    /// Channels in which it goes on where the life before ended, as the server said.
    pub(crate) resumed: BTreeSet<String>,
    pub(crate) heard: Vec<Heard>,
}

#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) channel: String,
    pub(crate) text: String,
    pub(crate) at: Duration,
    pub(crate) acknowledged: bool,
}

/// Everything about one player.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    pub(crate) player: i64,
    pub(crate) channels: BTreeSet<String>,
    pub(crate) said: Vec<Said>,
    pub(crate) lives: Vec<Life>,
}

/// The members of each channel at the end, as the server lists them.
pub(crate) type Presence = BTreeMap<String, BTreeSet<i64>>;

/// The judgement.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) acknowledged: usize,
    pub(crate) delivered: usize,
    /// Deliveries of acknowledged messages that stayed out though the store kept them.
    pub(crate) lost: usize,
    /// Such that stayed out because the store lost them, and showed it by a new epoch.
    pub(crate) lost_by_store: usize,
    pub(crate) duplicates: usize,
    pub(crate) disorders: usize,
    /// Members that are not there, and players that are there and not listed.
    pub(crate) ghosts: usize,
    pub(crate) second_sockets: usize,
    pub(crate) reconnects: usize,
    pub(crate) complaints: Vec<String>,
}

/// What all recordings together say of one channel.
#[derive(Default)]
struct Log {
    positions: HashMap<String, Position>,
    texts: HashMap<(String, i64), String>,
    /// In the order they were first heard of by somebody.
    epochs: Vec<String>,
}

/// Judges a finished run.
pub(crate) fn judge(recordings: &[Recording], presence: &Presence) -> Verdict {
    let mut verdict = Verdict::default();
    let logs = logs(recordings, &mut verdict);
    for recording in recordings {
        verdict.acknowledged += recording.said.iter().filter(|said| said.acknowledged).count();
        verdict.reconnects += recording.lives.len().saturating_sub(1);
        verdict.one_socket(recording);
        for channel in &recording.channels {
            verdict.once_and_in_order(recording, channel, &logs);
        }
    }
    verdict.nothing_lost(recordings, &logs);
    verdict.no_ghosts(recordings, presence);
    verdict
}

fn logs<'a>(recordings: &'a [Recording], verdict: &mut Verdict) -> BTreeMap<&'a str, Log> {
    let mut logs: BTreeMap<&str, Log> = BTreeMap::new();
    let heard = recordings.iter().flat_map(|recording| &recording.lives).flat_map(|life| &life.heard);
    for Heard { channel, text, position } in heard {
        let log = logs.entry(channel).or_default();
        let Some(position) = position else { continue };
        let place = (position.epoch.clone(), position.sequence);
        if !log.epochs.contains(&position.epoch) {
            log.epochs.push(position.epoch.clone());
        }
        let known_text = log.texts.entry(place).or_insert_with(|| text.clone());
        if known_text != text {
            verdict.disorder(&format!("{channel}: {position:?} is {known_text:?} and {text:?}"));
        }
        let known_position = log.positions.entry(text.clone()).or_insert_with(|| position.clone());
        if known_position != position {
            verdict.duplicate(&format!("{channel}: {text:?} stands at {known_position:?} and {position:?}"));
        }
    }
    logs
}

impl Log {
    /// Comparable among the messages of a channel; `None` where nobody told.
    fn place(&self, text: &str) -> Option<(usize, i64)> {
        let position = self.positions.get(text)?;
        let epoch = self.epochs.iter().position(|epoch| *epoch == position.epoch)?;
        Some((epoch, position.sequence))
    }

    /// Whether the store lost this message with the rest of its epoch.
    fn was_lost(&self, text: &str) -> bool {
        self.epochs.len() > 1 && self.place(text).is_none_or(|(epoch, _)| epoch + 1 < self.epochs.len())
    }
}

impl Recording {
    fn is_connected(&self) -> bool {
        self.lives.last().is_some_and(|life| life.ended.is_none())
    }

    /// The lives that end the run and go on into each other in this channel.
    fn last_stretch(&self, channel: &str) -> &[Life] {
        let is_fresh = |life: &Life| !life.resumed.contains(channel);
        &self.lives[self.lives.iter().rposition(is_fresh).unwrap_or(0)..]
    }
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        self.complaints.is_empty()
    }

    fn duplicate(&mut self, complaint: &str) {
        self.duplicates += 1;
        self.complaints.push(format!("duplicate: {complaint}"));
    }

    fn disorder(&mut self, complaint: &str) {
        self.disorders += 1;
        self.complaints.push(format!("disorder: {complaint}"));
    }

    fn one_socket(&mut self, recording: &Recording) {
        let overlap = |pair: &&[Life]| pair[0].ended.is_none_or(|ended| ended > pair[1].begun);
        let second = recording.lives.windows(2).filter(overlap).count();
        if second > 0 {
            self.second_sockets += second;
            self.complaints.push(format!("second socket: player {}", recording.player));
        }
    }

    fn once_and_in_order(&mut self, recording: &Recording, channel: &str, logs: &BTreeMap<&str, Log>) {
        let (player, empty) = (recording.player, Log::default());
        let log = logs.get(channel).unwrap_or(&empty);
        let (mut seen, mut last) = (BTreeSet::new(), None);
        for life in &recording.lives {
            if !life.resumed.contains(channel) {
                (seen, last) = (BTreeSet::new(), None); // without positions nobody knows where the life before ended
            }
            for heard in life.heard.iter().filter(|heard| heard.channel == channel) {
                self.delivered += 1;
                if !seen.insert(&heard.text) {
                    self.duplicate(&format!("player {player} heard {:?} again", heard.text));
                    continue;
                }
                let place = log.place(&heard.text);
                if place.is_some() && place < last {
                    self.disorder(&format!("player {player} heard {:?} too late", heard.text));
                }
                last = place.max(last);
            }
        }
    }

    fn nothing_lost(&mut self, recordings: &[Recording], logs: &BTreeMap<&str, Log>) {
        let empty = Log::default();
        let all = || recordings.iter().flat_map(|recording| &recording.said).filter(|said| said.acknowledged);
        let mut said: BTreeMap<&str, Vec<&Said>> = BTreeMap::new();
        all().for_each(|message| said.entry(&message.channel).or_default().push(message));
        for recording in recordings.iter().filter(|recording| recording.is_connected()) {
            for channel in &recording.channels {
                let stretch = recording.last_stretch(channel);
                let heard = stretch.iter().flat_map(|life| &life.heard).filter(|heard| heard.channel == *channel);
                let heard: BTreeSet<_> = heard.map(|heard| &heard.text).collect();
                let due = said.get(channel.as_str()).into_iter().flatten().filter(|said| said.at >= stretch[0].begun);
                let log = logs.get(channel.as_str()).unwrap_or(&empty);
                for missed in due.filter(|said| !heard.contains(&said.text)) {
                    self.missed(recording.player, missed, log);
                }
            }
        }
    }

    fn missed(&mut self, player: i64, said: &Said, log: &Log) {
        if log.was_lost(&said.text) {
            self.lost_by_store += 1;
            return;
        }
        self.lost += 1;
        self.complaints.push(format!("lost: player {player} never heard {:?}", said.text));
    }

    fn no_ghosts(&mut self, recordings: &[Recording], presence: &Presence) {
        let mut truth = Presence::new();
        for recording in recordings {
            for channel in &recording.channels {
                let members = truth.entry(channel.clone()).or_default();
                members.extend(recording.is_connected().then_some(recording.player));
            }
        }
        for (channel, members) in &truth {
            let listed = presence.get(channel).cloned().unwrap_or_default();
            for player in listed.symmetric_difference(members) {
                self.ghosts += 1;
                let what = if members.contains(player) { "is not listed" } else { "is not there" };
                self.complaints.push(format!("ghost: player {player} of {channel} {what}"));
            }
        }
    }
}

impl fmt::Display for Verdict {
    /// The columns of the table of faults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, delivered, lost, lost_by_store, duplicates, disorders, ghosts, .. } = self;
        write!(f, "{acknowledged} | {delivered} | {lost} | {lost_by_store} | {duplicates} | {disorders} | {ghosts}")?;
        write!(f, " | {} | {}", self.second_sockets, self.reconnects)
    }
}
