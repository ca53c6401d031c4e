//! Keys that are no setting, found by walking the merged tree along the table.

use ::config::{Map, Value, ValueKind};

use super::keys::{self, Place};
use super::mistakes::Mistake;

/// Edits beyond which another name is no longer a likely slip of the pen.
const MAX_EDITS: usize = 2;

/// Every key of the tree that is no setting, and every table or list that stands where the other should.
pub(super) fn find(tree: &Map<String, Value>, file: Option<&str>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    table("", tree, file, &mut mistakes);
    mistakes
}

fn table(path: &str, entries: &Map<String, Value>, file: Option<&str>, mistakes: &mut Vec<Mistake>) {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(name, _)| *name);
    for (name, value) in entries {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        node(&path, value, file, mistakes);
    }
}

fn node(path: &str, value: &Value, file: Option<&str>, mistakes: &mut Vec<Mistake>) {
    let place = keys::place(&pattern(path));
    let mut report = |message: String| {
        let origin = value.origin().or(file).map(str::to_owned);
        mistakes.push(Mistake::new(path, origin, message));
    };
    match (place, &value.kind) {
        // A gap in a list that variables fill by index; reading it reports what it lacks.
        (Place::Setting, _) | (Place::Table, ValueKind::Nil) => {}
        (Place::Table, ValueKind::Table(entries)) => table(path, entries, file, mistakes),
        (Place::Tables, ValueKind::Array(entries)) => {
            entries.iter().enumerate().for_each(|(at, entry)| node(&format!("{path}[{at}]"), entry, file, mistakes));
        }
        _ => report(message(path).expect("a known setting is matched above")),
    }
}

/// What is wrong with setting `path` to a single value; `None` when it is a setting.
pub(super) fn message(path: &str) -> Option<String> {
    let pattern = pattern(path);
    match keys::place(&pattern) {
        Place::Setting => None,
        Place::Table => Some(format!("must be a table: [{pattern}]").replace("[]", "")),
        Place::Tables => Some(format!("must be a list of tables: [[{pattern}]]")),
        Place::Unknown => Some(match nearest(&pattern) {
            Some(known) => format!("unknown setting; did you mean {known}?"),
            None => "unknown setting".to_owned(),
        }),
    }
}

/// `games[3].name` is `games[].name` in the table.
fn pattern(path: &str) -> String {
    let mut parts = path.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |pattern, part| pattern + "[" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// The known name beside `pattern` that differs from its last name by a few edits or by a missing end.
fn nearest(pattern: &str) -> Option<String> {
    let (parent, name) = pattern.rsplit_once('.').map_or(("", pattern), |(parent, name)| (parent, name));
    let prefix = if parent.is_empty() { String::new() } else { format!("{parent}.") };
    let sibling = |path: String| {
        let rest = path.strip_prefix(&prefix)?;
        Some(rest.split(['.', '[']).next().unwrap_or_default().to_owned())
    };
    let siblings = keys::all_paths().filter_map(sibling).map(|known| (distance(name, &known), known));
    siblings.filter(|(edits, known)| *edits <= MAX_EDITS.min(known.len() / 2)).min().map(|(_, known)| known)
}

/// Edits from `name` to `known`; a forgotten unit (`idle` for `idle_sec`) counts as one.
fn distance(name: &str, known: &str) -> usize {
    let unit = known.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
    if unit { 1 } else { edits(name, known) }
}

/// Levenshtein distance, one row of the matrix at a time.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_insertions_deletions_and_changes() {
        assert_eq!(edits("idle_sec", "idle_sec"), 0);
        assert_eq!(edits("idle_secs", "idle_sec"), 1);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }

    #[test]
    fn a_near_miss_is_answered_with_the_name_meant() {
        let said = |path| message(path).unwrap();
        assert_eq!(said("limits.idle_secs"), "unknown setting; did you mean idle_sec?");
        assert_eq!(said("limits.idle"), "unknown setting; did you mean idle_sec?");
        assert_eq!(said("limit.idle_sec"), "unknown setting");
        assert_eq!(said("limit"), "unknown setting; did you mean limits?");
        assert_eq!(said("games[3].hiv"), "unknown setting; did you mean hive?");
        assert_eq!(said("frobnicate"), "unknown setting");
        assert_eq!(message("games[3].hive.game_index"), None);
    }

    #[test]
    fn a_section_is_no_single_value() {
        assert_eq!(message("limits").unwrap(), "must be a table: [limits]");
        assert_eq!(message("games").unwrap(), "must be a list of tables: [[games]]");
        assert_eq!(message("games[0].hive").unwrap(), "must be a table: [games.hive]");
    }
}
