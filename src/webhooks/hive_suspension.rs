//! Hive's suspension webhook: a batch, read and checked whole ("Hive user suspension", 2, 5 and 6).
//!
//! A batch is a state, not an event: an identical one is a repeat, without effect, only as long as it is the newest
//! thing that was said; once a later batch said otherwise of any of its players, it is recorded and applied again.
//! Where an operator made the difference, by a lift or a change by hand, it stays a repeat: a late retransmission must
//! not undo an operator.

use std::collections::BTreeMap;

use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::PlayerId;
use guildhall_actors::ports::{PlayerState, Suspension};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::json::parse_object;
use crate::secret::hex;

/// Players in one batch.
pub const MAX_ROWS: usize = 100;

/// What the operator's view says about where a suspension comes from.
const REASON: &str = "hive";

const DAY_MS: i64 = 86_400_000;

/// Whom to suspend: each player once, as the last row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch(pub BTreeMap<PlayerId, Suspension>);

impl Batch {
    /// # Errors
    /// What is wrong with it, for the developer. One row that is wrong refuses them all.
    pub fn parse(body: &[u8], game_index: i64, utc_offset: &str) -> Result<Self, String> {
        let object = parse_object(body)?;
        let index = object.get("game_index").and_then(Value::as_i64).ok_or("game_index: an integer")?;
        if index != game_index {
            return Err("game_index: not the game of this key".into());
        }
        Self::of(&object, utc_offset)
    }

    /// One that was parsed and recorded before: its game is the record's, whatever number the game has by now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn recorded(body: &[u8], utc_offset: &str) -> Result<Self, String> {
        Self::of(&parse_object(body)?, utc_offset)
    }

    fn of(object: &Map<String, Value>, utc_offset: &str) -> Result<Self, String> {
        // Proxies rewrite addresses, so that what it says is not compared.
        object.get("server_url").and_then(Value::as_str).ok_or("server_url: a string")?;
        let rows = object.get("data").and_then(Value::as_array).ok_or("data: a list")?;
        if rows.len() > MAX_ROWS {
            return Err(format!("data: at most {MAX_ROWS} users"));
        }
        let offset_ms = offset_ms(utc_offset);
        let mut batch = BTreeMap::new();
        for (place, row) in rows.iter().enumerate() {
            let told = |problem: String| format!("data[{place}].{problem}");
            let row = row.as_object().ok_or_else(|| format!("data[{place}]: an object"))?;
            let (player, suspension) = parse_row(row, offset_ms).map_err(told)?;
            batch.insert(player, suspension);
        }
        Ok(Self(batch))
    }

    /// What tells this batch from others: it names no event, so that its contents do; and which time it is said anew,
    /// counted from 0.
    pub fn record_key(&self, time: u32) -> String {
        let contents = self.digest();
        if time == 0 { contents } else { format!("{contents}#{time}") }
    }

    /// Whether a later batch than the record at `cursor` said otherwise of this player, and had the last word.
    pub fn is_overtaken(&self, player: PlayerId, state: &PlayerState, cursor: u64) -> bool {
        let decided = &state.decided;
        decided.by_webhook && decided.cursor > cursor && state.suspension.as_ref() != self.0.get(&player)
    }

    /// Whether another batch says otherwise of any player of this one.
    pub fn contradicts(&self, other: &Self) -> bool {
        self.0.iter().any(|(player, suspension)| other.0.get(player).is_some_and(|said| said != suspension))
    }

    fn digest(&self) -> String {
        let row = |(player, suspension): (&PlayerId, &Suspension)| {
            json!([player, suspension.from, suspension.until]).to_string()
        };
        let rows: Vec<_> = self.0.iter().map(row).collect();
        hex(&Sha256::digest(rows.join("\n")))
    }
}

