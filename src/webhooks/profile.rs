//! `player.update` and `player.verify`: which player is meant, and what of the profile ("Aghanim webhooks", 7 and 8.2).

use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::PlayerId;
use guildhall_actors::ports::{Change, PlayerState, ProfilePatch};
use serde_json::{Map, Value, json};

use super::aghanim::{Envelope, MAX_ID_CHARS};

const MAX_NAME_CHARS: usize = 100;
const MAX_EMAIL_CHARS: usize = 254;
const MAX_URL_CHARS: usize = 2048;

/// The player an event is about. `None`: nobody here can have this id.
///
/// # Errors
/// It is no id at all.
pub fn player(event_data: &Map<String, Value>) -> Result<Option<PlayerId>, String> {
    let id = event_data.get("player_id").and_then(Value::as_str).ok_or("player_id: a string")?;
    if !(1..=MAX_ID_CHARS).contains(&id.chars().count()) {
        return Err(format!("player_id: 1 to {MAX_ID_CHARS} characters"));
    }
    // One player has one id: neither "+7" nor "007" is another name for 7.
    Ok(id.parse().ok().filter(|number: &i64| number.to_string() == id).map(PlayerId))
}

/// The change that a `player.update` asks for. What is absent or null stays as it is.
///
/// # Errors
/// A field that is not what it should be, by its name and never with its value.
pub fn patch(envelope: &Envelope) -> Result<ProfilePatch, String> {
    let field = |name, admit: fn(&str) -> Option<String>, wanted: &str| match envelope.event_data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().and_then(admit).map(Some).ok_or_else(|| format!("{name}: {wanted}")),
    };
    Ok(ProfilePatch {
        changed: Change { at_us: envelope.event_time_us, event_id: envelope.event_id.clone() },
        name: field("name", admit_name, "a string of 1 to 100 characters without control characters")?,
        email: field("email", admit_email, "a string of at most 254 characters with one @")?,
        avatar_url: field("avatar_url", admit_url, "an absolute http or https URL of at most 2048 characters")?,
    })
}

fn admit_name(text: &str) -> Option<String> {
    let name = text.trim();
    let is_well_formed = (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.contains(char::is_control);
    is_well_formed.then(|| name.to_owned())
}

fn admit_email(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let is_short = text.chars().count() <= MAX_EMAIL_CHARS;
    let is_plain = !text.contains(|character: char| character.is_control() || character.is_whitespace());
    (is_short && is_plain && !local.is_empty() && !domain.is_empty() && !domain.contains('@')).then(|| text.to_owned())
}

/// RFC 3986, as far as it keeps a client from following something else: a scheme of the web and a host.
fn admit_url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let authority = rest.split(['/', '?', '#']).next()?;
    let place = authority.rsplit('@').next()?;
    let host = if place.starts_with('[') { place } else { place.split(':').next()? };
    let is_plain = !text.contains(|character: char| {
        character.is_control() || character.is_whitespace() || "<>\"\\^`{|}".contains(character)
    });
    (is_web && is_plain && !host.is_empty() && text.chars().count() <= MAX_URL_CHARS).then(|| text.to_owned())
}

