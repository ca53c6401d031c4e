//! The development game: with no game configured and both listeners on loopback, a demo game and a demo cafe are
//! served. Their random keys are made at the first start and kept in the data folder, so that they stay the same.
//!
//! Guarantees that the file of keys is whole or absent at any moment, that only its owner can read it, and that two
//! processes that start at once agree on one set of keys.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use ::config::{Config, FileFormat};
use guildhall_actors::ids::CafeId;
use guildhall_actors::session::Rate;
use ipnet::Ipv4Net;

use super::settings::{Aghanim, Cafe, Game, Hive, Playwave, Settings, UnknownPlayers};
use crate::secret::Secret;

/// In the data folder.
pub(super) const FILE: &str = "development.toml";

/// The demo cafe, and the coins it begins with.
pub(super) const CAFE: &str = "cafe-1";
const CAFE_BALANCE: u64 = 1000;

const HEAD: &str = "# Keys of the development node, made at its first start. Without this file new ones are made.\n";

/// Why the development game cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    #[error("cannot keep the keys of the development game in {path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} is damaged ({problem}); delete it to have new keys made, or restore it")]
    Damaged { path: PathBuf, problem: String },
}

struct Keys {
    certification_key: Secret,
    login_key_secret: Secret,
    suspension_key: Secret,
    api_key: Secret,
    webhook_secret: Secret,
    cafe_secret: Secret,
    admin_key: Secret,
}

impl Settings {
    /// Adds the demo game, the demo cafe and their admin key when this is a development node; makes their keys at the
    /// first start.
    ///
    /// # Errors
    /// When the keys can be neither read nor kept.
    pub fn with_development_game(mut self) -> Result<Self, DevelopmentError> {
        if self.development {
            let keys = Keys::load_or_make(&self.store.path)?;
            self.admin.keys.push(keys.admin_key.clone());
            let (game, cafe) = keys.into_game_and_cafe();
            self.games.push(game);
            if !self.cafes.iter().any(|known| known.id == cafe.id) {
                self.cafes.push(cafe);
            }
        }
        Ok(self)
    }
}

impl Keys {
    fn load_or_make(folder: &Path) -> Result<Self, DevelopmentError> {
        let path = folder.join(FILE);
        let failed = |error| DevelopmentError::Io { path: path.clone(), error };
        if !path.try_exists().map_err(failed)? {
            make_folder(folder).and_then(|()| write_once(&path, &Self::random().to_toml())).map_err(failed)?;
        }
        make_private(&path).map_err(failed)?;
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        Self::parse(&text).map_err(|problem| DevelopmentError::Damaged { path, problem })
    }

    fn random() -> Self {
        Self {
            certification_key: Secret::random(),
            login_key_secret: Secret::random(),
            suspension_key: Secret::random(),
            api_key: Secret::random(),
            webhook_secret: Secret::random(),
            cafe_secret: Secret::random(),
            admin_key: Secret::random(),
        }
    }

    fn to_toml(&self) -> String {
        let rows = [
            ("certification_key", &self.certification_key),
            ("login_key_secret", &self.login_key_secret),
            ("suspension_key", &self.suspension_key),
            ("api_key", &self.api_key),
            ("webhook_secret", &self.webhook_secret),
            ("cafe_secret", &self.cafe_secret),
            ("admin_key", &self.admin_key),
        ];
        rows.iter().fold(HEAD.to_owned(), |text, (name, key)| format!("{text}{name} = \"{}\"\n", key.expose()))
    }

    /// An error never repeats the text: it is full of keys.
    fn parse(text: &str) -> Result<Self, String> {
        let file = ::config::File::from_str(text, FileFormat::Toml);
        let tree = Config::builder().add_source(file).build().map_err(|_| "not valid TOML".to_owned())?;
        let key = |name: &str| match tree.get_string(name) {
            Ok(key) if key.len() >= MIN_KEY_CHARS => Ok(Secret::new(key)),
            _ => Err(format!("no usable {name}")),
        };
        let login_key_secret = key("login_key_secret")?;
        // A folder of an earlier version lacks some: they follow from another, so that the file stays as it is.
        let later_key = |name: &str| match tree.get_string(name) {
            Err(_) => Ok(Secret::new(login_key_secret.sign(&[name.as_bytes()]))),
            Ok(_) => key(name),
        };
        let [api_key, webhook_secret, cafe_secret] =
            [later_key("api_key")?, later_key("webhook_secret")?, later_key("cafe_secret")?];
        Ok(Self {
            certification_key: key("certification_key")?,
            login_key_secret,
            suspension_key: key("suspension_key")?,
            api_key,
            webhook_secret,
            cafe_secret,
            admin_key: key("admin_key")?,
        })
    }

