//! Style as a test: what the layers may know of each other, what is left out, and what the documents must name.
//!
//! There is no long form: everything is read in well under a second.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use guildhall::metrics::{Kind, METRICS, Metric};
use guildhall_actors::close::Close;

/// Longest source file, in lines.
const MAX_LINES: usize = 400;
/// Files that may be longer, each with its reason. None so far.
const LONG_FILES: [&str; 0] = [];

/// A program for the terminal, whose results are printed.
const PRINTS: &str = "tests/load/";

/// What `rules.rs` may import of its own crate: data and pure functions.
const OPEN_TO_RULES: [&str; 8] = ["ids", "limits", "event", "packet", "ports", "clock", "close", "rate"];
/// What has no place in `rules.rs`: waiting, actors, logs and clocks.
const CLOSED_TO_RULES: [&str; 7] = ["async", "Context", "tracing", "actix", "tokio", "Instant::now", "SystemTime"];

/// A source file of this repository.
struct Source {
    /// From the root of the repository.
    path: String,
    text: String,
}

impl Source {
    /// The lines that run in production, without comments, each with its number.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.text.find("#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        let lines = (1..).zip(self.text[..tests].lines());
        lines.map(|(number, line)| (number, line.split("//").next().unwrap_or_default()))
    }

    /// `path:line: code` of every line of code that `is_bad`.
    fn bad_lines(&self, is_bad: impl Fn(&str) -> bool) -> Vec<String> {
        let bad = self.code().filter(|(_, line)| is_bad(line));
        bad.map(|(number, line)| format!("{}:{number}: {}", self.path, line.trim())).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder of the repository.
fn sources(folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(read(&path));
            }
        }
    }
    assert!(!sources.is_empty(), "no source in {folder}");
    sources
}

fn read(path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("a source is readable text");
    let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
    Source { path, text }
}

/// A document that must be there.
fn document(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn assert_none(what: &str, found: impl IntoIterator<Item = String>) {
    let list = found.into_iter().fold(String::new(), |mut list, line| {
        let _ = writeln!(list, "  {line}");
        list
    });
    assert!(list.is_empty(), "{what}:\n{list}");
}

/// Whether `word` stands in `line` on its own.
fn names(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_part);
        let after = line[at + word.len()..].chars().next().is_some_and(is_part);
        !before && !after
    })
}

/// Whether a `use` of a rules file names something that rules may not know.
fn is_foreign_import(line: &str) -> bool {
    let Some(import) = line.trim().strip_prefix("use ") else { return false };
    let module = |path: &str| path.split("::").next().unwrap_or_default().trim_end_matches(';').to_owned();
    match module(import).as_str() {
        "std" | "super" => false,
        "crate" => !OPEN_TO_RULES.contains(&module(&import["crate::".len()..]).as_str()),
        _ => true,
    }
}

#[test]
fn rules_decide_and_know_nothing_of_actors_clocks_or_logs() {
    let all = sources("actors/src");
    let is_rules = |source: &&Source| source.path.ends_with("/rules.rs") || source.path.contains("/rules/");
    let rules: Vec<_> = all.iter().filter(is_rules).collect();
    assert!(rules.len() > 3, "the rules of channels, connections and sessions");
    let is_bad = |line: &str| is_foreign_import(line) || CLOSED_TO_RULES.iter().any(|word| names(line, word));
    assert_none("rules know too much", rules.iter().flat_map(|source| source.bad_lines(is_bad)));
}

#[test]
fn the_game_knows_no_network_and_no_database() {
    let manifest = document("actors/Cargo.toml");
    let banned = ["actix-web", "actix-http", "redis", "rusqlite", "reqwest", "rand"];
    let names = |line: &&str| banned.iter().any(|name| line.split(['.', ' ', '=']).next() == Some(name));
    assert_none("actors/Cargo.toml", manifest.lines().filter(names).map(str::to_owned));
}

#[test]
fn the_game_asks_neither_the_wall_clock_nor_chance() {
    let sources = sources("actors/src").into_iter().filter(|source| !source.path.contains("testing"));
    let is_bad = |line: &str| names(line, "SystemTime") || names(line, "rand") || line.contains("std::time::Instant");
    assert_none("handed in by callers", sources.flat_map(|source| source.bad_lines(is_bad)));
}

#[test]
fn edges_speak_to_registries_and_ports_never_to_adapters() {
    let edges = sources("src")
        .into_iter()
        .filter(|source| ["src/http", "src/ws"].iter().any(|edge| source.path.starts_with(edge)));
    assert_none("edges name adapters", edges.flat_map(|source| source.bad_lines(|line| names(line, "adapters"))));
}

#[test]
fn the_deprecated_socket_actor_stays_in_one_file() {
    let is_used = |source: &Source| !source.bad_lines(|line| names(line, "actix_web_actors")).is_empty();
    let users: Vec<_> = sources("src").into_iter().filter(is_used).map(|source| source.path).collect();
    assert!(users.len() <= 1, "actix_web_actors is used in {users:?}");
}

