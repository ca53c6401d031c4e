//! What all scenarios have in common: players come in, time passes, processes are metered, and an outcome is made.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::clock::{SECOND, now};
use crate::engine::crew::Crew;
use crate::engine::sight::{Counts, Sight};
use crate::engine::tally::{Mark, Phase, Tally};
use crate::engine::worker::Order;
use crate::options::Run;
use crate::outcome::{Outcome, ProcessUse};
use crate::process::{Meter, Snapshot, kernel_bytes};
use crate::progress::Progress;

/// Between telling the threads of a plan and its begin.
const LEAD: u64 = SECOND / 5;
/// How long nobody may come in before it is given up.
const PATIENCE: u64 = 30 * SECOND;
/// How long the players of other tools may take to come in.
const MEETING: u64 = 300 * SECOND;
/// How long none of the answers and messages under way may come before the rest is given up as missing, and how long
/// they are waited for at most.
const STRAGGLERS: u64 = 3 * SECOND;
const LAST_STRAGGLERS: u64 = 60 * SECOND;
/// How long there must be silence after the players have come in.
const SILENCE: u64 = SECOND / 2;
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Files that this process has open beside its players' sockets.
const OTHER_FILES: u64 = 200;

/// A run of a scenario.
pub(crate) struct Course {
    meters: Vec<Meter>,
    before: Vec<Snapshot>,
    kernel_before: u64,
    progress: Progress,
}

/// The measured time: when it began, and what had been counted and used by then. Counts and CPU are read at the same
/// moments, so that one can be divided by the other even when this thread is late.
struct Window {
    begin: u64,
    counts: Counts,
    snapshots: Vec<Snapshot>,
}

/// When the phases of a steady run begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) warmup: u64,
    pub(crate) measured: u64,
    pub(crate) after: u64,
}

impl Plan {
    /// From now on, and far enough ahead that all threads know it in time.
    pub(crate) fn new(run: &Run) -> Self {
        let warmup = now() + LEAD;
        let measured = warmup + nanoseconds(run.warmup);
        Self { warmup, measured, after: measured + nanoseconds(run.duration) }
    }

    /// The phases by name.
    pub(crate) fn phases(&self) -> [Mark; 3] {
        [("warm-up", self.warmup), ("measured", self.measured), ("after", self.after)]
            .map(|(name, begin)| Mark { name, begin })
    }
}

/// Tells all threads of a phase.
pub(crate) fn mark(crews: &[&Crew], name: &'static str, begin: u64) -> Result<()> {
    crews.iter().try_for_each(|crew| crew.order(&Order::Mark(Mark { name, begin })))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}

impl Course {
    /// Before the first player comes. Makes sure that this process may open so many sockets.
    pub(crate) fn begin(run: &Run, sockets: usize) -> Result<Self> {
        let files = rlimit::increase_nofile_limit(u64::MAX)?;
        let wanted = sockets as u64 + OTHER_FILES;
        ensure!(
            wanted <= files,
            "{sockets} sockets: this process may open {files} files; run several with other --first-player"
        );
        let mut meters = vec![Meter::own()?];
        for pid in &run.pids {
            meters.push(Meter::of(*pid).with_context(|| format!("--pid {pid}"))?);
        }
        let before = snapshots(&meters)?;
        Ok(Self { meters, before, kernel_before: kernel_bytes(), progress: Progress::new() })
    }

    /// Waits until a point in time.
    pub(crate) fn until(&mut self, what: &str, crews: &[&Crew], end: u64) {
        self.wait(what, crews, end, |_| false);
    }

    /// Looks at the crews until they are as wanted; false when time has run out before.
    pub(crate) fn wait(&mut self, what: &str, crews: &[&Crew], end: u64, is_done: impl Fn(&Sight) -> bool) -> bool {
        loop {
            let sight = look(crews);
            self.progress.show(what, &sight);
            if is_done(&sight) {
                return true;
            }
            match end.checked_sub(now()) {
                None | Some(0) => return false,
                Some(left) => std::thread::sleep(LOOK_EVERY.min(Duration::from_nanos(left))),
            }
        }
    }

