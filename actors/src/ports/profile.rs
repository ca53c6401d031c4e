//! A player's profile, and how it changes: each field follows the latest change by the time of its event, so that
//! changes may come late, twice and in any order.

use serde::{Deserialize, Serialize};

use super::{Login, PlayerState};
use crate::clock::Timestamp;

/// What platforms say of a player.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    pub name: Option<Field>,
    pub email: Option<Field>,
    pub avatar_url: Option<Field>,
}

/// A field, and the change that it comes from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub value: String,
    pub changed: Change,
}

/// When something changed at its platform. Of two changes at one time the larger event id is the later one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// Microseconds since the Unix epoch.
    pub at_us: i64,
    pub event_id: String,
}

/// The fields that a change names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProfilePatch {
    pub changed: Change,
    pub name: Option<String>,
    pub email: Option<String>,
    pub avatar_url: Option<String>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileUpdate {
    /// Nobody has spoken of the player.
    Unknown,
    /// Later changes stand, or nothing differs.
    Same,
    Changed(Option<Login>),
}

impl Profile {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.email.is_none() && self.avatar_url.is_none()
    }
}

impl PlayerState {
    pub fn update_profile(&mut self, patch: &ProfilePatch, create: bool, now: Timestamp) -> ProfileUpdate {
        if self.known_since.is_none() && !create {
            return ProfileUpdate::Unknown;
        }
        self.register(now);
        let Profile { name, email, avatar_url } = &mut self.profile;
        let fields = [(name, &patch.name), (email, &patch.email), (avatar_url, &patch.avatar_url)];
        let mut is_changed = false;
        for (field, value) in fields {
            is_changed |= value.as_ref().is_some_and(|value| follow(field, value, &patch.changed));
        }
        if is_changed { ProfileUpdate::Changed(self.login.clone()) } else { ProfileUpdate::Same }
    }
}

/// Says whether the value is another one now.
fn follow(field: &mut Option<Field>, value: &str, changed: &Change) -> bool {
    if field.as_ref().is_some_and(|known| known.changed >= *changed) {
        return false;
    }
    let is_other = field.as_ref().is_none_or(|known| known.value != value);
    *field = Some(Field { value: value.to_owned(), changed: changed.clone() });
    is_other
}

// Fields are personal data: they stay out of logs.
impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Field(…, {:?})", self.changed)
    }
}

impl std::fmt::Debug for ProfilePatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProfilePatch").field("changed", &self.changed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patch(at_us: i64, event_id: &str, name: Option<&str>, email: Option<&str>) -> ProfilePatch {
        let changed = Change { at_us, event_id: event_id.into() };
        ProfilePatch { changed, name: name.map(str::to_owned), email: email.map(str::to_owned), avatar_url: None }
    }

    fn known() -> PlayerState {
        PlayerState { known_since: Some(Timestamp(1)), ..PlayerState::default() }
    }

    fn value(field: &Option<Field>) -> Option<&str> {
        field.as_ref().map(|field| field.value.as_str())
    }

    #[test]
    fn only_the_fields_that_are_named_change() {
        let mut state = known();
        state.update_profile(&patch(1, "a", Some("Bob"), Some("b@x")), false, Timestamp(2));
        assert_eq!(
            state.update_profile(&patch(2, "b", None, Some("c@x")), false, Timestamp(2)),
            ProfileUpdate::Changed(None)
        );
        assert_eq!((value(&state.profile.name), value(&state.profile.email)), (Some("Bob"), Some("c@x")));
        assert_eq!(state.update_profile(&patch(3, "c", None, None), false, Timestamp(2)), ProfileUpdate::Same);
    }

    #[test]
    fn a_field_follows_its_latest_change_and_at_one_time_the_larger_event() {
        let mut state = known();
        for (at_us, event, name) in [(5, "b", "late"), (4, "z", "early"), (5, "a", "smaller")] {
            state.update_profile(&patch(at_us, event, Some(name), None), false, Timestamp(2));
            assert_eq!(value(&state.profile.name), Some("late"));
        }
        state.update_profile(&patch(5, "c", Some("larger"), None), false, Timestamp(2));
        assert_eq!(value(&state.profile.name), Some("larger"));
    }

    #[test]
    fn an_unknown_player_stays_unknown_unless_created() {
        let mut state = PlayerState::default();
        let change = patch(1, "a", Some("Bob"), None);
        assert_eq!(state.update_profile(&change, false, Timestamp(7)), ProfileUpdate::Unknown);
        assert_eq!(state, PlayerState::default());
        assert_eq!(state.update_profile(&change, true, Timestamp(7)), ProfileUpdate::Changed(None));
        assert_eq!(state.known_since, Some(Timestamp(7)));
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(
            changes in proptest::collection::vec((0i64..4, 0u8..4, any::<bool>(), any::<bool>()), 1..12),
            seed in any::<u64>(),
        ) {
            let patches: Vec<_> = changes.iter().enumerate().map(|(number, (at, event, name, email))| {
                let text = format!("{number}");
                let id = format!("{event}-{number}");
                patch(*at, &id, name.then_some(text.as_str()), email.then_some(text.as_str()))
            }).collect();
            let mut shuffled: Vec<_> = patches.iter().chain(&patches).collect();
            let mut dice = seed;
            for place in (1..shuffled.len()).rev() {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                shuffled.swap(place, (dice >> 33) as usize % (place + 1));
            }
            let (mut a, mut b) = (known(), known());
            for change in &patches {
                a.update_profile(change, false, Timestamp(2));
            }
            for change in shuffled {
                b.update_profile(change, false, Timestamp(2));
            }
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn no_value_is_printed() {
        let mut state = known();
        let change = patch(1, "a", None, Some("secret@x"));
        state.update_profile(&change, false, Timestamp(2));
        assert!(!format!("{state:?} {change:?}").contains("secret@x"));
    }
}
