//! What single settings cannot show: values that must differ from each other, files that must be there, a game to serve.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::hash::Hash;

use super::reader::{Reader, Section};
use super::settings::{Game, Listen, Playwave, Settings, StoreKind, TlsFiles};

pub(super) fn check(settings: &Settings, reader: &Reader) {
    listeners(&settings.listen, &reader.section("listen"));
    if let (Some(files), Some(section)) = (&settings.listen.tls, reader.section("listen").child("tls")) {
        tls(files, &section);
    }
    if settings.store.kind == StoreKind::Redis && settings.store.urls.is_empty() {
        reader.section("store").report("url", "is missing: redis needs an address");
    }
    if settings.games.is_empty() && !settings.development {
        reader.report("games", None, NO_GAME);
    }
    games(&settings.games, &reader.list("games"));
    let cafes = reader.list("cafes");
    differ("id", settings.cafes.iter().zip(&cafes).map(|(cafe, section)| (&cafe.id, section)));
}

const NO_GAME: &str = "no game is configured, and a demo game is made only while both listeners are on loopback; \
                       `guildhall default-config` shows a [[games]] section";

fn listeners(listen: &Listen, section: &Section<'_>) {
    let mistaken = section.is_mistaken("public") || section.is_mistaken("admin");
    if listen.public == listen.admin && listen.public.port() != 0 && !mistaken {
        section.report("admin", "is the address of listen.public too");
    }
}

fn tls(files: &TlsFiles, section: &Section<'_>) {
    for (name, path) in [("certificate", &files.certificate), ("key", &files.key)] {
        if let Some(error) = File::open(path).err().filter(|_| !section.is_mistaken(name)) {
            section.report(name, format!("{} cannot be read: {error}", path.display()));
        }
    }
}

