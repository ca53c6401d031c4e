//! What became of all rounds: one table, and the outcomes behind it.

use serde::Serialize;

use super::measure::Spread;
use super::rows::{Match, Row, Side};
use crate::outcome::Outcome;
use crate::report::plot::Plot;
use crate::report::table::Table;
use crate::report::units::plain;

/// What a match gave: for each side, the outcome of each round that did not fail.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Played {
    #[serde(skip)]
    pub(super) plan: Match,
    name: &'static str,
    sides: Vec<PlayedSide>,
}

#[derive(Clone, Debug, Serialize)]
struct PlayedSide {
    name: &'static str,
    load: &'static str,
    /// `None` for a round that failed.
    rounds: Vec<Option<Outcome>>,
}

/// A line of the table, in numbers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    name: &'static str,
    a: Option<Spread>,
    b: Option<Spread>,
    ratio: Option<Spread>,
    bound: String,
    is_met: Option<bool>,
}

impl Played {
    pub(super) fn new(plan: Match) -> Self {
        let side = |side: &Side| PlayedSide { name: side.name, load: side.load, rounds: Vec::new() };
        Self { plan, name: plan.name, sides: plan.sides.iter().map(side).collect() }
    }

    pub(super) fn add(&mut self, side: usize, outcome: Option<Outcome>) {
        self.sides[side].rounds.push(outcome);
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = Line> {
        self.plan.rows.iter().map(|row| self.line(row))
    }

    fn line(&self, row: &Row) -> Line {
        let values = |side| self.values(row, side);
        let (a, b) = row.sides;
        let spread = |side| Spread::of(values(side).flatten());
        // Round by round: what disturbed the machine disturbed both.
        let ratio = b.and_then(|b| Spread::of(values(a).zip(values(b)).filter_map(|(a, b)| Some(a? / b?))));
        let (a, b) = (spread(a), b.and_then(spread));
        let is_met = row.bound.is_met(a.map(|a| a.median), ratio.map(|ratio| ratio.median));
        Line { name: row.name, a, b, ratio, bound: row.bound.text(row.measure), is_met }
    }

    /// A plot for each row: its values round by round.
    pub(super) fn plots(&self) -> impl Iterator<Item = Plot<'_>> {
        self.plan.rows.iter().map(|row| {
            let (a, b) = row.sides;
            let line =
                |side: usize| (self.sides[side].name, self.values(row, side).map(Option::unwrap_or_default).collect());
            let rounds = self.sides[a].rounds.len();
            Plot {
                title: row.name,
                places: (1..=rounds).map(|round| format!("round {round}")).collect(),
                lines: [Some(a), b].into_iter().flatten().map(line).collect(),
                unit: row.measure.unit(),
            }
        })
    }

    /// Round by round; `None` where there is none.
    fn values(&self, row: &Row, side: usize) -> impl Iterator<Item = Option<f64>> {
        let measure = row.measure;
        self.sides[side].rounds.iter().map(move |outcome| measure.of(outcome.as_ref()?))
    }

    /// What went wrong, one sentence for each side that is concerned.
    pub(super) fn complaints(&self) -> impl Iterator<Item = String> {
        self.sides.iter().filter_map(|side| Some(format!("{}, {}: {}", self.name, side.name, side.complaint()?)))
    }
}

impl PlayedSide {
    fn complaint(&self) -> Option<String> {
        let outcomes = || self.rounds.iter().flatten();
        let failed = self.rounds.iter().filter(|round| round.is_none()).count();
        let failures: u64 = outcomes().map(|outcome| outcome.count("failures")).sum();
        let late = outcomes().filter(|outcome| outcome.is_tool_late()).count();
        let said = [
            (failed > 0).then(|| format!("{failed} rounds failed")),
            (failures > 0).then(|| format!("{failures} failures of players or requests")),
            (late > 0).then(|| format!("the tool was short of CPU in {late} rounds, whose latencies are its own")),
        ];
        let said: Vec<_> = said.into_iter().flatten().collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// The one table.
pub(super) fn table(played: &[Played]) -> Table {
    let mut table = Table::new(&["measure", "A", "B", "ratio A/B [least - most]", "bound", "met", "A", "B"]);
    for played in played {
        for (row, line) in played.plan.rows.iter().zip(played.lines()) {
            let (a, b) = row.sides;
            let value = |spread: Option<Spread>| spread.map_or("-".to_owned(), |of| row.measure.text(of.median));
            let ratio = line.ratio.map_or("-".to_owned(), |ratio| ratio.text(plain));
            let is_met = match line.is_met {
                Some(is_met) => if is_met { "yes" } else { "NO" }.to_owned(),
                None => "-".to_owned(),
            };
            let side = |side: usize| played.plan.sides[side].name.to_owned();
            let b_name = b.map_or("-".to_owned(), side);
            table.row([row.name.to_owned(), value(line.a), value(line.b), ratio, line.bound, is_met, side(a), b_name]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::rows::MATCHES;
    use super::*;
    use crate::outcome::ProcessUse;

    fn outcome(cpu_us: u64) -> Outcome {
        Outcome {
            counts: BTreeMap::from([("delivered".to_owned(), 10)]),
            servers: vec![ProcessUse { user_us: cpu_us, ..ProcessUse::default() }],
            ..Outcome::default()
        }
    }

    #[test]
    fn ratios_are_of_the_same_round_and_a_failed_round_has_none() {
        let mut played = Played::new(MATCHES[0]);
        for (a, b) in [(Some(10), Some(10)), (Some(60), Some(40)), (Some(10), None)] {
            played.add(0, a.map(outcome));
            played.add(1, b.map(outcome));
        }
        let line = played.lines().next().expect("a row");
        assert_eq!(line.ratio, Some(Spread { median: 1.25, least: 1.0, most: 1.5 }));
        assert_eq!((line.a.map(|a| a.median), line.is_met), (Some(1.0), Some(false)));
        assert_eq!(played.complaints().collect::<Vec<_>>(), ["moderate, floor: 1 rounds failed"]);
        assert!(table(&[played]).text().contains("1.25 [1.00 - 1.50]"));
    }
}
