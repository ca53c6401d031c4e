//! What platforms and operators decide about a player: profile and suspension, whatever overtakes what.

use super::{Clause, GameId, Login, NOW, Ports, Someone, Suspension, TICK, clause};
use crate::clock::Timestamp;
use crate::ports::{Change, Decider, PlayerState, ProfilePatch, ProfileUpdate};

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(a_profile_follows_the_latest_change_of_each_field),
        clause(an_unknown_player_gets_a_profile_only_when_created),
        clause(a_change_of_the_profile_tells_the_live_login),
        clause(of_two_suspensions_by_webhooks_the_later_record_holds),
        clause(a_record_before_an_operators_decision_is_overtaken),
    ]
}

fn patch(at_us: i64, name: Option<&str>, email: Option<&str>) -> ProfilePatch {
    let changed = Change { at_us, event_id: "event".into() };
    ProfilePatch { changed, name: name.map(str::to_owned), email: email.map(str::to_owned), avatar_url: None }
}

fn suspension(reason: &str) -> Suspension {
    Suspension { from: NOW, until: None, reason: reason.into() }
}

impl Someone {
    async fn update(&self, patch: &ProfilePatch, create: bool) -> ProfileUpdate {
        self.players.update_profile(&self.key, patch, create, NOW).await.expect("the store answers")
    }

    async fn decide(&self, suspension: Option<&Suspension>, by: Decider) -> Option<Login> {
        self.players.suspend(&self.key, suspension, by).await.expect("the store answers")
    }

    async fn reason(&self) -> Option<String> {
        self.state().await.suspension.map(|suspension| suspension.reason)
    }
}

async fn a_profile_follows_the_latest_change_of_each_field(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    someone.players.register(&someone.key, NOW).await.expect("the store answers");
    assert_eq!(someone.update(&patch(2, Some("Bob"), None), false).await, ProfileUpdate::Changed(None));
    assert_eq!(someone.update(&patch(1, Some("Old"), Some("b@x")), false).await, ProfileUpdate::Changed(None));
    assert_eq!(someone.update(&patch(2, Some("Bob"), None), false).await, ProfileUpdate::Same, "a repeat");
    let profile = someone.state().await.profile;
    let values = [&profile.name, &profile.email, &profile.avatar_url].map(|field| field.clone().map(|it| it.value));
    assert_eq!(values, [Some("Bob".into()), Some("b@x".into()), None]);
}

async fn an_unknown_player_gets_a_profile_only_when_created(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let change = patch(1, Some("Bob"), None);
    assert_eq!(someone.update(&change, false).await, ProfileUpdate::Unknown);
    assert_eq!(someone.state().await, PlayerState::default());
    assert_eq!(someone.update(&change, true).await, ProfileUpdate::Changed(None));
    assert_eq!(someone.state().await.known_since, Some(NOW));
}

async fn a_change_of_the_profile_tells_the_live_login(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let live = someone.claim("a").await;
    let told = someone.update(&patch(1, Some("Bob"), None), false).await;
    assert_eq!(told, ProfileUpdate::Changed(Some(live)));
}

async fn of_two_suspensions_by_webhooks_the_later_record_holds(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let live = Some(someone.claim("a").await);
    let by = |cursor| Decider::Webhook { cursor, at: NOW };
    assert_eq!(someone.decide(Some(&suspension("second")), by(8)).await, live);
    assert_eq!(someone.decide(Some(&suspension("first")), by(7)).await, None, "overtaken: nobody is told");
    assert_eq!(someone.reason().await.as_deref(), Some("second"));
    assert_eq!(someone.decide(Some(&suspension("second")), by(8)).await, live, "carried out again");
    assert_eq!(someone.decide(None, by(9)).await, live);
    assert_eq!(someone.reason().await, None);
}

async fn a_record_before_an_operators_decision_is_overtaken(ports: &Ports, game: GameId) {
    let someone = Someone::of(ports, &game);
    let live = Some(someone.claim("a").await);
    let by = |cursor, at: Timestamp| Decider::Webhook { cursor, at };
    someone.decide(Some(&suspension("webhook")), by(1, NOW)).await;
    assert_eq!(someone.decide(None, Decider::Operator(NOW + TICK)).await, live);
    assert_eq!(someone.decide(Some(&suspension("webhook")), by(1, NOW)).await, None);
    assert_eq!(someone.reason().await, None, "a lift is not undone by a repair");
    someone.decide(Some(&suspension("anew")), by(2, NOW + TICK)).await;
    assert_eq!(someone.reason().await.as_deref(), Some("anew"));
}
