//! `/metrics` as Prometheus reads it: the text exposition format, version 0.0.4.

use std::collections::BTreeMap;

use reqwest::Method;

use super::{Node, within};

/// A metric and its labels, as in `name{label="value"}`, the labels in order of their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// What each node is, rather than how much it has.
const STATES: [&str; 6] = [
    "guildhall_ready",
    "guildhall_subscription_up",
    "guildhall_lease_held",
    "guildhall_build_info",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
];

/// Everything one scrape told.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) text: String,
    pub(crate) samples: BTreeMap<Series, f64>,
    /// `counter`, `gauge` or `histogram`, by name.
    pub(crate) kinds: BTreeMap<String, String>,
    pub(crate) help: BTreeMap<String, String>,
}

impl Series {
    pub(crate) fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
        Self { name: name.to_owned(), labels }
    }
}

impl Scrape {
    /// What a node tells, or several together.
    pub(crate) async fn of(node: &Node) -> Self {
        let mut scrapes = Vec::new();
        for node in node.each() {
            scrapes.push(Self::of_one(node).await);
        }
        scrapes.into_iter().reduce(Self::and).expect("a node")
    }

    async fn of_one(node: &Node) -> Self {
        let request = node.admin_request(Method::GET, "/metrics");
        let response = within("a scrape", request.send()).await.expect("the node answers");
        assert_eq!(response.status(), 200);
        Self::parse(within("its body", response.text()).await.expect("a text"))
    }

    /// Counts add up; of what a node is, the least is told.
    fn and(mut self, other: Self) -> Self {
        self.text.push_str(&other.text);
        for (series, value) in other.samples {
            let is_state = STATES.contains(&series.name.as_str());
            let known = self.samples.get(&series).copied();
            let both = known.map_or(value, |known| if is_state { known.min(value) } else { known + value });
            self.samples.insert(series, both);
        }
        self
    }

    fn parse(text: String) -> Self {
        let (mut samples, mut kinds, mut help) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(told) = line.strip_prefix("# TYPE ") {
                let (name, kind) = told.split_once(' ').expect("a name and a kind");
                assert_eq!(kinds.insert(name.to_owned(), kind.to_owned()), None, "{name} has one kind");
            } else if let Some(told) = line.strip_prefix("# HELP ") {
                let (name, meaning) = told.split_once(' ').expect("a name and a meaning");
                assert_eq!(help.insert(name.to_owned(), meaning.to_owned()), None, "{name} has one meaning");
            } else {
                let (series, value) = sample(line);
                assert_eq!(samples.insert(series, value), None, "twice: {line}");
            }
        }
        Self { text, samples, kinds, help }
    }

    /// The value of a series that must be there.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        *self.samples.get(&Series::new(name, labels)).unwrap_or_else(|| panic!("{name} {labels:?}\n{}", self.text))
    }

    /// The name under which the table has this series: a histogram's come with a suffix.
    pub(crate) fn metric<'a>(&self, series: &'a Series) -> &'a str {
        let is_histogram = |name: &&str| self.kinds.get(*name).is_some_and(|kind| kind == "histogram");
        let suffixes = ["_bucket", "_sum", "_count"];
        let mut stems = suffixes.iter().filter_map(|suffix| series.name.strip_suffix(suffix));
        stems.find(is_histogram).unwrap_or(&series.name)
    }

    /// What has grown since an earlier scrape, of the counters and the histograms' counts.
    pub(crate) fn growth_since(&self, earlier: &Self) -> BTreeMap<Series, f64> {
        let counts = |series: &Series| {
            let is_counter = self.kinds.get(&series.name).is_some_and(|kind| kind == "counter");
            is_counter || (self.metric(series) != series.name && series.name.ends_with("_count"))
        };
        let grown = |(series, value): (&Series, &f64)| {
            let growth = value - earlier.samples.get(series).unwrap_or(&0.0);
            (growth != 0.0).then(|| (series.clone(), growth))
        };
        self.samples.iter().filter(|(series, _)| counts(series)).filter_map(grown).collect()
    }
}

fn sample(line: &str) -> (Series, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let Some((name, labels)) = series.split_once('{') else { return (Series::new(series, &[]), value) };
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("labels end: {line}"));
    // None of ours needs an escape, and none may hold a quotation mark.
    let pairs = labels.strip_suffix('"').unwrap_or_default().split("\",");
    let pair = |pair: &str| pair.split_once("=\"").map(|(label, value)| (label.to_owned(), value.to_owned()));
    let labels = pairs.map(|text| pair(text).unwrap_or_else(|| panic!("{text}: {line}"))).collect();
    (Series { name: name.to_owned(), labels }, value)
}
