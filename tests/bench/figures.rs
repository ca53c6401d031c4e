//! Figures of several rounds, and how long a bench is.

/// Median and range.
pub(crate) fn spread(values: impl IntoIterator<Item = f64>) -> String {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    format!("{:.2} [{:.2}-{:.2}]", values[values.len() / 2], values[0], values[values.len() - 1])
}

/// What an environment variable says, or else the short form.
pub(crate) fn amount(variable: &str, short: usize) -> usize {
    std::env::var(variable).map_or(short, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}