    fn into_game_and_cafe(self) -> (Game, Cafe) {
        let hive = Hive {
            game_index: 1,
            certification_keys: vec![self.certification_key],
            login_key_secret: self.login_key_secret,
            suspension_keys: vec![self.suspension_key],
            suspension_utc_offset: "+00:00".to_owned(),
        };
        let playwave = Playwave {
            api_keys: vec![self.api_key.digest()],
            plain_api_keys: vec![self.api_key],
            rate: Rate { coins: 1, unit_sec: 60 },
            active: true,
            title: None,
            provider: "roblox".to_owned(),
            place_id: None,
        };
        let aghanim = Aghanim {
            game_id: "gm_demo".to_owned(),
            webhook_secrets: vec![self.webhook_secret],
            freshness_sec: 300,
            unknown_players: UnknownPlayers::NotFound,
            notify_profile_update: false,
            player_verify: false,
            business_error_status: 200,
        };
        let game = Game { name: "demo".to_owned(), hive: Some(hive), playwave: Some(playwave), aghanim: Some(aghanim) };
        let cafe = Cafe {
            id: CafeId::parse(CAFE).expect("it is well formed"),
            secret: self.cafe_secret,
            networks: vec![
                Ipv4Net::new(Ipv4Addr::LOCALHOST, 8).expect("8 bits").into(),
                IpAddr::from(Ipv6Addr::LOCALHOST).into(),
            ],
            balance: CAFE_BALANCE,
        };
        (game, cafe)
    }
}

/// A key that was cut short is damage, not a choice: ours have 64.
const MIN_KEY_CHARS: usize = 32;

/// Makes the data folder for its owner only. One that is there keeps its mode: it may be somebody's home.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Puts the whole file in place at once, unless another process did so first.
fn write_once(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension(format!("toml.{}", std::process::id()));
    let written = write_synced(&temporary, text).and_then(|()| publish(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A link, unlike a rename, does not replace the file of a process that was faster. Where there are no links, rename.
fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    match std::fs::hard_link(temporary, path) {
        Ok(()) => std::fs::remove_file(temporary)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => std::fs::remove_file(temporary)?,
        Err(_) => std::fs::rename(temporary, path)?,
    }
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// A file that was copied or edited may have become readable for others.
fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if path.metadata()?.permissions().mode() & 0o077 != 0 {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o600))?;
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::super::testing;
    use super::*;

    fn settings(folder: &Path) -> Settings {
        let mut settings = testing::defaults();
        settings.store.path = folder.to_owned();
        settings
    }

    fn start(folder: &Path) -> String {
        let settings = settings(folder).with_development_game().unwrap();
        let hive = settings.games[0].hive.as_ref().unwrap();
        assert_eq!((settings.games[0].name.as_str(), hive.game_index), ("demo", 1));
        let keys = [&hive.certification_keys[0], &hive.login_key_secret, &settings.admin.keys[0]];
        keys.map(Secret::expose).join(" ")
    }

    #[test]
    fn the_keys_are_the_same_at_the_next_start_and_other_in_another_folder() {
        let (a, b) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let keys = start(a.path());
        assert_eq!(start(a.path()), keys);
        assert_ne!(start(b.path()), keys);
    }

    #[test]
    fn only_the_owner_can_read_the_keys() {
        let parent = TempDir::new().unwrap();
        let folder = parent.path().join("data");
        start(&folder);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no temporary file stays");
        std::fs::set_permissions(folder.join(FILE), std::fs::Permissions::from_mode(0o644)).unwrap();
        start(&folder);
        assert_eq!(mode(&folder.join(FILE)), 0o600);
    }

    #[test]
    fn a_damaged_file_is_told_without_its_keys_and_left_alone() {
        let folder = TempDir::new().unwrap();
        let whole = Keys::random().to_toml();
        for damaged in ["", "certification_key = \"hush", &whole[..whole.len() - 40], "admin_key = \"short\""] {
            std::fs::write(folder.path().join(FILE), damaged).unwrap();
            let told = settings(folder.path()).with_development_game().unwrap_err().to_string();
            assert!(told.contains("development.toml is damaged"), "{told}");
            assert!(!told.contains("hush"), "{told}");
            assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), damaged);
        }
    }

    #[test]
    fn a_folder_of_an_earlier_version_has_every_key_and_keeps_them() {
        let folder = TempDir::new().unwrap();
        let later = ["api_key", "webhook_secret", "cafe_secret"];
        let earlier: String = Keys::random()
            .to_toml()
            .lines()
            .filter(|line| !later.iter().any(|name| line.starts_with(name)))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(folder.path().join(FILE), &earlier).unwrap();
        let secret = || {
            let settings = settings(folder.path()).with_development_game().unwrap();
            settings.cafes[0].secret.expose().to_owned()
        };
        assert_eq!(secret(), secret());
        assert!(!earlier.contains(&secret()));
        assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), earlier);
    }

    #[test]
    fn a_slower_process_takes_the_keys_of_the_faster_one() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(FILE);
        write_once(&path, "first").unwrap();
        write_once(&path, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first");
    }

    #[test]
    fn a_configured_game_makes_no_keys() {
        let folder = TempDir::new().unwrap();
        let mut settings = settings(folder.path());
        settings.development = false;
        assert!(settings.with_development_game().unwrap().games.is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
