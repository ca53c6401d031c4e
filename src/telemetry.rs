//! Logs: what is written, in which form, to standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// Starts logging for the process. A second call changes nothing.
///
/// `config` has checked the filter; one that does not parse all the same reads as `info`.
pub fn init(log: &Log) {
    let filter = EnvFilter::builder().parse(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let writer = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error means that a subscriber is there already, which then stays.
    let _ = match log.format {
        LogFormat::Text => writer.with_ansi(is_terminal()).finish().try_init(),
        LogFormat::Json => writer.json().flatten_event(true).finish().try_init(),
    };
}

/// Colour codes are for people, not for files.
fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_twice_or_with_a_bad_filter_does_not_panic() {
        init(&Log { format: LogFormat::Json, filter: "guildhall=loud".into() });
        init(&Log { format: LogFormat::Text, filter: "info".into() });
    }
}
