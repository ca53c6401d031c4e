//! The judge of a run: what clients were answered and what they received, against what was promised.
//!
//! Promised is: an acknowledged message stands in the log of its channel, once; and what stands there reaches every
//! member that stayed connected, or came back inside the window and was told that nothing is missing, once, in the
//! order of the log. A member with positions hears every single event of the log, enters and exits of others included.
//! A member without positions is judged socket by socket: nobody knows where its last one ended, so what was under way
//! then may come again or not at all. At the end the members of a channel are those who are connected, each with one
//! socket. A store that forgets what it acknowledged is told apart by its log, never by a guess.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use super::channel_log::{Entry, Position, What};

/// An event as a member received it.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) channel: String,
    pub(crate) what: What,
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

/// Everything about one player, or about a game server, which has no sockets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    pub(crate) player: i64,
    pub(crate) channels: BTreeSet<String>,
    pub(crate) said: Vec<Said>,
    pub(crate) lives: Vec<Life>,
}

/// The members of each channel at the end, as the server lists them.
pub(crate) type Presence = BTreeMap<String, BTreeSet<i64>>;

/// What the store has at the end.
#[derive(Default)]
pub(crate) struct Truth {
    pub(crate) presence: Presence,
    pub(crate) logs: BTreeMap<String, Vec<Entry>>,
    /// Whether the store promised to keep what it acknowledged: one server with `appendfsync always`. A replica that
    /// takes over may lack the newest.
    pub(crate) is_durable: bool,
}

/// The judgement.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) acknowledged: usize,
    pub(crate) delivered: usize,
    /// Events that a member should have heard: the log has them.
    pub(crate) lost: usize,
    /// Acknowledged messages that the log does not have.
    pub(crate) lost_by_store: usize,
    pub(crate) duplicates: usize,
    pub(crate) disorders: usize,
    /// Members that are not there, and players that are there and not listed.
    pub(crate) ghosts: usize,
    pub(crate) second_sockets: usize,
    pub(crate) reconnects: usize,
    pub(crate) complaints: Vec<String>,
}

/// One channel's log, to look things up.
#[derive(Default)]
struct Log<'a> {
    entries: &'a [Entry],
    texts: HashMap<&'a str, usize>,
    positions: HashMap<&'a Position, usize>,
    is_durable: bool,
}

/// Judges a finished run.
pub(crate) fn judge(recordings: &[Recording], truth: &Truth) -> Verdict {
    let mut verdict = Verdict::default();
    let mut logs = BTreeMap::new();
    for (channel, entries) in &truth.logs {
        logs.insert(channel.as_str(), verdict.log(channel, entries, truth.is_durable));
    }
    for recording in recordings {
        verdict.reconnects += recording.lives.len().saturating_sub(1);
        verdict.one_socket(recording);
        verdict.kept(recording, &logs);
        for channel in &recording.channels {
            for stretch in recording.stretches(channel) {
                verdict.once_and_in_order(recording.player, channel, stretch, &logs[channel.as_str()]);
            }
        }
    }
    verdict.nothing_lost(recordings, &logs);
    verdict.no_ghosts(recordings, &truth.presence);
    verdict
}

impl Recording {
    fn is_connected(&self) -> bool {
        self.lives.last().is_some_and(|life| life.ended.is_none())
    }

    /// Lives that go on into each other in this channel.
    fn stretches(&self, channel: &str) -> impl Iterator<Item = &[Life]> {
        self.lives.chunk_by(move |_, next| next.resumed.contains(channel))
    }
}

