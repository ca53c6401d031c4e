//! The one table of settings: key, default, range and meaning of each.
//!
//! Reading, checking for unknown keys, `guildhall default-config` and the README's table all follow it, and tests prove
//! that each row is read. To add a setting: a row here, a field in `settings` (or `limits`), a line where it is read.

mod contracts;
mod limits;
mod playwave;
mod server;
mod webhooks;

use super::forms::{self, Form};

/// A TOML table and the settings in it. In a path, `[]` marks a list of tables: `games[].hive`.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) path: &'static str,
    pub(super) presence: Presence,
    pub(super) about: &'static str,
    pub(super) keys: &'static [Key],
}

/// Whether a section exists when the configuration does not name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It does, with its defaults.
    Always,
    /// It does not, and what it configures is off.
    Optional,
}

#[derive(Debug)]
pub(super) struct Key {
    /// Within its section; dotted when it stands in an inline table of the section.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Default,
    /// One line: what it bounds or names, with its unit.
    pub(super) about: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Whole {
        min: i64,
        max: i64,
    },
    Flag,
    Choice(&'static [&'static str]),
    Text(&'static Form),
    /// A list in TOML; separated by commas in the environment and in flags.
    List(&'static Form),
}

/// What holds when the configuration does not name a setting. Texts are TOML.
#[derive(Clone, Copy, Debug)]
pub(super) enum Default {
    Value(&'static str),
    /// Decided at the start, as `means` says.
    Made {
        means: &'static str,
        sample: &'static str,
    },
    /// It must be named.
    Required {
        sample: &'static str,
    },
}

/// Every section, in the order of the printed configuration.
pub(super) const SECTIONS: [&Section; 16] = [
    &server::NODE,
    &server::LISTEN,
    &server::LISTEN_TLS,
    &server::STORE,
    &server::ADMIN,
    &server::LOG,
    &server::CLUSTER,
    &server::CHAT,
    &playwave::PLAYWAVE,
    &webhooks::WEBHOOKS,
    &limits::LIMITS,
    &contracts::GAMES,
    &contracts::HIVE,
    &contracts::PLAYWAVE,
    &contracts::AGHANIM,
    &contracts::CAFES,
];

/// The section at `path`, which the caller takes from the table.
pub(super) fn section(path: &str) -> &'static Section {
    SECTIONS.into_iter().find(|section| section.path == path).expect("sections are read by paths of the table")
}

/// What `path` (with `[]` for any index) is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Setting,
    /// A table that holds settings.
    Table,
    /// A list of tables that hold settings.
    Tables,
    Unknown,
}

pub(super) fn place(path: &str) -> Place {
    let leads = |suffix: &str| all_paths().any(|known| known.starts_with(&format!("{path}{suffix}")));
    match () {
        () if all_paths().any(|known| known == path) => Place::Setting,
        () if leads(".") => Place::Table,
        () if leads("[]") => Place::Tables,
        () => Place::Unknown,
    }
}

/// The path of every setting.
pub(super) fn all_paths() -> impl Iterator<Item = String> {
    SECTIONS.into_iter().flat_map(|section| section.keys.iter().map(|key| format!("{}.{}", section.path, key.name)))
}

impl Section {
    /// The row of `name`, which the caller takes from the table.
    pub(super) fn key(&self, name: &str) -> &'static Key {
        self.keys.iter().find(|key| key.name == name).expect("settings are read by names of the table")
    }

    /// How the section is headed in TOML.
    pub(super) fn header(&self) -> String {
        let name = self.path.replace("[]", "");
        if self.path.ends_with("[]") { format!("[[{name}]]") } else { format!("[{name}]") }
    }
}

impl Key {
    /// A valid value, in TOML: the default where there is one.
    pub(super) fn sample(&self) -> &'static str {
        match self.default {
            Default::Value(sample) | Default::Made { sample, .. } | Default::Required { sample } => sample,
        }
    }

    pub(super) fn is_required(&self) -> bool {
        matches!(self.default, Default::Required { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_stands_twice_in_the_table() {
        let mut paths: Vec<String> = all_paths().collect();
        paths.sort();
        let count = paths.len();
        paths.dedup();
        assert_eq!(paths.len(), count);
    }

    #[test]
    fn a_path_is_found_with_what_it_is() {
        assert_eq!(place("limits"), Place::Table);
        assert_eq!(place("limits.idle_sec"), Place::Setting);
        assert_eq!(place("games"), Place::Tables);
        assert_eq!(place("games[]"), Place::Table);
        assert_eq!(place("games[].playwave.rate"), Place::Table);
        assert_eq!(place("limit"), Place::Unknown);
        assert_eq!(place("limits.idle"), Place::Unknown);
    }
}
