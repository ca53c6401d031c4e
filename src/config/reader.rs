//! Reads settings one by one from the merged tree and collects every mistake on the way.
//!
//! A mistaken or missing setting reads as the sample of its row, so that reading goes on and finds the next mistake.
//! Settings read that way never leave the module: `config::load` hands out mistakes instead.

use std::cell::RefCell;
use std::str::FromStr;

use ::config::{Config, File, FileFormat, Map, Value, ValueKind};

use super::convert;
use super::keys::{self, Key};
use super::layers::Layers;
use super::mistakes::Mistake;
use super::unknown;
use crate::secret::Secret;

pub(super) struct Reader {
    tree: Map<String, Value>,
    file: Option<String>,
    mistakes: RefCell<Vec<Mistake>>,
}

/// One table of the tree, with its rows in the table of settings.
#[derive(Clone)]
pub(super) struct Section<'a> {
    reader: &'a Reader,
    rows: &'static keys::Section,
    /// With indexes: `games[0].hive`.
    path: String,
    /// `None`: the configuration does not name it.
    entries: Option<&'a Map<String, Value>>,
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Self {
        Self { tree: layers.tree, file: layers.file, mistakes: RefCell::new(layers.mistakes) }
    }

    pub(super) fn section(&self, path: &'static str) -> Section<'_> {
        let entries = self.tree.get(path).and_then(entries_of);
        Section { reader: self, rows: keys::section(path), path: path.to_owned(), entries }
    }

    /// The tables of the list `name`, in order.
    pub(super) fn list(&self, name: &'static str) -> Vec<Section<'_>> {
        let rows = keys::section(&format!("{name}[]"));
        let tables = match self.tree.get(name).map(|value| &value.kind) {
            Some(ValueKind::Array(tables)) => tables.as_slice(),
            _ => &[],
        };
        let section =
            |(at, table)| Section { reader: self, rows, path: format!("{name}[{at}]"), entries: entries_of(table) };
        tables.iter().enumerate().map(section).collect()
    }

    pub(super) fn report_unknown(&self) {
        let unknown = unknown::find(&self.tree, self.file.as_deref());
        self.mistakes.borrow_mut().extend(unknown);
    }

    pub(super) fn report(&self, key: impl Into<String>, origin: Option<&str>, message: impl Into<String>) {
        let origin = origin.or(self.file.as_deref()).map(str::to_owned);
        self.mistakes.borrow_mut().push(Mistake::new(key, origin, message));
    }

    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes.into_inner()
    }
}

impl<'a> Section<'a> {
    /// The table `name` within this one, when the configuration has it.
    pub(super) fn child(&self, name: &str) -> Option<Section<'a>> {
        let entries = self.entries?.get(name).and_then(entries_of)?;
        let rows = keys::section(&format!("{}.{name}", self.rows.path));
        Some(Section { reader: self.reader, rows, path: self.key(name), entries: Some(entries) })
    }

    /// A number; the range in the table fits the field it is read into.
    pub(super) fn whole<T: TryFrom<i64>>(&self, name: &str) -> T {
        fit(self.read(name, convert::whole))
    }

    pub(super) fn optional_whole<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        self.read_named(name, convert::whole).map(fit)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.read(name, convert::flag)
    }

    pub(super) fn choice(&self, name: &str) -> String {
        self.read(name, convert::choice)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.read(name, convert::text)
    }

    pub(super) fn optional_text(&self, name: &str) -> Option<String> {
        self.read_named(name, convert::text)
    }

    /// Text of a type whose form in the table admits only what parses.
    pub(super) fn parsed<T: FromStr>(&self, name: &str) -> T {
        self.text(name).parse().ok().expect("the form of a row admits only what parses")
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        self.read(name, convert::list)
    }

    pub(super) fn optional_list(&self, name: &str) -> Vec<String> {
        self.read_named(name, convert::list).unwrap_or_default()
    }

    pub(super) fn secret(&self, name: &str) -> Secret {
        Secret::new(self.text(name))
    }

    pub(super) fn secrets(&self, name: &str) -> Vec<Secret> {
        self.list(name).into_iter().map(Secret::new).collect()
    }

    /// The dotted key of `name`, with indexes.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    pub(super) fn report(&self, name: &str, message: impl Into<String>) {
        self.reader.report(self.key(name), self.find(name).and_then(Value::origin), message);
    }

    /// Whether reading `name` found a mistake, so that it reads as the sample of its row.
    pub(super) fn is_mistaken(&self, name: &str) -> bool {
        let key = self.key(name);
        self.reader.mistakes.borrow().iter().any(|mistake| mistake.key == key)
    }

    fn read<T>(&self, name: &str, convert: fn(&Key, &Value) -> Result<T, String>) -> T {
        let key = self.rows.key(name);
        if key.is_required() && self.find(name).is_none() {
            self.report(name, "is missing");
        }
        let named = self.read_named(name, convert);
        named.unwrap_or_else(|| convert(key, &sample(key)).expect("the sample of a row is valid"))
    }

    /// The setting where the configuration names it, rightly.
    fn read_named<T>(&self, name: &str, convert: fn(&Key, &Value) -> Result<T, String>) -> Option<T> {
        let value = self.find(name)?;
        convert(self.rows.key(name), value).map_err(|message| self.report(name, message)).ok()
    }

    fn find(&self, name: &str) -> Option<&'a Value> {
        let mut names = name.split('.');
        let first = self.entries?.get(names.next()?)?;
        names.try_fold(first, |value, name| entries_of(value)?.get(name))
    }
}

fn fit<T: TryFrom<i64>>(number: i64) -> T {
    T::try_from(number).ok().expect("the range of a row fits its field")
}

fn entries_of(value: &Value) -> Option<&Map<String, Value>> {
    match &value.kind {
        ValueKind::Table(entries) => Some(entries),
        _ => None,
    }
}

/// The row's TOML text as a value.
fn sample(key: &Key) -> Value {
    let text = format!("sample = {}", key.sample());
    let parsed = Config::builder().add_source(File::from_str(&text, FileFormat::Toml)).build();
    parsed.and_then(|tree| tree.get("sample")).expect("the sample of a row is TOML")
}