#[test]
fn nothing_is_left_to_be_done() {
    let leftovers = ["todo!", "dbg!", "unimplemented!", "println!", "FIXME"];
    let is_left = |source: &Source, line: &str, leftover: &str| {
        line.contains(leftover) && !(leftover == "println!" && source.path.starts_with(PRINTS))
    };
    let everywhere = ["src", "actors/src", "tests"].into_iter().flat_map(sources);
    let others = everywhere.filter(|source| source.path != "tests/tidy.rs");
    let found = others.flat_map(|source| {
        let lines: Vec<_> = (1..).zip(source.text.lines()).map(|(at, line)| (at, line.to_owned())).collect();
        let bad =
            lines.into_iter().filter(|(_, line)| leftovers.iter().any(|leftover| is_left(&source, line, leftover)));
        bad.map(|(at, line)| format!("{}:{at}: {}", source.path, line.trim())).collect::<Vec<_>>()
    });
    assert_none("leftovers", found);
}

#[test]
fn no_source_file_is_too_long_to_read() {
    let everywhere = ["src", "actors/src", "tests"].into_iter().flat_map(sources);
    let long = everywhere.filter(|source| !LONG_FILES.contains(&source.path.as_str())).filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines", source.path))
    });
    assert_none(&format!("over {MAX_LINES} lines"), long);
}

/// `section.key` of every setting in a configuration, also of those that a comment sign turns off.
fn settings(toml: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut found = BTreeSet::new();
    for line in toml.lines() {
        // "# " begins prose; "#" alone turns a setting off.
        let line = if line.starts_with("# ") { continue } else { line.trim_start_matches('#').trim() };
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            section = header.trim_start_matches('[').to_owned();
        } else if let Some((key, _)) = line.split_once('=') {
            found.insert(format!("{section}.{}", key.trim()));
        }
    }
    found
}

/// Every setting there is, as the README's table spells it.
fn documented_settings() -> Vec<String> {
    let table = guildhall::config::markdown_table();
    let rows = table.lines().skip(2).filter_map(|row| row.split('`').nth(1).map(str::to_owned));
    let all: Vec<_> = rows.collect();
    assert!(all.len() > 40, "{all:?}");
    all
}

#[test]
fn every_setting_stands_in_the_readme() {
    let readme = document("README.md");
    let missing = documented_settings().into_iter().filter(|setting| !readme.contains(&format!("`{setting}`")));
    assert_none("settings the README does not name (guildhall default-config --markdown prints the rows)", missing);
}

#[test]
fn every_setting_stands_in_the_example_configuration() {
    let example = settings(&document("deploy/example.toml"));
    let all = settings(&guildhall::config::default_config());
    assert!(all.len() > 40, "{all:?}");
    assert_none("settings deploy/example.toml does not name", all.difference(&example).cloned());
    assert_none("deploy/example.toml names no setting", example.difference(&all).cloned());
}

#[test]
fn every_setting_stands_in_the_example_environment() {
    let names = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().map(|line| line.trim_start_matches('#'));
        lines
            .filter_map(|line| line.starts_with("GUILDHALL__").then(|| line.split('=').next())?.map(str::to_owned))
            .collect()
    };
    let (example, all) = (names(&document("deploy/example.env")), names(&guildhall::config::default_environment()));
    assert!(all.len() > 40, "{all:?}");
    assert_none(
        "settings deploy/example.env does not name (guildhall default-config --env)",
        all.difference(&example).cloned(),
    );
    assert_none("deploy/example.env names no setting", example.difference(&all).cloned());
}

#[test]
fn every_metric_stands_in_the_readme_as_the_table_has_it() {
    let (readme, table) = (document("README.md"), guildhall::metrics::markdown_table());
    assert!(table.lines().count() > 40, "{table}");
    assert!(readme.contains(&table), "the README's section on metrics must hold\n{table}");
}

#[test]
fn every_metric_is_named_after_prometheus_conventions() {
    let is_good = |metric: &Metric| {
        let name = metric.name;
        let prefixed = name.starts_with("guildhall_") || name.starts_with("process_");
        let base = name.trim_end_matches("_total");
        let unit = metric.unit.is_none_or(|unit| base.ends_with(&format!("_{}", unit.as_str())));
        prefixed && unit && (metric.kind == Kind::Counter) == name.ends_with("_total")
    };
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len(), "each name once");
    assert_none("bad names", METRICS.iter().filter(|metric| !is_good(metric)).map(|metric| metric.name.to_owned()));
}

#[test]
fn every_close_code_stands_in_the_readme_with_its_reason() {
    let readme = document("README.md");
    let rows: Vec<_> = readme.lines().filter(|line| line.starts_with('|')).collect();
    let is_missing = |close: &Close| {
        let is_row = |row: &&&str| names(row, &close.code().to_string()) && row.contains(close.reason());
        rows.iter().find(is_row).is_none()
    };
    let missing = Close::ALL.into_iter().filter(is_missing);
    assert_none(
        "no row of the README's close table has",
        missing.map(|close| format!("{} {:?}", close.code(), close.reason())),
    );
}

#[test]
fn the_tests_of_this_folder_are_all_in_the_table_of_contents() {
    let contents = document("tests/main.rs");
    let files = fs::read_dir(root().join("tests")).expect("the folder of the tests");
    let stems = files
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let missing = stems.filter_map(stem).filter(|stem| stem != "main" && !contents.contains(&format!("mod {stem};\n")));
    assert_none("tests/main.rs does not name", missing);
}
