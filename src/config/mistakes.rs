//! What is wrong with a configuration, each thing with its place, all of it at once.

use std::fmt;

/// One thing to correct. The text never holds a secret's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Dotted key, such as `games[0].hive.game_index`; empty when the mistake is about a whole source.
    pub key: String,
    /// Where the value came from: a file, an environment variable or a flag.
    pub origin: Option<String>,
    pub message: String,
}

/// Every mistake of a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistake {
    pub(super) fn new(key: impl Into<String>, origin: Option<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), origin, message: message.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.as_str(), &self.origin) {
            ("", Some(origin)) => write!(f, "{origin}: {}", self.message),
            ("", None) => f.write_str(&self.message),
            (key, Some(origin)) => write!(f, "{key} ({origin}): {}", self.message),
            (key, None) => write!(f, "{key}: {}", self.message),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} mistake{} in the configuration:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for Mistakes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_names_its_key_and_its_origin() {
        let mistakes = Mistakes(vec![
            Mistake::new("limits.idle_sec", Some("guildhall.toml".into()), "0 is outside 1 to 86400"),
            Mistake::new("games", None, "no game is configured"),
            Mistake::new("", Some("a.toml".into()), "cannot be read"),
        ]);
        let text = "3 mistakes in the configuration:\n  limits.idle_sec (guildhall.toml): 0 is outside 1 to 86400\
                    \n  games: no game is configured\n  a.toml: cannot be read";
        assert_eq!(mistakes.to_string(), text);
    }
}
