//! Where settings come from: a TOML file, under environment variables, under flags.
//!
//! Gives one merged tree in which a value from the file has no origin and any other carries the name of its variable or
//! flag. Values of variables and flags are text; `convert` turns them into the type of their setting.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ::config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};

use super::mistakes::Mistake;
use super::unknown;

/// A variable's name is this and the setting's key in capitals, `__` for each dot: `GUILDHALL__LIMITS__IDLE_SEC`.
const PREFIX: &str = "GUILDHALL__";

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "guildhall.toml";

/// Highest index in a variable's name: `GUILDHALL__GAMES__99__NAME`. A typo must not make a list of a million games.
const MAX_INDEX: usize = 99;

/// Everything a configuration is made from. Tests fill it by hand.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    pub environment: Vec<(OsString, OsString)>,
    pub flags: Vec<Flag>,
}

/// A flag of the command line that sets `key`.
#[derive(Clone, Debug)]
pub struct Flag {
    pub name: &'static str,
    pub key: &'static str,
    pub text: String,
}

/// The merged tree, and what was wrong already on the way to it.
pub(super) struct Layers {
    pub(super) tree: Map<String, Value>,
    pub(super) file: Option<String>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Sources {
    /// Of this process: `file` or else `guildhall.toml` when present, the environment, and `flags`.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        let present = || Path::new(DEFAULT_FILE).exists().then(|| DEFAULT_FILE.into());
        Self { file: file.or_else(present), environment: std::env::vars_os().collect(), flags }
    }
}

impl Layers {
    pub(super) fn merge(sources: &Sources) -> Self {
        let mut mistakes = Vec::new();
        let file = sources.file.as_ref().map(|path| path.display().to_string());
        let text = sources.file.as_deref().map(|path| read(path, &mut mistakes)).unwrap_or_default();
        let mut overlay = environment(&sources.environment, &mut mistakes);
        overlay.extend(sources.flags.iter().map(|flag| (flag.key.to_owned(), textual(flag.name, &flag.text))));
        let tree = tree(&text, overlay).unwrap_or_else(|error| {
            mistakes.push(Mistake::new("", file.clone(), syntax_message(error)));
            Map::new()
        });
        Self { tree, file, mistakes }
    }
}

fn read(path: &Path, mistakes: &mut Vec<Mistake>) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| {
        mistakes.push(Mistake::new("", Some(path.display().to_string()), format!("cannot be read: {error}")));
        String::new()
    })
}

fn tree(text: &str, overlay: Vec<(String, Value)>) -> Result<Map<String, Value>, ConfigError> {
    let file = File::from_str(text, FileFormat::Toml);
    Config::builder().add_source(file).add_source(Overlay(overlay)).build()?.collect()
}

/// The TOML parser quotes the faulty line, which may hold a secret: only where and what are kept.
fn syntax_message(error: ConfigError) -> String {
    let text = match error {
        ConfigError::FileParse { cause, .. } => cause.to_string(),
        other => other.to_string(),
    };
    let (place, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let problem = rest.lines().rfind(|line| !line.contains('|')).unwrap_or_default();
    format!("{place}: {problem}").trim_end_matches(": ").to_owned()
}

fn environment(variables: &[(OsString, OsString)], mistakes: &mut Vec<Mistake>) -> Vec<(String, Value)> {
    let mut ours: Vec<_> = variables.iter().filter(|(name, _)| name.to_string_lossy().starts_with(PREFIX)).collect();
    ours.sort();
    let mut values = Vec::new();
    for (name, text) in ours {
        let name = name.to_string_lossy();
        match setting(&name, text) {
            Ok((key, text)) => values.push((key, textual(&name, text))),
            Err((key, message)) => mistakes.push(Mistake::new(key, Some(name.into_owned()), message)),
        }
    }
    values
}

/// The key a variable sets and its text, or the key and what is wrong with it.
fn setting<'a>(name: &str, text: &'a OsString) -> Result<(String, &'a str), (String, String)> {
    let key = key_of(name);
    if let Some(message) = unknown::message(&key) {
        return Err((key, message));
    }
    text.to_str().map(|text| (key.clone(), text)).ok_or((key, "is not valid UTF-8".to_owned()))
}

/// `GUILDHALL__GAMES__0__NAME` is `games[0].name`.
fn key_of(name: &str) -> String {
    let mut key = String::new();
    for segment in name[PREFIX.len()..].split("__") {
        match segment.parse::<usize>() {
            Ok(index) if index <= MAX_INDEX && !key.is_empty() => key += &format!("[{index}]"),
            _ if key.is_empty() => key = segment.to_lowercase(),
            _ => key += &format!(".{}", segment.to_lowercase()),
        }
    }
    key
}

/// The variable that sets a key, in which a list's entry is a segment: `games.0.name`.
pub(super) fn variable(key: &str) -> String {
    PREFIX.to_owned() + &key.replace('.', "__").to_uppercase()
}

fn textual(origin: &str, text: &str) -> Value {
    Value::new(Some(&origin.to_owned()), ValueKind::String(text.to_owned()))
}

/// Values at their keys, later ones above earlier ones.
#[derive(Clone, Debug)]
struct Overlay(Vec<(String, Value)>);

impl Source for Overlay {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_names_its_setting() {
        assert_eq!(variable("games.0.hive.game_index"), "GUILDHALL__GAMES__0__HIVE__GAME_INDEX");
        assert_eq!(key_of("GUILDHALL__LIMITS__IDLE_SEC"), "limits.idle_sec");
        assert_eq!(key_of("GUILDHALL__GAMES__0__HIVE__GAME_INDEX"), "games[0].hive.game_index");
        assert_eq!(key_of("GUILDHALL__GAMES__100000__NAME"), "games.100000.name");
        assert_eq!(key_of("GUILDHALL__"), "");
    }

    #[test]
    fn a_syntax_error_is_told_without_the_faulty_line() {
        let message = syntax_message(tree("[admin]\nkeys = [\"hush\" oops]", Vec::new()).unwrap_err());
        assert!(message.starts_with("TOML parse error at line 2, column"), "{message}");
        assert!(!message.contains("hush") && !message.contains('\n'), "{message}");
    }
}
