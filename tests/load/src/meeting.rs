//! Several tools at a time: none begins to measure before the players of all of them are in.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

/// Where tools meet.
#[derive(Args, Clone, Debug)]
pub(crate) struct Meeting {
    /// Empty folder in which several tools meet that are to measure at the same time
    #[arg(long = "meet", value_name = "FOLDER", requires = "tools")]
    folder: Option<PathBuf>,
    /// How many of them there are
    #[arg(long, value_name = "NUMBER", requires = "folder")]
    tools: Option<usize>,
}

impl Meeting {
    /// Lets the others know that this one is ready.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(crate) fn come(&self) -> Result<()> {
        if let Some(folder) = &self.folder {
            let own = folder.join(std::process::id().to_string());
            File::create(&own).with_context(|| own.display().to_string())?;
        }
        Ok(())
    }

    /// Whether all have come.
    pub(crate) fn is_complete(&self) -> bool {
        let Some(folder) = &self.folder else { return true };
        fs::read_dir(folder).is_ok_and(|come| Some(come.count()) >= self.tools)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn who_is_alone_need_not_wait() {
        let alone = Meeting { folder: None, tools: None };
        alone.come().expect("there is no folder");
        assert!(alone.is_complete());
    }

    #[test]
    fn nobody_begins_before_all_have_come() {
        let folder = TempDir::new().expect("a folder");
        let meeting = Meeting { folder: Some(folder.path().to_owned()), tools: Some(2) };
        meeting.come().expect("a folder to write to");
        meeting.come().expect("twice is once");
        assert!(!meeting.is_complete());
        File::create(folder.path().join("another")).expect("a folder to write to");
        assert!(meeting.is_complete());
    }
}
