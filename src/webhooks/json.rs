//! JSON as a signed body must be: one value, no key twice in an object, not too deep.

use std::fmt::{self, Write};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A value in which no object has a key twice.
struct Strict(Value);

struct StrictVisitor;

/// # Errors
/// What is wrong, for the developer.
pub fn parse(body: &[u8]) -> Result<Value, String> {
    let strict: Strict = serde_json::from_slice(body).map_err(|error| format!("body: {error}"))?;
    Ok(strict.0)
}

/// # Errors
/// The same, or it is no object.
pub fn parse_object(body: &[u8]) -> Result<Map<String, Value>, String> {
    match parse(body)? {
        Value::Object(object) => Ok(object),
        _ => Err("body: a JSON object".into()),
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(entry)) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("duplicate key {key:?}")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// Valid JSON without its white space: one line, every number and text as it was written.
pub fn in_one_line(text: &str) -> String {
    let (mut line, mut in_string, mut escaped) = (String::with_capacity(text.len()), false, false);
    for character in text.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if matches!(character, ' ' | '\t' | '\n' | '\r') {
            continue;
        } else {
            in_string = character == '"';
        }
        line.push(character);
    }
    line
}

/// The same text for the same value, whatever the order of its keys.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in entries {
                let _ = write!(text, "{}:", Value::from(key.as_str()));
                write_canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(entries) => {
            text.push('[');
            for entry in entries {
                write_canonical(entry, text);
                text.push(',');
            }
            text.push(']');
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_json_or_ambiguous_is_refused() {
        let deep = "[".repeat(100_000);
        let balanced = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let bad: [&[u8]; 10] = [
            b"",
            b"{",
            b"{} {}",
            b"\xff",
            b"{\"a\":\"\xc3\"}",
            br#"{"a":1,"a":2}"#,
            br#"{"a":{"b":1,"b":1}}"#,
            br#"{"a":1,"\u0061":2}"#,
            deep.as_bytes(),
            balanced.as_bytes(),
        ];
        for body in bad {
            assert!(parse(body).is_err(), "{}", String::from_utf8_lossy(&body[..body.len().min(40)]));
        }
        assert!(parse(br#"{"a":1,"a":2}"#).unwrap_err().contains("duplicate key \"a\""));
        assert!(parse_object(b"[]").is_err());
    }

    #[test]
    fn everything_else_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,1.5,18446744073709551615,null,true,"x\n"],"b":{"a":{}}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn one_line_keeps_numbers_and_texts() {
        let text = "{\r\n \"a b\" : 1.50 ,\t\"c\\\" d\\\\\" : [ 123456789012345678901234567890 ] }\n";
        assert_eq!(in_one_line(text), r#"{"a b":1.50,"c\" d\\":[123456789012345678901234567890]}"#);
    }

    #[test]
    fn the_order_of_keys_does_not_matter_and_all_else_does() {
        let one = canonical(&json!({ "a": 1, "b": { "x": [1, 2], "y": null } }));
        assert_eq!(one, canonical(&json!({ "b": { "y": null, "x": [1, 2] }, "a": 1 })));
        for other in [json!({ "a": 1 }), json!({ "a": 1, "b": { "x": [2, 1], "y": null } })] {
            assert_ne!(one, canonical(&other));
        }
    }
}
