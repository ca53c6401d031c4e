//! Cafes and settlements as operators see them, on the admin listener.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answers::{codes, refused, texts, with};
use crate::support::arcade::{Arcade, BALANCE, DEMO_KEY, START_MS, at};
use crate::support::http::{send, success};
use crate::support::node::ADMIN_KEY;

const CAFES: &str = "/admin/v1/cafes";
const CREDIT: &str = "/admin/v1/cafes/east/credit";
const SETTLEMENTS: &str = "/admin/v1/settlements";

async fn get(arcade: &Arcade, path: &str) -> (u16, Value) {
    arcade.operator(Method::GET, path, None).await
}

async fn create(arcade: &Arcade, body: Value) -> (u16, Value) {
    arcade.operator(Method::POST, CAFES, Some(body)).await
}

fn north() -> Value {
    json!({ "id": "north", "networks": ["203.0.113.0/24", "192.0.2.7"], "balance": 5 })
}

async fn credit(arcade: &Arcade, coins: impl Into<Value>, key: Option<&str>) -> (u16, Value) {
    let request = arcade.admin_request(Method::POST, CREDIT).header("X-Admin-Key", ADMIN_KEY);
    let request = key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key));
    send(CREDIT, request.json(&json!({ "coins": coins.into() }))).await
}

