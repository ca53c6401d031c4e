//! What became of a run, for people and for programs: a table on the terminal, JSON, and a page with plots.

pub(crate) mod page;
pub(crate) mod plot;
pub(crate) mod table;
pub(crate) mod units;

mod summary;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::outcome::Outcome;

/// Tells the terminal of a single run, and writes the files that were asked for.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn tell(outcome: &Outcome, json: Option<&Path>, html: Option<&Path>) -> Result<()> {
    println!("\n{}", summary::text(outcome));
    if let Some(path) = json {
        write_json(outcome, path)?;
    }
    html.map_or(Ok(()), |path| write_text(&summary::html(outcome), path))
}

pub(crate) fn write_json(content: &impl Serialize, path: &Path) -> Result<()> {
    write_text(&serde_json::to_string_pretty(content)?, path)
}

pub(crate) fn write_text(text: &str, path: &Path) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