impl Log<'_> {
    /// Where the log has what was heard.
    fn place(&self, heard: &Heard) -> Option<usize> {
        match (&heard.position, &heard.what) {
            (Some(position), _) => self.positions.get(position).copied(),
            (None, What::Said(text)) => self.texts.get(text.as_str()).copied(),
            (None, _) => None,
        }
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

    fn lost(&mut self, complaint: &str) {
        self.lost += 1;
        self.complaints.push(format!("lost: {complaint}"));
    }

    fn log<'a>(&mut self, channel: &str, entries: &'a [Entry], is_durable: bool) -> Log<'a> {
        let mut log = Log { entries, is_durable, ..Log::default() };
        for (place, entry) in entries.iter().enumerate() {
            log.positions.insert(&entry.position, place);
            let What::Said(text) = &entry.what else { continue };
            if log.texts.insert(text, place).is_some() {
                self.duplicate(&format!("{channel}: {text:?} stands in the log twice"));
            }
        }
        log
    }

    fn one_socket(&mut self, recording: &Recording) {
        let overlap = |pair: &&[Life]| pair[0].ended.is_none_or(|ended| ended > pair[1].begun);
        let second = recording.lives.windows(2).filter(overlap).count();
        if second > 0 {
            self.second_sockets += second;
            self.complaints.push(format!("second socket: player {}", recording.player));
        }
    }

    /// What was acknowledged stands in the log.
    fn kept(&mut self, recording: &Recording, logs: &BTreeMap<&str, Log<'_>>) {
        for said in recording.said.iter().filter(|said| said.acknowledged) {
            self.acknowledged += 1;
            let log = &logs[said.channel.as_str()];
            if log.texts.contains_key(said.text.as_str()) {
                continue;
            }
            self.lost_by_store += 1;
            if log.is_durable {
                self.complaints.push(format!("gone: {:?} was acknowledged, the store has it no more", said.text));
            }
        }
    }

    /// What was heard in lives that go on into each other is a piece of the log.
    fn once_and_in_order(&mut self, player: i64, channel: &str, lives: &[Life], log: &Log<'_>) {
        let (mut seen, mut last) = (BTreeSet::new(), None);
        let heard = lives.iter().flat_map(|life| &life.heard).filter(|heard| heard.channel == channel);
        for heard in heard {
            self.delivered += 1;
            if let What::Said(text) = &heard.what
                && !seen.insert(text)
            {
                self.duplicate(&format!("player {player} heard {text:?} again"));
                continue;
            }
            let Some(place) = log.place(heard) else {
                self.unknown(player, heard, log);
                continue;
            };
            let entry = &log.entries[place];
            if entry.what != heard.what {
                self.disorder(&format!("player {player} heard {:?}, the log has {entry:?} there", heard.what));
            }
            match last {
                Some(last) if place == last => self.duplicate(&format!("player {player} heard {entry:?} again")),
                Some(last) if place < last => self.disorder(&format!("player {player} heard {entry:?} too late")),
                Some(last) if heard.position.is_some() => self.no_hole(player, &log.entries[last + 1..place]),
                _ => {}
            }
            last = last.max(Some(place));
        }
    }

    /// The store lost it later, or the member has no positions and it is nobody's message.
    fn unknown(&mut self, player: i64, heard: &Heard, log: &Log<'_>) {
        if log.is_durable && (heard.position.is_some() || heard.what.text().is_some()) {
            self.complaints.push(format!("gone: player {player} heard {heard:?}, the store does not have it"));
        }
    }

    /// Between two neighbours that a member with positions heard is nothing but its own coming and going.
    fn no_hole(&mut self, player: i64, between: &[Entry]) {
        let is_own = |entry: &&Entry| entry.what == What::Entered(player) || entry.what == What::Exited(player);
        for entry in between.iter().filter(|entry| !is_own(entry)) {
            self.lost(&format!("player {player} heard what is around {entry:?}"));
        }
    }

    /// What was said since the begin of the stretch that ends the run, and stands in the log, was heard.
    fn nothing_lost(&mut self, recordings: &[Recording], logs: &BTreeMap<&str, Log<'_>>) {
        let mut said: BTreeMap<&str, Vec<&Said>> = BTreeMap::new();
        for message in recordings.iter().flat_map(|recording| &recording.said) {
            said.entry(&message.channel).or_default().push(message);
        }
        for recording in recordings.iter().filter(|recording| recording.is_connected()) {
            for channel in &recording.channels {
                let stretch = recording.stretches(channel).last().expect("who is connected lives");
                let heard = stretch.iter().flat_map(|life| &life.heard).filter(|heard| heard.channel == *channel);
                let heard: BTreeSet<_> = heard.filter_map(|heard| heard.what.text()).collect();
                let log = &logs[channel.as_str()];
                let is_due = |said: &&&Said| said.at >= stretch[0].begun && log.texts.contains_key(said.text.as_str());
                let due = said.get(channel.as_str()).into_iter().flatten().filter(is_due);
                for missed in due.filter(|said| !heard.contains(said.text.as_str())) {
                    self.lost(&format!("player {} never heard {:?}", recording.player, missed.text));
                }
            }
        }
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

impl What {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Said(text) => Some(text),
            Self::Entered(_) | Self::Exited(_) => None,
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