fn games(games: &[Game], sections: &[Section<'_>]) {
    let hives = contracts(games, sections, "hive", |game| game.hive.as_ref());
    let playwaves = contracts(games, sections, "playwave", |game| game.playwave.as_ref());
    let aghanims = contracts(games, sections, "aghanim", |game| game.aghanim.as_ref());
    differ("name", games.iter().zip(sections).map(|(game, section)| (&game.name, section)));
    differ("game_index", hives.iter().map(|(hive, section)| (hive.game_index, section)));
    differ("game_id", aghanims.iter().map(|(aghanim, section)| (&aghanim.game_id, section)));
    let signers = aghanims.iter().flat_map(|(it, section)| it.webhook_secrets.iter().map(move |key| (key, section)));
    differ("webhook_secrets", signers.map(|(key, section)| (key.digest(), section)));
    let platforms = hives.iter().flat_map(|(it, section)| it.suspension_keys.iter().map(move |key| (key, section)));
    differ("suspension_keys", platforms.map(|(key, section)| (key.digest(), section)));
    let bearers = hives.iter().flat_map(|(it, section)| it.certification_keys.iter().map(move |key| (key, section)));
    differ("certification_keys", bearers.map(|(key, section)| (key.digest(), section)));
    differ("api_keys", playwaves.iter().flat_map(|(it, section)| it.api_keys.iter().map(move |key| (key, section))));
    playwaves.iter().for_each(|(playwave, section)| needs_a_key(playwave, section));
}

/// One contract of every game that has it, with its section.
fn contracts<'a, T>(
    games: &'a [Game],
    sections: &[Section<'a>],
    name: &str,
    contract: fn(&Game) -> Option<&T>,
) -> Vec<(&'a T, Section<'a>)> {
    let both = |(game, section): (&'a Game, &Section<'a>)| Some((contract(game)?, section.child(name)?));
    games.iter().zip(sections).filter_map(both).collect()
}

fn needs_a_key(playwave: &Playwave, section: &Section<'_>) {
    let mistaken = section.is_mistaken("api_keys") || section.is_mistaken("api_keys_sha256");
    if playwave.api_keys.is_empty() && !mistaken {
        section.report("api_keys", "needs a key, here or in api_keys_sha256");
    }
}

/// Reports each value of `name` that an earlier section has already. A mistaken value is no value to compare.
fn differ<'a, T: Eq + Hash>(name: &str, values: impl Iterator<Item = (T, &'a Section<'a>)>) {
    let mut seen = HashMap::new();
    for (value, section) in values.filter(|(_, section)| !section.is_mistaken(name)) {
        match seen.entry(value) {
            Entry::Vacant(entry) => drop(entry.insert(section.key(name))),
            Entry::Occupied(entry) => section.report(name, format!("is the same as {}", entry.get())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{load_text, load_variables, mistakes_of};

    fn game(name: &str, index: i64, key: &str) -> String {
        format!(
            "[[games]]\nname = \"{name}\"\n[games.hive]\ngame_index = {index}\ncertification_keys = [\"{key}\"]\n\
             login_key_secret = \"0123456789abcdef\"\n"
        )
    }

    #[test]
    fn games_differ_in_name_index_and_keys() {
        let two = game("a", 1, "x") + &game("b", 2, "y");
        assert_eq!(load_text(&two).unwrap().games.len(), 2);
        let same = game("a", 1, "x") + &game("a", 1, "x");
        let expected = [
            "games[1].name: is the same as games[0].name",
            "games[1].hive.game_index: is the same as games[0].hive.game_index",
            "games[1].hive.certification_keys: is the same as games[0].hive.certification_keys",
        ];
        assert_eq!(mistakes_of(load_text(&same)), expected);
    }

    #[test]
    fn a_plain_api_key_and_its_digest_are_the_same_key() {
        let playwave = |name: &str, keys: &str| format!("[[games]]\nname = \"{name}\"\n[games.playwave]\n{keys}\n");
        let digest = "api_keys_sha256 = [\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"]";
        let text = playwave("a", "api_keys = [\"abc\"]") + &playwave("b", digest) + &playwave("c", "");
        let expected = [
            "games[1].playwave.api_keys: is the same as games[0].playwave.api_keys",
            "games[2].playwave.api_keys: needs a key, here or in api_keys_sha256",
        ];
        assert_eq!(mistakes_of(load_text(&text)), expected);
    }

    #[test]
    fn missing_values_are_not_told_as_duplicates() {
        let told = mistakes_of(load_text("[[games]]\n[[games]]\n[[cafes]]\n[[cafes]]"));
        assert!(told.iter().all(|mistake| mistake.ends_with("is missing")), "{told:#?}");
    }

    #[test]
    fn cafes_differ_in_their_ids() {
        let cafe = "[[cafes]]\nid = \"c\"\nsecret = \"s\"\nnetworks = [\"::1\"]\n";
        assert_eq!(mistakes_of(load_text(&cafe.repeat(2))), ["cafes[1].id: is the same as cafes[0].id"]);
    }

    #[test]
    fn beyond_loopback_a_game_must_be_configured() {
        for name in ["GUILDHALL__LISTEN__PUBLIC", "GUILDHALL__LISTEN__ADMIN"] {
            assert!(mistakes_of(load_variables(&[(name, "0.0.0.0:7700")]))[0].starts_with("games: no game"));
            assert!(load_variables(&[(name, "[::1]:7700")]).unwrap().development);
        }
    }

    #[test]
    fn listeners_differ_and_files_are_there() {
        let text = "[listen]\npublic = \"127.0.0.1:9\"\nadmin = \"127.0.0.1:9\"\n\
                    [listen.tls]\ncertificate = \"/nonexistent/c\"\nkey = \"/nonexistent/k\"";
        let told = mistakes_of(load_text(text));
        assert_eq!(told.len(), 3, "{told:#?}");
        assert_eq!(told[0], "listen.admin: is the address of listen.public too");
        assert!(told[1].starts_with("listen.tls.certificate: /nonexistent/c cannot be read"));
    }

    #[test]
    fn redis_needs_an_address() {
        let told = mistakes_of(load_text("[store]\nkind = \"redis\""));
        assert_eq!(told, ["store.url: is missing: redis needs an address"]);
    }
}