fn parse_row(row: &Map<String, Value>, offset_ms: i64) -> Result<(PlayerId, Suspension), String> {
    let date = |key: &str| {
        let text = row.get(key).and_then(Value::as_str);
        text.and_then(|text| parse_date(text, offset_ms)).ok_or_else(|| format!("{key}: YYYY-MM-DD HH:mm:ss"))
    };
    let player = row.get("player_id").and_then(Value::as_i64).map(PlayerId).ok_or("player_id: a 64-bit integer")?;
    let status = row.get("status").and_then(Value::as_str);
    let (from, end) = (date("start_date")?, date("end_date")?);
    let until = match status {
        // Its end must be there, and says nothing.
        Some("P") => None,
        Some("B") => Some(end),
        _ => return Err("status: P or B".into()),
    };
    if until.is_some_and(|until| until < from) {
        return Err("end_date: not before start_date".into());
    }
    Ok((player, Suspension { from, until, reason: REASON.to_owned() }))
}

/// Of an offset as the settings admit it: `+HH:MM` or `-HH:MM`.
fn offset_ms(utc_offset: &str) -> i64 {
    let number = |from: usize| utc_offset.get(from..from + 2).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let minutes: i64 = number(1) * 60 + number(4);
    let sign = if utc_offset.starts_with('-') { -1 } else { 1 };
    sign * minutes * 60_000
}

/// A real date of the Gregorian calendar and a time of day, without leap seconds.
fn parse_date(text: &str, offset_ms: i64) -> Option<Timestamp> {
    let bytes: &[u8; 19] = text.as_bytes().try_into().ok()?;
    let is_well_formed = bytes.iter().zip(b"0000-00-00 00:00:00").all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    });
    if !is_well_formed {
        return None;
    }
    let number =
        |from: usize, to: usize| bytes[from..to].iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let is_real = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    let is_time = hour < 24 && minute < 60 && second < 60;
    let time_ms = (hour * 3600 + minute * 60 + second) * 1000;
    (is_real && is_time).then(|| Timestamp(days(year, month, day) * DAY_MS + time_ms - offset_ms))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01. Years begin in March here, so that a leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// A date as Hive writes it.
