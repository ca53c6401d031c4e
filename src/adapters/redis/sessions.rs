//! `Sessions` on Redis: all that belongs to a cafe has its hash tag, and a commit is one script.
//!
//! A cafe has a hash of documents by name, each behind its version as 16 digits, a sorted set of the names in their
//! order, one of the deadlines, a hash of settlements by session, and their order, once of all and once of each game.
//! Both kinds of `Durability` are the same here: the server's settings decide when what it answered is on disk.
//!
//! Three things lie outside of the cafe. Each is written so that a crash between two steps leaves what is harmless, or
//! what is put right later:
//! - the names of all cafes, written before the first commit to one and never removed; those without an account are
//!   left out when they are listed;
//! - pointers from a document to its cafe, see `pointers.rs`;
//! - hints at the earliest deadline of each cafe, see `due.rs`.

mod commit;
mod due;
mod pointers;
mod settlements;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::CafeId;
use guildhall_actors::ports::{Commit, Committed, Sessions, SettlementQuery, StoreError, Stored, Version};
use guildhall_actors::session::{Document, DocumentKey, DocumentKind, Settlement};

use self::due::Walk;
use self::pointers::Strays;
use super::Redis;
use super::keys::Tag;
use super::known::Known;
use super::script::Script;

static LIST: Script = Script::new(include_str!("scripts/cafe/list_documents.lua"));

/// Cafes that are read at a time: enough to keep the link busy, few enough to leave it to others.
const PAGE: usize = 64;
/// Deadlines are scores, which count exactly up to this: the year 287396.
const LAST_SCORE: i64 = 1 << 53;
/// Digits of a version.
const DIGITS: usize = 16;

/// What this process does beside its commits.
#[derive(Default)]
pub(super) struct Upkeep {
    known: Known<CafeId>,
    strays: Strays,
    walk: Walk,
}

/// The keys of a cafe.
struct Keys {
    documents: String,
    names: String,
    deadlines: String,
    settlements: String,
    order: String,
}

impl Keys {
    fn of(cafe: &CafeId) -> Self {
        let tag = Tag::cafe(cafe);
        Self {
            documents: tag.key("documents"),
            names: tag.key("names"),
            deadlines: tag.key("deadlines"),
            settlements: tag.key("settlements"),
            order: tag.key("settlements:order"),
        }
    }
}

/// A document as it is kept: its version, then itself.
fn packed(version: &str, document: &Document) -> String {
    format!("{version}{}", document.to_json())
}

fn version_text(version: Version) -> String {
    format!("{:0DIGITS$x}", version.0)
}

fn unpacked(key: &DocumentKey, text: &str) -> Result<Stored, StoreError> {
    let unreadable = || StoreError(format!("redis: document {key} cannot be read"));
    let (version, body) = text.split_at_checked(DIGITS).ok_or_else(unreadable)?;
    let version = u64::from_str_radix(version, 16).map_err(|_| unreadable())?;
    let document = Document::from_json(key.kind(), body).map_err(|_| unreadable())?;
    Ok(Stored { version: Version(version), document: Some(Arc::new(document)) })
}

fn score(at: Timestamp) -> i64 {
    at.0.clamp(-LAST_SCORE, LAST_SCORE)
}

/// As many as Redis can be asked for.
pub(super) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn cafe_id(text: &str) -> Result<CafeId, StoreError> {
    CafeId::parse(text).ok_or_else(|| StoreError(format!("redis: no cafe is called {text:?}")))
}

impl Redis {
    /// Names of cafes after one, in their order, with an account or without.
    async fn cafe_page(&self, after: Option<&CafeId>, limit: usize) -> Result<Vec<CafeId>, StoreError> {
        let from = after.map_or_else(|| "-".into(), |after| format!("({after}"));
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(Tag::cafes().key("names")).arg(from).arg("+").arg("LIMIT").arg(0).arg(count(limit));
        let names: Vec<String> = self.0.link.call(&command).await?;
        names.iter().map(|name| cafe_id(name)).collect()
    }

    async fn has_document(&self, cafe: &CafeId, key: &DocumentKey) -> Result<bool, StoreError> {
        self.0.link.call(redis::cmd("HEXISTS").arg(Keys::of(cafe).documents).arg(key.to_string())).await
    }
}

#[async_trait]
impl Sessions for Redis {
    async fn find(&self, key: &DocumentKey) -> Result<Option<CafeId>, StoreError> {
        self.find_document(key).await
    }

    async fn load(&self, cafe: &CafeId, keys: &[DocumentKey]) -> Result<Vec<Stored>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("HMGET");
        let names: Vec<_> = keys.iter().map(DocumentKey::to_string).collect();
        command.arg(Keys::of(cafe).documents).arg(names);
        let found: Vec<Option<String>> = self.0.link.call(&command).await?;
        let stored = |(key, text): (_, Option<String>)| text.map_or(Ok(Stored::default()), |text| unpacked(key, &text));
        keys.iter().zip(found).map(stored).collect()
    }

    async fn commit(&self, cafe: &CafeId, commit: &Commit) -> Result<Committed, StoreError> {
        self.commit_to(cafe, commit).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<(CafeId, DocumentKey)>, StoreError> {
        let due = self.due_documents(now, limit).await?;
        self.walk().await?;
        self.remove_strays().await?;
        Ok(due)
    }

    async fn list(
        &self,
        cafe: &CafeId,
        kind: DocumentKind,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, Arc<Document>)>, StoreError> {
        let keys = Keys::of(cafe);
        // A name is that of its kind, or that and a colon, which sorts right before the semicolon.
        let (first, end) = (format!("[{}", kind.as_str()), format!("({};", kind.as_str()));
        let from = after.map_or(first, |after| format!("({after}"));
        let call = LIST.on(&[&keys.documents, &keys.names]).arg(from).arg(end).arg(count(limit));
        let found: Vec<(String, String)> = self.0.link.run(call).await?;
        let mut listed = Vec::with_capacity(found.len());
        for (name, text) in found {
            let key = DocumentKey::parse(&name);
            let key = key.ok_or_else(|| StoreError(format!("redis: no document is called {name:?}")))?;
            listed.extend(unpacked(&key, &text)?.document.map(|document| (key, document)));
        }
        Ok(listed)
    }

    async fn cafes(&self, after: Option<&CafeId>, limit: usize) -> Result<Vec<CafeId>, StoreError> {
        let (mut found, mut after) = (Vec::new(), after.cloned());
        while found.len() < limit {
            let page = self.cafe_page(after.as_ref(), PAGE).await?;
            let account = |cafe| self.has_document(cafe, &DocumentKey::Account);
            let has_account = try_join_all(page.iter().map(account)).await?;
            after = page.last().cloned();
            let is_last = page.len() < PAGE;
            found.extend(page.into_iter().zip(has_account).filter(|(_, has)| *has).map(|(cafe, _)| cafe));
            if is_last {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn settlements(&self, query: &SettlementQuery) -> Result<Vec<Settlement>, StoreError> {
        self.find_settlements(query).await
    }
}