/// Sessions that ended at 10, 20 ... seconds: two of `demo` in `east`, one of `other` in `east`, one of `demo` in
/// `west`. Their ids, in this order.
async fn four_settlements(arcade: &Arcade) -> [String; 4] {
    let (east, west) = (arcade.east().launcher("pc-1").await, arcade.west().launcher("pc-1").await);
    let (demo, other) = (arcade.demo(), arcade.other());
    let mut ids = Vec::new();
    for (launcher, server, game) in
        [(&east, &demo, "demo"), (&east, &demo, "demo"), (&east, &other, "other"), (&west, &demo, "demo")]
    {
        let session = server.session(&launcher.token(game).await, "5001").await;
        arcade.advance(10);
        session.end().await.data();
        ids.push(session.id);
    }
    ids.try_into().expect("four")
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["session_id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn every_operation_on_cafes_needs_an_admin_key() {
    let arcade = Arcade::open().await;
    let operations =
        [(Method::GET, CAFES), (Method::POST, CAFES), (Method::GET, "/admin/v1/cafes/east"), (Method::POST, CREDIT)];
    for (method, path) in operations.into_iter().chain([(Method::GET, SETTLEMENTS)]) {
        let bare = || arcade.admin_request(method.clone(), path).json(&north());
        refused(path, send(path, bare()).await, codes::INVALID_TOKEN);
        for wrong in ["", "wrong", DEMO_KEY] {
            refused(path, send(path, bare().header("X-Admin-Key", wrong)).await, codes::INVALID_TOKEN);
        }
        let on_public = arcade.venue.http.request(method, arcade.venue.origin.url(path));
        refused(path, send(path, on_public.header("X-Admin-Key", ADMIN_KEY)).await, codes::NOT_FOUND);
    }
    refused("method", arcade.operator(Method::DELETE, CAFES, None).await, codes::METHOD_NOT_ALLOWED);
    assert_eq!(arcade.balance().await, BALANCE);
}

#[tokio::test]
async fn a_cafe_is_made_with_a_secret_that_is_told_once() {
    let arcade = Arcade::open().await;
    let made = success("create", create(&arcade, north()).await);
    let secret = made["secret"].as_str().expect("a secret");
    assert!(secret.len() >= 32, "{secret}");
    assert_eq!(made, with(north(), "secret", secret));
    let seen = success("get", get(&arcade, "/admin/v1/cafes/north").await);
    let expected = json!({ "id": "north", "balance": 5, "credited": 5, "charged": 0, "live_sessions": 0, "pcs": [] });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_operator_may_bring_the_secret_and_leave_the_balance_out() {
    let arcade = Arcade::open().await;
    let body = json!({ "id": "n", "networks": ["::1"], "secret": "0123456789abcdef" });
    let made = success("create", create(&arcade, body.clone()).await);
    assert_eq!(made, with(body, "balance", 0));
}

#[tokio::test]
async fn a_cafe_that_exists_is_answered_409_109_and_stays_as_it_is() {
    let arcade = Arcade::open().await;
    success("create", create(&arcade, north()).await);
    for id in ["north", "east"] {
        let body = with(with(north(), "id", id), "balance", 1_000);
        refused(id, create(&arcade, body).await, (409, 109));
    }
    assert_eq!((arcade.account("north").await.0, arcade.balance().await), (5, BALANCE));
}

#[tokio::test]
async fn a_cafe_that_makes_no_sense_is_refused() {
    let arcade = Arcade::open().await;
    let bad = [
        with(north(), "id", ""),
        with(north(), "id", "no spaces"),
        with(north(), "id", "x".repeat(65)),
        with(north(), "id", 7),
        with(north(), "networks", json!([])),
        with(north(), "networks", json!(["203.0.113.0/33"])),
        with(north(), "networks", json!(["somewhere"])),
        with(north(), "networks", "203.0.113.0/24"),
        with(north(), "balance", -1),
        with(north(), "balance", 1_000_000_000_001_u64),
        with(north(), "secret", "fifteen-bytes--"),
        json!({ "id": "north" }),
        json!([]),
    ];
    for body in bad {
        refused(&body.to_string(), create(&arcade, body).await, codes::BAD_REQUEST);
    }
    refused("none was made", get(&arcade, "/admin/v1/cafes/north").await, codes::NOT_FOUND);
}

#[tokio::test]
async fn cafes_are_listed_by_their_ids_in_pages() {
    let arcade = Arcade::open().await;
    success("create", create(&arcade, north()).await);
    let all = success("all", get(&arcade, CAFES).await);
    assert_eq!(all, json!({ "cafes": ["east", "north", "west"], "next": null }));
    let first = success("first", get(&arcade, &format!("{CAFES}?limit=2")).await);
    assert_eq!(first, json!({ "cafes": ["east", "north"], "next": "north" }));
    let second = success("second", get(&arcade, &format!("{CAFES}?limit=2&after=north")).await);
    assert_eq!(second, json!({ "cafes": ["west"], "next": null }));
    for query in ["limit=0", "limit=1001", "limit=x", "limit=-1", "after=no%20id", "after="] {
        refused(query, get(&arcade, &format!("{CAFES}?{query}")).await, codes::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_cafe_is_seen_with_its_pcs_and_who_plays_on_them() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let idle = arcade.east().launcher("pc-2").await;
    arcade.advance(70);
    seat.session.heartbeat().await.data();
    arcade.advance(5);
    let seen = success("get", get(&arcade, "/admin/v1/cafes/east").await);
    let session = json!({
        "game_session_id": seat.session.id,
        "game_id": "demo",
        "cafe_id": "east",
        "pc_id": "pc-1",
        "provider_user_id": "5001",
        "started_at": at(0),
        "heartbeat_at": at(70),
        "play_duration_sec": 75,
        "coins": 2,
        "exhausted": false,
    });
    let launcher = |id: &str| json!({ "launcher_session_id": id, "seen_at": at(0) });
    let expected = json!({
        "id": "east",
        "balance": 8,
        "credited": 10,
        "charged": 2,
        "live_sessions": 1,
        "pcs": [
            { "pc_id": "pc-1", "launcher": launcher(&seat.launcher.id), "game_session": session },
            { "pc_id": "pc-2", "launcher": launcher(&idle.id), "game_session": null },
        ],
    });
    assert_eq!(seen, expected);
    for nowhere in ["nowhere", "no%20id"] {
        refused(nowhere, get(&arcade, &format!("{CAFES}/{nowhere}")).await, codes::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_credit_adds_coins() {
    let arcade = Arcade::open().await;
    for balance in [BALANCE + 7, BALANCE + 14] {
        assert_eq!(success("credit", credit(&arcade, 7, None).await), json!({ "balance": balance }));
    }
    assert_eq!(arcade.account("east").await, (24, 24, 0));
}

#[tokio::test]
async fn a_credit_that_is_repeated_under_its_key_is_given_once() {
    let arcade = Arcade::open().await;
    for key in ["march", "april"] {
        let first = success("first", credit(&arcade, 7, Some(key)).await);
        credit(&arcade, 1, None).await;
        let again = join_all((0..4).map(|_| credit(&arcade, 7, Some(key)))).await;
        assert!(again.into_iter().all(|answer| success("again", answer) == first), "the first answer");
    }
    assert_eq!(arcade.balance().await, BALANCE + 2 * 8);
    refused("other coins", credit(&arcade, 8, Some("march")).await, codes::BAD_REQUEST);
    // A day later it is a new credit.
    arcade.advance(86_400);
    arcade.sweep().await;
    credit(&arcade, 8, Some("march")).await;
    assert_eq!(arcade.balance().await, BALANCE + 2 * 8 + 8);
}

#[tokio::test]
async fn a_credit_that_makes_no_sense_is_refused() {
    let arcade = Arcade::open().await;
    for coins in [json!(0), json!(-1), json!(1.5), json!("7"), json!(1_000_000_000_001_u64), Value::Null] {
        refused(&coins.to_string(), credit(&arcade, coins.clone(), None).await, codes::BAD_REQUEST);
    }
    for key in ["", "two words", &"k".repeat(129)] {
        refused(key, credit(&arcade, 7, Some(key)).await, codes::BAD_REQUEST);
    }
    let nowhere = arcade.operator(Method::POST, "/admin/v1/cafes/nowhere/credit", Some(json!({ "coins": 7 }))).await;
    refused("nowhere", nowhere, codes::NOT_FOUND);
    assert_eq!(arcade.balance().await, BALANCE);
}

#[tokio::test]
async fn settlements_are_listed_by_cafe_by_game_and_by_time() {
    let arcade = Arcade::open().await;
    let [a, b, c, d] = &four_settlements(&arcade).await;
    let seconds = |seconds: i64| START_MS + seconds * 1000;
    let cases = [
        (String::new(), vec![a, b, c, d]),
        ("cafe=east".to_owned(), vec![a, b, c]),
        ("cafe=west".to_owned(), vec![d]),
        ("cafe=nowhere".to_owned(), vec![]),
        ("game=demo".to_owned(), vec![a, b, d]),
        ("game=demo&cafe=east".to_owned(), vec![a, b]),
        ("game=nowhere".to_owned(), vec![]),
        (format!("from={}", seconds(20)), vec![b, c, d]),
        (format!("to={}", seconds(20)), vec![a]),
        (format!("from={}&to={}", at(20), at(40)), vec![b, c]),
        (format!("from={}&to={}", at(40), at(20)), vec![]),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&arcade.settlements(&query).await), expected, "{query}");
    }
}

#[tokio::test]
async fn settlements_are_listed_in_pages() {
    let arcade = Arcade::open().await;
    let all = four_settlements(&arcade).await;
    let mut after = String::new();
    for page in all[..3].chunks(1).chain([&all[3..]]) {
        let data = success("page", get(&arcade, &format!("{SETTLEMENTS}?limit=1{after}")).await);
        assert_eq!(texts(&data["settlements"], "session_id"), page);
        after = format!("&after={}", data["next"].as_str().expect("a full page may be followed by another"));
    }
    let end = success("end", get(&arcade, &format!("{SETTLEMENTS}?limit=1{after}")).await);
    assert_eq!(end, json!({ "settlements": [], "next": null }));
    let of_east = success("east", get(&arcade, &format!("{SETTLEMENTS}?cafe=east&limit=2")).await);
    let next = of_east["next"].as_str().expect("more of them");
    let rest = arcade.settlements(&format!("cafe=east&limit=2&after={next}")).await;
    assert_eq!(ids(&rest), [&all[2]]);
}

#[tokio::test]
async fn sessions_that_ended_at_one_instant_are_not_lost_between_pages() {
    let arcade = Arcade::open().await;
    let launchers = join_all((0..4).map(|pc| {
        let east = arcade.east();
        async move { east.launcher(&format!("pc-{pc}")).await }
    }));
    for launcher in launchers.await {
        arcade.demo().session(&launcher.token("demo").await, "5001").await.end().await.data();
    }
    let all = arcade.settlements("").await;
    let (mut paged, mut after) = (Vec::new(), String::new());
    for _ in 0..4 {
        let data = success("page", get(&arcade, &format!("{SETTLEMENTS}?limit=1{after}")).await);
        paged.extend(data["settlements"].as_array().expect("a list").clone());
        after = format!("&after={}", data["next"].as_str().expect("a place"));
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused() {
    let arcade = Arcade::open().await;
    for query in [
        "from=yesterday",
        "to=2027-01-15",
        "limit=0",
        "limit=1001",
        "limit=x",
        "after=x",
        "after=7.gs_x",
        "from=1&from=2",
    ] {
        refused(query, get(&arcade, &format!("{SETTLEMENTS}?{query}")).await, codes::BAD_REQUEST);
    }
}