    /// All players of a crew come in, until the server has told them of each other. Goes on with those who did when
    /// some are refused.
    ///
    /// # Errors
    /// Nobody got in, or nobody more for half a minute.
    pub(crate) fn gather(&mut self, crew: &Crew, players: usize, at_once: usize) -> Result<()> {
        let arrivals = crew.sight().through() + players as u64;
        crew.order(&Order::Arrive { at_once })?;
        self.arrivals("arriving", &[crew], arrivals)?;
        ensure!(crew.sight().present > 0 || players == 0, "nobody got in: {}", crew.failure());
        self.hush(crew);
        Ok(())
    }

    /// Waits until so many arrivals have either succeeded or failed.
    ///
    /// # Errors
    /// None did either for half a minute.
    pub(crate) fn arrivals(&mut self, what: &str, crews: &[&Crew], wanted: u64) -> Result<()> {
        let through = || look(crews).through();
        while through() < wanted {
            let so_far = through();
            let more = |sight: &Sight| sight.through() > so_far;
            ensure!(self.wait(what, crews, now() + PATIENCE, more), "{} of {wanted} arrivals hang", wanted - so_far);
        }
        Ok(())
    }

    /// Waits until the server has told all who came in of each other.
    fn hush(&mut self, crew: &Crew) {
        let end = now() + PATIENCE;
        loop {
            let notices = crew.sight().counts.notices;
            if !self.wait("settling", &[crew], end.min(now() + SILENCE), |sight| sight.counts.notices != notices) {
                return;
            }
        }
    }

    /// The same load all the time, from when all tools that meet are ready: `load` tells the crews what to do by the
    /// plan, and the warm-up is not measured.
    ///
    /// # Errors
    /// A server has ended, or another tool does not come.
    pub(crate) fn steady(
        &mut self,
        (scenario, run): (&str, &Run),
        crews: &[&Crew],
        load: impl FnOnce(&Plan) -> Result<()>,
    ) -> Result<Outcome> {
        run.meeting.come()?;
        let all_came = self.wait("waiting for other tools", crews, now() + MEETING, |_| run.meeting.is_complete());
        ensure!(all_came, "the other tools do not come");
        let plan = Plan::new(run);
        for Mark { name, begin } in plan.phases() {
            mark(crews, name, begin)?;
        }
        load(&plan)?;
        self.until("warm-up", crews, plan.measured);
        let window = self.open(crews)?;
        self.until("measured", crews, plan.after);
        let mut outcome = self.close(scenario, crews, &window)?;
        outcome.set("players", look(crews).present);
        self.wind_up(crews)?;
        Ok(outcome)
    }

    /// A storm: `set_off` begins it, and it is measured until so many more arrivals are through.
    ///
    /// # Errors
    /// A server has ended, or the arrivals hang.
    pub(crate) fn storm(
        &mut self,
        (scenario, arrivals): (&str, usize),
        crews: &[&Crew],
        set_off: impl FnOnce() -> Result<()>,
    ) -> Result<Outcome> {
        let wanted = look(crews).through() + arrivals as u64;
        mark(crews, "storm", now())?;
        let window = self.open(crews)?;
        set_off()?;
        self.arrivals("storm", crews, wanted)?;
        let outcome = self.close(scenario, crews, &window)?;
        mark(crews, "after", now())?;
        self.wind_up(crews)?;
        Ok(outcome)
    }