/// What `player.verify` is answered about a known player.
pub fn verified(player: PlayerId, state: &PlayerState, now: Timestamp) -> Value {
    let id = player.to_string();
    let name = state.profile.name.as_ref().map_or(id.as_str(), |name| &name.value);
    let mut answer = json!({ "player_id": id, "name": name, "attributes": {}, "banned": state.is_suspended(now) });
    for (key, field) in [("email", &state.profile.email), ("avatar_url", &state.profile.avatar_url)] {
        if let Some(field) = field {
            answer[key] = json!(field.value);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch_of(event_data: &Value) -> Result<ProfilePatch, String> {
        let mut body = json!({ "event_id": "e", "event_type": "player.update", "event_time": 1, "game_id": "gm_1" });
        body["event_data"] = event_data.clone();
        patch(&Envelope::parse(body.to_string().as_bytes()).unwrap())
    }

    fn player_of(id: &Value) -> Result<Option<PlayerId>, String> {
        player(json!({ "player_id": id }).as_object().unwrap())
    }

    #[test]
    fn a_player_is_a_decimal_number_and_any_other_text_is_nobody() {
        for (id, number) in [("5001", 5001), ("-7", -7), ("9223372036854775807", i64::MAX)] {
            assert_eq!(player_of(&json!(id)), Ok(Some(PlayerId(number))), "{id}");
        }
        let long = "x".repeat(255);
        for nobody in ["P-1", "007", "+7", " 7", "9223372036854775808", &long] {
            assert_eq!(player_of(&json!(nobody)), Ok(None), "{nobody}");
        }
        for bad in [json!(5001), json!(null), json!(""), json!("x".repeat(256)), json!(["5001"])] {
            assert!(player_of(&bad).is_err(), "{bad}");
        }
        assert!(player(&Map::new()).is_err());
    }

    #[test]
    fn what_is_absent_or_null_stays_and_a_name_is_trimmed() {
        let patch = patch_of(&json!({ "name": "  Bob ", "email": null, "level": 7 })).unwrap();
        assert_eq!((patch.name.as_deref(), patch.email, patch.avatar_url), (Some("Bob"), None, None));
        assert_eq!(patch.changed, Change { at_us: 1_000_000, event_id: "e".into() });
    }

    #[test]
    fn each_field_admits_what_it_says() {
        let (longest, longest_url) = ("등".repeat(100), format!("https://a/{}", "x".repeat(2038)));
        let email = format!("{}@b", "x".repeat(252));
        let good = [
            ("name", longest.as_str()),
            ("name", "x"),
            ("email", "a@b"),
            ("email", &email),
            ("avatar_url", "https://a.example/b?c=1#d"),
            ("avatar_url", "HTTP://[::1]:80"),
            ("avatar_url", &longest_url),
        ];
        for (field, value) in good {
            assert!(patch_of(&json!({ field: value })).is_ok(), "{field} {value}");
        }
        let (longer, longer_url) = ("등".repeat(101), format!("{longest_url}x"));
        let longer_email = format!("x{email}");
        let bad = [
            ("name", json!("  ")),
            ("name", json!("a\u{7}b")),
            ("name", json!(longer)),
            ("name", json!(7)),
            ("email", json!("ab")),
            ("email", json!("a@b@c")),
            ("email", json!("@b")),
            ("email", json!("a@")),
            ("email", json!(longer_email)),
            ("email", json!(true)),
            ("email", json!("a b@c")),
            ("email", json!("")),
            ("avatar_url", json!("/b.png")),
            ("avatar_url", json!("ftp://a/b")),
            ("avatar_url", json!("https://")),
            ("avatar_url", json!("javascript:alert(1)")),
            ("avatar_url", json!("https:///b")),
            ("avatar_url", json!("https://a b")),
            ("avatar_url", json!(longer_url)),
            ("avatar_url", json!({})),
        ];
        for (field, value) in bad {
            let wrong = patch_of(&json!({ field: value })).unwrap_err();
            assert!(wrong.starts_with(field), "{wrong}");
        }
    }

    #[test]
    fn a_verified_player_shows_what_is_known() {
        let mut state = PlayerState { known_since: Some(Timestamp(1)), ..PlayerState::default() };
        let expected = json!({ "player_id": "7", "name": "7", "attributes": {}, "banned": false });
        assert_eq!(verified(PlayerId(7), &state, Timestamp(2)), expected);
        state.update_profile(&patch_of(&json!({ "name": "Bob", "email": "b@x" })).unwrap(), false, Timestamp(2));
        let from = Timestamp(5);
        state.suspension = Some(guildhall_actors::ports::Suspension { from, until: None, reason: String::new() });
        let shown = verified(PlayerId(7), &state, Timestamp(5));
        assert_eq!((&shown["name"], &shown["email"], &shown["banned"]), (&json!("Bob"), &json!("b@x"), &json!(true)));
        assert!(shown.get("avatar_url").is_none());
    }
}
