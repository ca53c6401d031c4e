//! Time as the rules see it: they are handed `now` and never ask.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// After every other time.
    pub const MAX: Self = Self(i64::MAX);

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Reads Unix milliseconds or RFC 3339, section 5.6; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let from_text = || text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
        text.parse().ok().or_else(from_text).map(Self)
    }

    /// `yyyy-MM-dd'T'HH:mm:ss.SSSZ` in UTC ("Hive Chat WebSocket API, notifications").
    pub fn to_iso(self) -> String {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where actors read the time. The server gives the wall clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub fn new(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({:?})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_has_real_milliseconds_and_a_literal_z() {
        assert_eq!(Timestamp(1_746_057_600_250).to_iso(), "2025-05-01T00:00:00.250Z");
        assert_eq!(Timestamp(0).to_iso(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_time_is_read_in_milliseconds_or_as_text() {
        for text in ["1746057600250", "2025-05-01T00:00:00.250Z", "2025-05-01T09:00:00.250+09:00"] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp(1_746_057_600_250)), "{text}");
        }
        for bad in ["", "yesterday", "2025-05-01", "1.5"] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }
}
