//! A player as the fields of a hash: one for each part of the state, missing where the part is as it is for a player
//! nobody has spoken of. Some parts are there once more, in a form that scripts compare. The login is written by the
//! scripts that claim and release it, and by nothing else.

use std::collections::HashMap;

use guildhall_actors::clock::Timestamp;
use guildhall_actors::ports::{PlayerState, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The fields that are there, by name.
pub(super) type Fields = HashMap<String, String>;
/// What steps change, in one order.
type Values = [(&'static str, Option<String>); 10];

/// The id of the live login, which fences its later steps.
pub(super) const LOGIN_ID: &str = "login_id";
/// Another one after every change. Random, not counted: a server that lost its end would count the same way again.
pub(super) const VERSION: &str = "version";

/// What differs between two states.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) set: Vec<(&'static str, String)>,
    pub(super) cleared: Vec<&'static str>,
}

impl Changes {
    pub(super) fn between(before: &PlayerState, after: &PlayerState) -> Result<Self, StoreError> {
        let mut changes = Self::default();
        for ((name, old), (_, new)) in values(before)?.into_iter().zip(values(after)?) {
            match new {
                Some(new) if old.as_ref() != Some(&new) => changes.set.push((name, new)),
                None if old.is_some() => changes.cleared.push(name),
                _ => {}
            }
        }
        Ok(changes)
    }

    /// Of the one field `name`.
    pub(super) fn of<T: Serialize>(name: &'static str, value: Option<&T>) -> Result<Self, StoreError> {
        Ok(match value {
            Some(value) => Self { set: vec![(name, write(value)?)], ..Self::default() },
            None => Self { cleared: vec![name], ..Self::default() },
        })
    }
}

pub(super) fn state(fields: &Fields) -> Result<PlayerState, StoreError> {
    Ok(PlayerState {
        known_since: part(fields, "known_since")?,
        login: part(fields, "login")?,
        joined: part(fields, "joined")?,
        blocks: part(fields, "blocks")?,
        suspension: part(fields, "suspension")?,
        decided: part(fields, "decided")?,
        profile: part(fields, "profile")?,
        resume: part(fields, "resume")?,
        plays: part(fields, "plays")?,
    })
}

fn values(state: &PlayerState) -> Result<Values, StoreError> {
    let suspension = state.suspension.as_ref();
    Ok([
        ("known_since", unless_default(&state.known_since)?),
        ("joined", unless_default(&state.joined)?),
        ("blocks", unless_default(&state.blocks)?),
        ("suspension", unless_default(&state.suspension)?),
        ("suspended_from", suspension.map(|suspension| sorting(suspension.from))),
        ("suspended_until", suspension.and_then(|suspension| suspension.until).map(sorting)),
        ("decided", unless_default(&state.decided)?),
        ("profile", unless_default(&state.profile)?),
        ("resume", unless_default(&state.resume)?),
        ("plays", unless_default(&state.plays)?),
    ])
}

/// A text that sorts like the time: numbers of scripts are inexact beyond 2^53.
pub(super) fn sorting(time: Timestamp) -> String {
    format!("{:020}", i128::from(time.0) - i128::from(i64::MIN))
}

pub(super) fn write<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| unreadable(&error))
}

/// A part that is missing is the default one.
pub(super) fn read<T: DeserializeOwned + Default>(text: Option<&str>) -> Result<T, StoreError> {
    text.map_or_else(|| Ok(T::default()), |text| serde_json::from_str(text).map_err(|error| unreadable(&error)))
}

fn part<T: DeserializeOwned + Default>(fields: &Fields, name: &str) -> Result<T, StoreError> {
    read(fields.get(name).map(String::as_str))
}

fn unless_default<T: Serialize + Default + PartialEq>(value: &T) -> Result<Option<String>, StoreError> {
    (*value != T::default()).then(|| write(value)).transpose()
}

fn unreadable(error: &serde_json::Error) -> StoreError {
    StoreError(format!("player in Redis: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_text_sort_like_times() {
        let times = [i64::MIN, i64::MIN + 1, -10, -1, 0, 9, 10, 1_800_000_000_000, i64::MAX - 1, i64::MAX];
        let texts = times.map(|time| sorting(Timestamp(time)));
        assert!(texts.is_sorted_by(|a, b| a < b) && texts.iter().all(|text| text.len() == 20), "{texts:?}");
    }
}
