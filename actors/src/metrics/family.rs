//! One metric with labels: all of its series, registered at once and found by place.

use std::marker::PhantomData;

use metrics::{Counter, Histogram, counter, histogram};

/// A label: its name, and every value it can have.
pub trait Label: Copy + 'static {
    const NAME: &'static str;
    const VALUES: &'static [&'static str];

    /// The place of the value in [`Self::VALUES`].
    fn place(self) -> usize;
}

/// The labels of a metric together.
pub trait Labels: Copy + 'static {
    /// The labels of every series, in the order of their places.
    fn all() -> Vec<Vec<metrics::Label>>;

    fn place(self) -> usize;
}

impl<L: Label> Labels for (L,) {
    fn all() -> Vec<Vec<metrics::Label>> {
        L::VALUES.iter().map(|value| vec![label::<L>(value)]).collect()
    }

    fn place(self) -> usize {
        self.0.place()
    }
}

impl<A: Label, B: Label> Labels for (A, B) {
    fn all() -> Vec<Vec<metrics::Label>> {
        let with =
            |first: &'static str| B::VALUES.iter().map(move |second| vec![label::<A>(first), label::<B>(second)]);
        A::VALUES.iter().flat_map(|first| with(first)).collect()
    }

    fn place(self) -> usize {
        self.0.place() * B::VALUES.len() + self.1.place()
    }
}

fn label<L: Label>(value: &'static str) -> metrics::Label {
    metrics::Label::from_static_parts(L::NAME, value)
}

/// See the module's text. A series that nothing has happened to yet is there, too, and 0: without it the first growth
/// could not be seen.
pub struct Family<L, H> {
    series: Box<[H]>,
    labels: PhantomData<fn(L)>,
}

impl<L: Labels> Family<L, Counter> {
    pub fn counters(name: &'static str) -> Self {
        Self::new(|labels| counter!(name, labels))
    }
}

impl<L: Labels> Family<L, Histogram> {
    pub fn histograms(name: &'static str) -> Self {
        Self::new(|labels| histogram!(name, labels))
    }
}

impl<L: Labels, H> Family<L, H> {
    fn new(register: impl Fn(Vec<metrics::Label>) -> H) -> Self {
        Self { series: L::all().into_iter().map(register).collect(), labels: PhantomData }
    }

    pub fn of(&self, labels: L) -> &H {
        &self.series[labels.place()]
    }
}
