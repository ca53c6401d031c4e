//! The budgets, one constant each.

use std::io::{self, Write};

/// The most that something may cost.
pub(crate) struct Budget {
    what: &'static str,
    /// Name of the constant.
    name: &'static str,
    allowed: f64,
    /// How to find what costs more than it should.
    find: &'static str,
}

const BY_PROFILE: &str = "GUILDHALL_HEAP_PROFILE=FOLDER writes there which code allocates, for DHAT's viewer";

/// The fan-out allocates nothing for a recipient. Measured: 0.0000, from channels of 50 and of 500 members. The margin is
/// for what happens to fall into one of the two measurements, such as the store's upkeep; one allocation for each
/// recipient is 1.
pub(crate) const ALLOCATIONS_PER_RECIPIENT: Budget = Budget {
    what: "allocations for each further recipient of a message",
    name: "ALLOCATIONS_PER_RECIPIENT",
    allowed: 0.01,
    find: BY_PROFILE,
};

/// From the text of a CHANNEL_CHAT to the last recipient's socket, the append to the store's log and the answer
/// included. Measured: 62.085 to 62.095. Margin: 20 %, for another version of a dependency.
pub(crate) const ALLOCATIONS_PER_MESSAGE: Budget =
    Budget { what: "allocations for each message", name: "ALLOCATIONS_PER_MESSAGE", allowed: 75.0, find: BY_PROFILE };

/// Connection, outbox, memberships, and the share of two channels of 50; SQLite's own memory is not among it.
/// Measured: 2,125 to 2,131. Margin: 20 %, for another version of a dependency, and for tables that grow by doubling.
pub(crate) const HEAP_PER_PLAYER: Budget = Budget {
    what: "bytes of live heap for each idle player in 2 channels, without the socket's task",
    name: "HEAP_PER_PLAYER",
    allowed: 2_560.0,
    find: BY_PROFILE,
};

/// Everything the process keeps for a player, the socket's task included, the kernel's memory not. Measured: 5,200 to
/// 5,680 in a debug build; a release is held to the same. Margin: 30 % over the most, because the kernel counts whole
/// pages and the system's allocator keeps what logins and entries have left behind, more or less by chance. A buffer of
/// 4 KiB for each socket is far beyond it.
pub(crate) const RESIDENT_PER_PLAYER: Budget = Budget {
    what: "resident bytes of the server for each idle player in 2 channels",
    name: "RESIDENT_PER_PLAYER",
    allowed: 7_400.0,
    find: "within HEAP_PER_PLAYER it is what the backend does not hold: the socket's task, in src/ws",
};

impl Budget {
    /// Fails when more was measured than is allowed. Says what was measured in any case: the figures to write down.
    pub(crate) fn check(&self, measured: f64) {
        let Self { what, name, allowed, find } = self;
        let _ = writeln!(io::stdout(), "budget: {what}: {measured:.4} of {allowed}"); // nobody has to listen
        assert!(
            measured <= *allowed,
            "over the budget {name}: {what}\n  measured: {measured:.4}\n  allowed:  {allowed}\n\
             Not wanted: {find}.\n\
             Wanted: raise {name} in tests/budget/budgets.rs in the same commit, with the new figure and the reason."
        );
    }
}