pub fn date(at: Timestamp, utc_offset: &str) -> String {
    let local = Timestamp(at.0.saturating_add(offset_ms(utc_offset)));
    let text = local.to_iso();
    text.get(..19).unwrap_or_default().replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, utc_offset: &str) -> Option<String> {
        parse_date(text, offset_ms(utc_offset)).map(Timestamp::to_iso)
    }

    #[test]
    fn dates_are_instants_of_the_offset() {
        for (text, offset, expected) in [
            ("2025-01-01 00:00:00", "+00:00", "2025-01-01T00:00:00.000Z"),
            ("2025-01-01 00:00:00", "+09:00", "2024-12-31T15:00:00.000Z"),
            ("2024-02-29 23:59:59", "-05:30", "2024-03-01T05:29:59.000Z"),
            ("1970-01-01 00:00:00", "+00:00", "1970-01-01T00:00:00.000Z"),
            ("2000-02-29 12:00:00", "+14:00", "2000-02-28T22:00:00.000Z"),
        ] {
            assert_eq!(at(text, offset).as_deref(), Some(expected), "{text} {offset}");
        }
    }

    #[test]
    fn only_real_dates_in_the_one_form_are_read() {
        for bad in [
            "",
            "2025-01-01",
            "2025-01-01T00:00:00",
            "2025-1-1 00:00:00",
            "2025-02-29 00:00:00",
            "1900-02-29 00:00:00",
            "2025-13-01 00:00:00",
            "2025-00-01 00:00:00",
            "2025-01-00 00:00:00",
            "2025-04-31 00:00:00",
            "2025-01-01 24:00:00",
            "2025-01-01 00:60:00",
            "2025-01-01 23:59:60",
            "2025-01-01 00:00:00 ",
            "２025-01-01 00:00",
            "+025-01-01 00:00:00",
        ] {
            assert_eq!(at(bad, "+00:00"), None, "{bad}");
        }
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        let end = |offset| parse_date("9999-12-31 00:00:00", offset_ms(offset)).unwrap();
        assert_eq!(end("+00:00"), Timestamp(253_402_214_400_000));
        assert_eq!(end("-12:00").0 - end("+14:00").0, 26 * 3_600_000);
        assert!(parse_date("0000-01-01 00:00:00", offset_ms("+14:00")).is_some());
    }

    #[test]
    fn a_date_is_written_as_it_is_read() {
        for offset in ["+00:00", "+09:00", "-12:00"] {
            let text = "2025-03-01 00:30:00";
            assert_eq!(date(parse_date(text, offset_ms(offset)).unwrap(), offset), text);
        }
    }

    const NEVER: &str = "9999-12-31 00:00:00";

    fn row(player: i64, status: &str, end: &str) -> Value {
        json!({ "player_id": player, "status": status, "start_date": "2025-01-01 00:00:00", "end_date": end, "x": 1 })
    }

    fn parse(body: &Value) -> Result<Batch, String> {
        Batch::parse(body.to_string().as_bytes(), 900, "+00:00")
    }

    fn batch(rows: &[Value]) -> Value {
        json!({ "game_index": 900, "server_url": "https://game.example/x", "data": rows, "more": {} })
    }

    #[test]
    fn a_batch_has_each_player_once_as_the_last_row_says() {
        let rows =
            [row(1, "B", "2025-01-08 00:00:00"), row(24_000_000_001, "P", "2024-01-01 00:00:00"), row(1, "P", NEVER)];
        let Batch(found) = parse(&batch(&rows)).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.values().all(|suspension| suspension.until.is_none()));
        assert!(parse(&batch(&[])).unwrap().0.is_empty());
        assert!(parse(&batch(&vec![row(1, "P", NEVER); 100])).is_ok());
        assert!(parse(&batch(&[row(1, "B", "2025-01-01 00:00:00")])).is_ok(), "empty, but in order");
    }

    #[test]
    fn one_wrong_row_refuses_the_whole_batch() {
        let mut bad = vec![
            row(1, "X", NEVER),
            row(1, "p", NEVER),
            row(1, "B", "2024-12-31 23:59:59"),
            row(1, "B", "soon"),
            json!(7),
        ];
        for (key, value) in [
            ("player_id", json!("1")),
            ("player_id", json!(1.5)),
            ("player_id", json!(u64::MAX)),
            ("status", json!(null)),
            ("start_date", json!("2025-02-30 00:00:00")),
            ("start_date", json!(20_250_101)),
            ("end_date", json!("never")),
            ("end_date", json!(null)),
        ] {
            let mut row = row(1, "P", NEVER);
            row[key] = value;
            bad.push(row);
        }
        for row in bad {
            assert!(
                parse(&batch(&[self::row(2, "P", NEVER), row.clone()])).unwrap_err().starts_with("data[1]"),
                "{row}"
            );
        }
    }

    #[test]
    fn the_frame_of_a_batch_is_checked() {
        for (key, value) in [
            ("game_index", json!(901)),
            ("game_index", json!("900")),
            ("server_url", json!(null)),
            ("data", json!({})),
            ("data", json!(vec![row(1, "P", NEVER); 101])),
        ] {
            let mut body = batch(&[]);
            body[key] = value;
            assert!(parse(&body).unwrap_err().starts_with(key), "{key}");
        }
        assert!(Batch::parse(b"[]", 900, "+00:00").is_err());
    }

    #[test]
    fn a_batch_is_known_again_by_what_it_does() {
        let key = |rows: &[Value]| parse(&batch(rows)).unwrap().record_key(0);
        let (a, b) = (row(1, "P", "9999-12-31 00:00:00"), row(2, "B", "2025-01-08 00:00:00"));
        assert_eq!(key(&[a.clone(), b.clone()]), key(&[b.clone(), row(1, "P", "9999-12-31 23:59:59")]));
        assert_ne!(key(std::slice::from_ref(&a)), key(&[a.clone(), b]));
        assert_eq!(key(&[]).len(), 64);
    }
}
