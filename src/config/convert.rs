//! One value into the type of its setting, checked against its row. An error says what is wrong, in words that follow
//! the setting's key, and never repeats a secret.

use ::config::{Value, ValueKind};

use super::forms::Form;
use super::keys::{Key, Kind};

pub(super) fn whole(key: &Key, value: &Value) -> Result<i64, String> {
    let Kind::Whole { min, max } = key.kind else { panic!("{} is not a number in the table", key.name) };
    let number = match &value.kind {
        ValueKind::I64(number) => Some(*number),
        ValueKind::String(text) if is_textual(value) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| wrong_type("a whole number", value))?;
    if (min..=max).contains(&number) { Ok(number) } else { Err(format!("{number} is outside {min} to {max}")) }
}

pub(super) fn flag(_: &Key, value: &Value) -> Result<bool, String> {
    match &value.kind {
        ValueKind::Boolean(flag) => Ok(*flag),
        ValueKind::String(text) if is_textual(value) && (text == "true" || text == "1") => Ok(true),
        ValueKind::String(text) if is_textual(value) && (text == "false" || text == "0") => Ok(false),
        _ => Err(wrong_type("true or false", value)),
    }
}

pub(super) fn choice(key: &Key, value: &Value) -> Result<String, String> {
    let Kind::Choice(choices) = key.kind else { panic!("{} is not a choice in the table", key.name) };
    let ValueKind::String(text) = &value.kind else { return Err(wrong_type("text", value)) };
    let known = choices.contains(&text.as_str());
    if known { Ok(text.clone()) } else { Err(format!("{text:?} is none of {}", choices.join(", "))) }
}

pub(super) fn text(key: &Key, value: &Value) -> Result<String, String> {
    let Kind::Text(form) = key.kind else { panic!("{} is not text in the table", key.name) };
    let ValueKind::String(text) = &value.kind else { return Err(wrong_type("text", value)) };
    admit(form, text).map(|()| text.clone())
}

/// Every entry is checked, and all that are wrong are told. A single text in TOML is a list of one.
pub(super) fn list(key: &Key, value: &Value) -> Result<Vec<String>, String> {
    let Kind::List(form) = key.kind else { panic!("{} is not a list in the table", key.name) };
    let mut wrong = Vec::new();
    let entries = entries(value)?;
    for (at, entry) in entries.iter().enumerate() {
        if let Err(message) = entry.as_ref().map_err(Clone::clone).and_then(|text| admit(form, text)) {
            wrong.push(format!("entry {}: {message}", at + 1));
        }
    }
    if key.is_required() && entries.is_empty() {
        wrong.push("needs at least one entry".to_owned());
    }
    if wrong.is_empty() { Ok(entries.into_iter().flatten().collect()) } else { Err(wrong.join("; ")) }
}

fn entries(value: &Value) -> Result<Vec<Result<String, String>>, String> {
    match &value.kind {
        ValueKind::Array(values) => Ok(values.iter().map(entry).collect()),
        ValueKind::String(text) if !is_textual(value) => Ok(vec![Ok(text.clone())]),
        ValueKind::String(text) if text.trim().is_empty() => Ok(Vec::new()),
        ValueKind::String(text) => Ok(text.split(',').map(|part| Ok(part.trim().to_owned())).collect()),
        _ => Err(wrong_type("a list", value)),
    }
}

fn entry(value: &Value) -> Result<String, String> {
    match &value.kind {
        ValueKind::String(text) => Ok(text.clone()),
        _ => Err(wrong_type("text", value)),
    }
}

fn admit(form: &Form, text: &str) -> Result<(), String> {
    let shown = if form.secret || text.is_empty() { String::new() } else { format!("{text:?} ") };
    (form.check)(text).map_err(|message| shown + &message)
}

/// Whether the value comes from a variable or a flag, where everything is text.
fn is_textual(value: &Value) -> bool {
    value.origin().is_some()
}

fn wrong_type(wanted: &str, value: &Value) -> String {
    let found = match &value.kind {
        ValueKind::String(text) if is_textual(value) => return format!("{text:?} is not {wanted}"),
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::Float(_) => "a fraction",
        ValueKind::String(_) => "text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
        _ => "a number",
    };
    format!("must be {wanted}, not {found}")
}

#[cfg(test)]
mod tests {
    use super::super::keys;
    use super::*;

    fn from_toml(kind: impl Into<ValueKind>) -> Value {
        Value::new(None, kind)
    }

    fn from_variable(text: &str) -> Value {
        Value::new(Some(&"GUILDHALL__X".to_owned()), text)
    }

    #[test]
    fn a_number_keeps_its_range_and_is_text_only_in_the_environment() {
        let key = keys::section("limits").key("idle_sec");
        assert_eq!(whole(key, &from_toml(5_i64)), Ok(5));
        assert_eq!(whole(key, &from_variable(" 5 ")), Ok(5));
        assert_eq!(whole(key, &from_toml("5")), Err("must be a whole number, not text".into()));
        assert_eq!(whole(key, &from_toml(0_i64)), Err("0 is outside 1 to 86400".into()));
        assert!(whole(key, &from_variable("5s")).is_err());
    }

    #[test]
    fn a_list_is_separated_by_commas_in_the_environment() {
        let key = keys::section("listen").key("trusted_proxies");
        assert_eq!(list(key, &from_variable("10.0.0.0/8, ::1")), Ok(vec!["10.0.0.0/8".into(), "::1".into()]));
        assert_eq!(list(key, &from_variable("")), Ok(vec![]));
        assert_eq!(list(key, &from_toml("::1")), Ok(vec!["::1".into()]));
        let wrong = list(key, &from_variable("x,::1,y")).unwrap_err();
        assert!(wrong.contains("entry 1: \"x\"") && wrong.contains("entry 3: \"y\""), "{wrong}");
    }

    #[test]
    fn an_empty_key_is_refused_and_no_secret_is_repeated() {
        let key = keys::section("games[].hive").key("certification_keys");
        let wrong = list(key, &from_variable("hush ,, hush")).unwrap_err();
        assert_eq!(wrong, "entry 2: must not be empty");
        assert_eq!(list(key, &from_variable("")), Err("needs at least one entry".into()));
        let secret = keys::section("games[].hive").key("login_key_secret");
        assert!(!text(secret, &from_toml("hush")).unwrap_err().contains("hush"));
    }
}