    /// Nobody begins anything any more, and what is under way comes to its end.
    pub(crate) fn wind_up(&mut self, crews: &[&Crew]) -> Result<()> {
        for crew in crews {
            crew.order(&Order::Hush)?;
        }
        let end = now() + LAST_STRAGGLERS;
        loop {
            let before = look(crews);
            let moves = |sight: &Sight| sight.is_quiet() || sight.has_moved_since(&before);
            if !self.wait("after", crews, end.min(now() + STRAGGLERS), moves) || look(crews).is_quiet() {
                break;
            }
        }
        crews.iter().try_for_each(|crew| crew.order(&Order::Part))
    }

    /// The measured time begins now.
    fn open(&self, crews: &[&Crew]) -> Result<Window> {
        Ok(Window { begin: now(), counts: look(crews).counts, snapshots: snapshots(&self.meters)? })
    }

    /// The measured time ends now.
    fn close(&self, scenario: &str, crews: &[&Crew], window: &Window) -> Result<Outcome> {
        let seconds = (now() - window.begin) as f64 / SECOND as f64;
        let counts = look(crews).counts - window.counts;
        let after = snapshots(&self.meters).context("a server has ended")?;
        let begins = window.snapshots.iter().zip(&self.before);
        let mut uses: Vec<ProcessUse> =
            after.iter().zip(begins).map(|(after, (begin, before))| after.since(begin, before)).collect();
        let own = uses.remove(0);
        let kernel_bytes = kernel_bytes().saturating_sub(self.kernel_before);
        let scenario = scenario.to_owned();
        let mut outcome = Outcome { scenario, seconds, servers: uses, own, kernel_bytes, ..Outcome::default() };
        outcome.take_counts(&counts);
        Ok(outcome)
    }
}

/// How things stand with several crews together.
fn look(crews: &[&Crew]) -> Sight {
    crews.iter().map(|crew| crew.sight()).sum()
}

fn snapshots(meters: &[Meter]) -> Result<Vec<Snapshot>> {
    meters.iter().map(Meter::snapshot).collect()
}

impl Outcome {
    pub(crate) fn set(&mut self, name: &str, count: u64) {
        self.counts.insert(name.to_owned(), count);
    }

    /// What was counted in the measured time.
    fn take_counts(&mut self, counts: &Counts) {
        self.set("published", counts.published);
        self.set("delivered", counts.delivered);
        self.set("recvs", counts.recvs);
        self.set("received_bytes", counts.received_bytes);
        for (name, count) in [("answered", counts.answered), ("notices", counts.notices)] {
            if count > 0 {
                self.set(name, count);
            }
        }
    }

    /// The latencies of a phase, deliveries apart, and how busy the threads were.
    pub(crate) fn take_phase(&mut self, phase: &Phase) {
        self.latencies.extend(phase.latencies().map(|(name, latency)| (name.to_owned(), latency)));
        for account in &phase.accounts {
            self.busiest("busiest_thread_percent", account.ran);
            self.busiest("busiest_thread_waited_percent", account.waited);
        }
    }

    /// A share of the window, if no other thread had a larger one.
    fn busiest(&mut self, name: &str, nanoseconds: u64) {
        let percent = (nanoseconds as f64 / (self.seconds * 1e7)).round() as u64;
        let most = self.counts.entry(name.to_owned()).or_default();
        *most = percent.max(*most);
    }

    /// The messages of a phase, under a name.
    pub(crate) fn take_deliveries(&mut self, name: &str, phase: &Phase) {
        let late = phase.deliveries();
        if phase.counts.expected > 0 {
            let missing = self.counts.entry("missing".to_owned()).or_default();
            *missing += phase.counts.expected.saturating_sub(late.count);
            self.latencies.insert(name.to_owned(), late);
        }
    }

    /// What went wrong in the whole run, altogether and by reasons.
    pub(crate) fn take_failures(&mut self, tally: &Tally) {
        *self.counts.entry("failures".to_owned()).or_default() += tally.failures.values().sum::<u64>();
        for (reason, times) in &tally.failures {
            *self.counts.entry(format!("failure: {reason}")).or_default() += times;
        }
    }
}
