//! What a rule is given, and what it decides.

use std::sync::Arc;

use super::documents::{Account, Document, DocumentKey, EndReason, Launcher, Pc, Session, Settlement, Token};
use crate::ids::{CafeId, LauncherKey, PcId, PlayerKey, SessionId, TokenId};
use crate::ports::{Durability, Stored};

/// The documents of a cafe that have been read so far.
#[derive(Clone, Copy)]
pub struct View<'a> {
    cafe: &'a CafeId,
    documents: &'a [(DocumentKey, Stored)],
}

/// A rule cannot decide without this document: read it and ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need(pub DocumentKey);

/// A session that ends, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    pub player: PlayerKey,
    pub session: SessionId,
    pub reason: EndReason,
}

/// What follows: an answer, and what must have taken effect before it is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<T> {
    pub reply: T,
    /// New states of documents; `None` removes one.
    pub changes: Vec<(DocumentKey, Option<Arc<Document>>)>,
    pub settlements: Vec<Settlement>,
    pub ends: Vec<SessionEnd>,
    /// [`Self::must_last`] and what calls it say when it is `Now`.
    pub durability: Durability,
    /// Whether the answer waits until what it was decided from is sure to last.
    pub waits: bool,
}

impl<'a> View<'a> {
    pub fn new(cafe: &'a CafeId, documents: &'a [(DocumentKey, Stored)]) -> Self {
        Self { cafe, documents }
    }

    pub fn cafe(&self) -> &'a CafeId {
        self.cafe
    }

    /// # Errors
    /// The document has not been read. So for every reading below.
    pub fn get(&self, key: &DocumentKey) -> Result<Option<&'a Document>, Need> {
        let found = self.documents.iter().find(|(known, _)| known == key);
        let (_, stored) = found.ok_or_else(|| Need(key.clone()))?;
        Ok(stored.document.as_deref())
    }

    /// A cafe without an account has no coins.
    pub fn account(&self) -> Result<Account, Need> {
        let document = self.get(&DocumentKey::Account)?;
        Ok(match document {
            Some(Document::Account(account)) => account.clone(),
            _ => Account::default(),
        })
    }

    /// A PC nobody has spoken of is empty.
    pub fn pc(&self, id: &PcId) -> Result<Pc, Need> {
        let document = self.get(&DocumentKey::Pc(id.clone()))?;
        Ok(match document {
            Some(Document::Pc(pc)) => pc.clone(),
            _ => Pc::default(),
        })
    }

    pub fn launcher(&self, key: LauncherKey) -> Result<Option<&'a Launcher>, Need> {
        let document = self.get(&DocumentKey::Launcher(key))?;
        Ok(document
            .and_then(|document| if let Document::Launcher(launcher) = document { Some(launcher) } else { None }))
    }

    pub fn token(&self, id: TokenId) -> Result<Option<&'a Token>, Need> {
        let document = self.get(&DocumentKey::Token(id))?;
        Ok(document.and_then(|document| if let Document::Token(token) = document { Some(token) } else { None }))
    }

    pub fn session(&self, id: SessionId) -> Result<Option<&'a Session>, Need> {
        let document = self.get(&DocumentKey::Session(id))?;
        Ok(document.and_then(|document| if let Document::Session(session) = document { Some(session) } else { None }))
    }
}

impl Decision<()> {
    /// Nothing changes, so far.
    pub fn nothing() -> Self {
        let (changes, settlements, ends) = (Vec::new(), Vec::new(), Vec::new());
        Self { reply: (), changes, settlements, ends, durability: Durability::Soon, waits: true }
    }

    /// The same with its answer.
    pub fn answer<T>(self, reply: T) -> Decision<T> {
        let Self { changes, settlements, ends, durability, waits, .. } = self;
        Decision { reply, changes, settlements, ends, durability, waits }
    }

    /// Nothing of the decision may be undone once it is answered.
    pub fn must_last(&mut self) {
        self.durability = Durability::Now;
    }

    /// Writes a document that must be on disk before the answer.
    pub fn put(&mut self, key: DocumentKey, document: Document) {
        self.must_last();
        self.put_soon(key, document);
    }

    /// Writes a document that tells no more than a sign of life.
    pub fn put_soon(&mut self, key: DocumentKey, document: Document) {
        self.changes.push((key, Some(Arc::new(document))));
    }

    pub fn remove(&mut self, key: DocumentKey) {
        self.must_last();
        self.changes.push((key, None));
    }
}
