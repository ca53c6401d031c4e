//! Numbers as people read them: three digits that count, and the unit that makes them short.

/// Microseconds as us, ms or s.
pub(crate) fn micros(value: f64) -> String {
    scaled(value, 1000.0, &["us", "ms", "s"])
}

/// Bytes as B, KiB, MiB or GiB.
pub(crate) fn bytes(value: f64) -> String {
    scaled(value, 1024.0, &["B", "KiB", "MiB", "GiB"])
}

/// A whole number with its thousands apart.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits that count; whole from a hundred on.
pub(crate) fn plain(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    if value.abs() >= 1000.0 { count(value.round() as u64) } else { format!("{value:.decimals$}") }
}

pub(crate) fn percent(share: f64) -> String {
    format!("{} %", plain(share * 100.0))
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut place = 0;
    while value.abs() >= step && place + 1 < units.len() {
        value /= step;
        place += 1;
    }
    format!("{} {}", plain(value), units[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit_that_fits() {
        assert_eq!([micros(7.126), micros(1234.0), micros(61e6)], ["7.13 us", "1.23 ms", "61.0 s"]);
        assert_eq!([bytes(512.0), bytes(1536.0), bytes(3e9)], ["512 B", "1.50 KiB", "2.79 GiB"]);
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1,234,567"]);
        assert_eq!([plain(12_345.6), plain(99.94), percent(0.125)], ["12,346", "99.9", "12.5 %"]);
    }
}
