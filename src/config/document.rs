//! The table of settings as text: a complete commented configuration, as a TOML file or as environment variables, and
//! the table of the README.
//!
//! In the printed files a line of prose begins with `# `. A setting that is off begins with `#` alone, so removing that
//! one character turns it on.

use super::keys::{Default, Key, Kind, Presence, SECTIONS, Section};
use super::layers::variable;

const HEAD: &str = "\
# Guildhall: every setting with its default.
#
# Remove the # before a setting without a space to turn it on. An environment variable goes over the file, with the
# key in capitals and __ for each dot (GUILDHALL__LIMITS__IDLE_SEC, GUILDHALL__GAMES__0__NAME; lists are separated by
# commas), and a flag goes over both. `guildhall check-config` reports every mistake at once.
";

const ENVIRONMENT_HEAD: &str = "\
# Guildhall: every setting as an environment variable with its default, one line each, for --env-file and the like.
#
# Remove the # before a variable without a space to turn it on. Lists are separated by commas; the 0 in a name counts
# the games and the cafes. `guildhall check-config` reports every mistake at once.
";

/// A complete TOML file that sets every default. What has no default stands in it as a comment.
pub fn default_config() -> String {
    SECTIONS.into_iter().fold(HEAD.to_owned(), |text, section| text + "\n" + &toml(section))
}

fn toml(section: &Section) -> String {
    let off = if section.presence == Presence::Optional { "#" } else { "" };
    let head = format!("# {}\n{off}{}\n", section.about, section.header());
    section.keys.iter().fold(head, |text, key| text + &lines(key, off))
}

fn lines(key: &Key, off: &str) -> String {
    let (off, sample) = match key.default {
        Default::Value(sample) | Default::Required { sample } => (off, sample),
        Default::Made { sample, .. } => ("#", sample),
    };
    format!("{}{off}{} = {sample}\n", prose(key), key.name)
}

/// What stands above a setting.
fn prose(key: &Key) -> String {
    let facts = [range(key), default_in_words(key)];
    let facts = facts.iter().flatten().fold(String::new(), |facts, fact| format!("{facts} {fact}."));
    format!("# {}.{facts}\n", key.about)
}

/// What the setting's line itself does not show.
fn default_in_words(key: &Key) -> Option<String> {
    match key.default {
        Default::Value(_) => None,
        Default::Made { means, .. } => Some(format!("Default: {means}")),
        Default::Required { .. } => Some("Required".to_owned()),
    }
}

fn range(key: &Key) -> Option<String> {
    match key.kind {
        Kind::Whole { min, max: i64::MAX } => Some(format!("From {min}")),
        Kind::Whole { min, max } => Some(format!("{min} to {max}")),
        Kind::Flag | Kind::Choice(_) | Kind::Text(_) | Kind::List(_) => None,
    }
}

/// The same as environment variables.
pub fn default_environment() -> String {
    SECTIONS.into_iter().fold(ENVIRONMENT_HEAD.to_owned(), |text, section| text + "\n" + &variables(section))
}

fn variables(section: &Section) -> String {
    let off = if section.presence == Presence::Optional { "#" } else { "" };
    let path = section.path.replace("[]", ".0");
    let line = |text: String, key: &Key| {
        let name = variable(&format!("{path}.{}", key.name));
        let off = if matches!(key.default, Default::Value(_)) { off } else { "#" };
        format!("{text}{}{off}{name}={}\n", prose(key), plain(key.sample()))
    };
    section.keys.iter().fold(format!("# {}\n", section.about), line)
}

/// A TOML scalar or list as a variable holds it.
fn plain(toml: &str) -> String {
    let list = toml.trim_start_matches('[').trim_end_matches(']');
    list.split(',').map(|entry| entry.trim().trim_matches('"')).collect::<Vec<_>>().join(",")
}

/// The table of the README.
pub fn markdown_table() -> String {
    let head = "| setting | default | values | meaning |\n|---|---|---|---|\n".to_owned();
    SECTIONS
        .into_iter()
        .fold(head, |text, section| section.keys.iter().fold(text, |text, key| text + &markdown_row(section, key)))
}

fn markdown_row(section: &Section, key: &Key) -> String {
    let default = match key.default {
        Default::Value(text) => format!("`{text}`"),
        Default::Made { means, .. } => means.to_owned(),
        Default::Required { .. } => "required".to_owned(),
    };
    format!("| `{}.{}` | {default} | {} | {} |\n", section.path, key.name, values(key), key.about)
}

fn values(key: &Key) -> String {
    match key.kind {
        Kind::Whole { min, max: i64::MAX } => format!("{min} or more"),
        Kind::Whole { min, max } => format!("{min} to {max}"),
        Kind::Flag => "true, false".to_owned(),
        Kind::Choice(choices) => choices.join(", "),
        Kind::Text(form) => form.name.to_owned(),
        Kind::List(form) => format!("list of {}", form.name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{defaults, load_text, load_variables};
    use super::*;

    #[test]
    fn the_printed_configuration_is_the_default_one() {
        let printed = load_text(&default_config()).unwrap();
        assert_eq!(format!("{printed:#?}"), format!("{:#?}", defaults()));
    }

    #[test]
    fn the_printed_environment_is_the_default_one() {
        let text = default_environment();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let printed = load_variables(&lines.filter_map(|line| line.split_once('=')).collect::<Vec<_>>()).unwrap();
        assert_eq!(format!("{printed:#?}"), format!("{:#?}", defaults()));
    }

    #[test]
    fn a_variable_holds_scalars_and_lists_as_plain_text() {
        assert_eq!(["20", "\"text\"", "[]", "[\"a\", \"b\"]"].map(plain), ["20", "text", "", "a,b"]);
    }

    #[test]
    fn the_printed_configuration_with_everything_turned_on_is_valid() {
        let turn_on = |line: &str| match line.strip_prefix('#') {
            Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
            _ => line.to_owned(),
        };
        let text: Vec<String> = default_config().lines().map(turn_on).collect();
        let without_tls = text.join("\n").replace("api_keys = []", "api_keys = [\"x\"]");
        let told = load_text(&without_tls).unwrap_err();
        let files = told.0.iter().filter(|mistake| mistake.key.starts_with("listen.tls.")).count();
        assert_eq!((files, told.0.len()), (2, 2), "only the sample's files are not there: {told}");
    }

    #[test]
    fn every_setting_stands_in_every_text() {
        let (toml, markdown, variables) = (default_config(), markdown_table(), default_environment());
        for section in SECTIONS {
            for key in section.keys {
                assert!(toml.contains(&format!("\n# {}.", key.about)), "{}", key.name);
                assert!(
                    variables.contains(&format!("__{}=", key.name.replace('.', "__").to_uppercase())),
                    "{}",
                    key.name
                );
                assert!(markdown.contains(&format!("| `{}.{}` |", section.path, key.name)), "{}", key.name);
                assert!(!key.about.contains('|') && !key.about.ends_with('.'), "{}", key.about);
            }
        }
    }
}
