//! What a process uses, as the kernel counts it: CPU and resident memory; and the machine's memory for sockets.
//!
//! CPU is read from the scheduler (`/proc/PID/task/*/schedstat`, nanoseconds), because the ticks of `/proc/PID/stat`
//! are 10 ms long and a short window would be lost in them. The ticks say how it divides into user and system, and
//! stand in when a thread has ended in the window and took its account with it: they know of the dead. Linux only.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::outcome::ProcessUse;

/// `CLK_TCK` is 100 on every Linux that this runs on.
const TICK_US: u64 = 10_000;
/// By so much the ticks may be ahead because each of the two is rounded at both ends.
const SLACK_TICKS: u64 = 3;
/// Caches of the kernel's allocator that hold nothing but what a connection needs.
const SOCKET_SLABS: [&str; 4] = ["TCP", "TCPv6", "sock_inode_cache", "eventpoll_epi"];

/// Reads what one process uses.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    folder: PathBuf,
}

/// What a process had used at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// Nanoseconds on a CPU, of each live thread.
    threads: BTreeMap<u32, u64>,
    user_ticks: u64,
    system_ticks: u64,
    /// Resident bytes.
    pub(crate) rss: u64,
}

impl Meter {
    /// # Errors
    /// There is no such process, or this one may not read of it.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let meter = Self { folder: PathBuf::from(format!("/proc/{pid}")) };
        meter.snapshot()?;
        Ok(meter)
    }

    /// The meter of this process.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub(crate) fn own() -> Result<Self> {
        Self::of(std::process::id())
    }

    /// # Errors
    /// The process has ended.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let (user_ticks, system_ticks) = ticks(&self.read("stat")?).context("the process's account cannot be read")?;
        Ok(Snapshot { threads: self.threads()?, user_ticks, system_ticks, rss: self.rss()? })
    }

    fn threads(&self) -> Result<BTreeMap<u32, u64>> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(self.folder.join("task"))? {
            let entry = entry?;
            // A thread may end between the listing and the reading.
            let Ok(account) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
            let thread = entry.file_name().to_string_lossy().parse()?;
            threads.insert(thread, first_number(&account).context("nanoseconds on a CPU")?);
        }
        ensure!(!threads.is_empty(), "the process has ended");
        Ok(threads)
    }

    fn rss(&self) -> Result<u64> {
        // VmRSS rather than statm: in a unit that does not hang on the size of a page.
        let kib = self.read("status")?.lines().find_map(|line| first_number(line.strip_prefix("VmRSS:")?));
        Ok(kib.context("the process has ended")? * 1024)
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = self.folder.join(file);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }
}

impl Snapshot {
    /// What was used from `begin` until now. `before` is when there was no player yet.
    pub(crate) fn since(&self, begin: &Self, before: &Self) -> ProcessUse {
        let user_ticks = self.user_ticks.saturating_sub(begin.user_ticks);
        let system_ticks = self.system_ticks.saturating_sub(begin.system_ticks);
        let coarse = (user_ticks + system_ticks) * TICK_US;
        let fine = self.nanoseconds_since(begin).map(|cpu| cpu / 1000);
        // Where the ticks are far ahead, a thread has come and gone within the window.
        let all = fine.filter(|fine| fine + SLACK_TICKS * TICK_US >= coarse).unwrap_or(coarse);
        let system_us = all * system_ticks / (user_ticks + system_ticks).max(1);
        ProcessUse { user_us: all - system_us, system_us, rss_before: before.rss, rss_after: self.rss }
    }

    /// `None` when a thread of the begin is gone, and its time with it.
    fn nanoseconds_since(&self, begin: &Self) -> Option<u64> {
        let still_there = begin.threads.keys().all(|thread| self.threads.contains_key(thread));
        let sum = |snapshot: &Self| snapshot.threads.values().sum::<u64>();
        still_there.then(|| sum(self).saturating_sub(sum(begin)))
    }
}

/// Memory of the machine for its sockets: their buffers, and their slabs where those may be read (as root).
pub(crate) fn kernel_bytes() -> u64 {
    let page = 4096;
    let buffers = fs::read_to_string("/proc/net/sockstat").map_or(0, |text| buffer_pages(&text) * page);
    buffers + fs::read_to_string("/proc/slabinfo").map_or(0, |text| slab_bytes(&text))
}

/// User and system time, from a line of `/proc/PID/stat` (proc(5)).
fn ticks(stat: &str) -> Option<(u64, u64)> {
    // The name is in brackets and may hold anything, brackets too.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 170`
fn buffer_pages(sockstat: &str) -> u64 {
    let tcp = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"));
    tcp.and_then(|line| first_number(line.split_once(" mem ")?.1)).unwrap_or_default()
}

/// `TCP 104 156 2368 13 8 : ...`: the name, active objects, all objects, bytes of an object.
fn slab_bytes(slabinfo: &str) -> u64 {
    let bytes = |line: &str| {
        let mut fields = line.split_whitespace();
        if !SOCKET_SLABS.contains(&fields.next()?) {
            return None;
        }
        let mut numbers = fields.map_while(|field| field.parse::<u64>().ok());
        let (active, _, size) = (numbers.next()?, numbers.next()?, numbers.next()?);
        Some(active * size)
    };
    slabinfo.lines().filter_map(bytes).sum()
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_name_of_a_program_does_not_shift_its_account() {
        let stat = "7 (a) b) S 1 1 1 0 -1 4194304 102 0 0 0 31 32 0 0 20 0 1 0 9 3133440 407";
        assert_eq!(ticks(stat), Some((31, 32)));
    }

    #[test]
    fn the_memory_of_sockets_is_read_from_two_tables() {
        assert_eq!(buffer_pages("sockets: used 16\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 170\n"), 170);
        let slabs = "# name\nTCP 104 156 2368 13 8 : tunables 0\nTCPv6 1 1 10 1 1 :\nMPTCP 9 9 9 9 9 :\n";
        assert_eq!(slab_bytes(slabs), 104 * 2368 + 10);
    }

    #[test]
    fn time_of_a_thread_that_ended_is_taken_from_the_ticks() {
        let snapshot = |threads: &[(u32, u64)], user_ticks, system_ticks| Snapshot {
            threads: threads.iter().copied().collect(),
            user_ticks,
            system_ticks,
            rss: 50,
        };
        let begin = snapshot(&[(1, 1_000_000), (2, 0)], 1, 1);
        let alive = snapshot(&[(1, 5_000_000), (2, 0), (3, 8_000_000)], 2, 2).since(&begin, &begin);
        assert_eq!((alive.user_us, alive.system_us, alive.grew_bytes()), (6000, 6000, 0));
        let ended = snapshot(&[(1, 5_000_000)], 4, 2).since(&begin, &Snapshot::default());
        assert_eq!((ended.user_us, ended.system_us, ended.grew_bytes()), (30_000, 10_000, 50));
        let unseen = snapshot(&[(1, 5_000_000), (2, 0)], 9, 1).since(&begin, &begin);
        assert_eq!(unseen.cpu_us(), 80_000, "of a thread that came and went");
    }

    #[test]
    fn a_busy_process_is_seen_to_be_busy() {
        let meter = Meter::own().expect("a process");
        let (before, begin) = (meter.snapshot().expect("it lives"), Instant::now());
        let used = || meter.snapshot().expect("it lives").since(&before, &before);
        // A machine that is short of CPU takes its time.
        while used().cpu_us() < 10_000 {
            assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", used());
        }
        assert!(used().rss_after > 1024);
    }
}
