//! Cafes: their accounts, and the launchers on their PCs.

use super::Backend;
use crate::clock::Timestamp;
use crate::ids::{CafeId, GameId, LauncherKey, PcId, SessionId, TokenId};
use crate::limits::SessionLimits;
use crate::ports::StoreError;
use crate::session::{
    Account, CreditAccount, CreditRefusal, Credited, Document, DocumentKey, DocumentKind, IssueToken, Issued,
    LauncherBeat, LauncherCall, LauncherRefusal, Memory, Pc, Rate, Register, Registration, Session, StartLauncher,
    View, rules,
};

/// PCs read at once.
const PC_PAGE: usize = 256;

/// A cafe as operators see it.
#[derive(Clone, Debug)]
pub struct CafeView {
    pub account: Account,
    pub pcs: Vec<PcView>,
}

/// A PC, and who plays on it.
#[derive(Clone, Debug)]
pub struct PcView {
    pub id: PcId,
    pub pc: Pc,
    pub session: Option<(SessionId, Session)>,
}

impl Backend {
    /// Opens the account of a configured cafe with its opening balance, if it has none yet.
    ///
    /// # Errors
    /// The store's. So for every call below.
    pub async fn open_account(&self, cafe: &CafeId, balance: u64) -> Result<bool, StoreError> {
        let prefetch = [DocumentKey::Account];
        let rule = move |view: &View<'_>, _: &SessionLimits, _| rules::open_account(view, balance);
        self.decide(cafe, &mut Memory::default(), &prefetch, rule).await
    }

    /// Makes a cafe; `false` when its id is taken.
    pub async fn register_cafe(&self, cafe: &CafeId, ask: Register) -> Result<bool, StoreError> {
        let prefetch = [DocumentKey::Registration, DocumentKey::Account];
        let rule = move |view: &View<'_>, _: &SessionLimits, now| rules::register(view, &ask, now);
        self.decide(cafe, &mut Memory::default(), &prefetch, rule).await
    }

    /// What was registered of a cafe; a configured one was not.
    pub async fn registration(&self, cafe: &CafeId) -> Result<Option<Registration>, StoreError> {
        let stored = self.0.ports.sessions.load(cafe, &[DocumentKey::Registration]).await?;
        let document = stored.into_iter().next().and_then(|stored| stored.document);
        Ok(document.and_then(|document| match &*document {
            Document::Registration(registration) => Some(registration.clone()),
            _ => None,
        }))
    }

    /// Adds coins to an account.
    pub async fn credit(
        &self,
        cafe: &CafeId,
        ask: CreditAccount,
    ) -> Result<Result<Credited, CreditRefusal>, StoreError> {
        let credit = ask.id.clone().map(DocumentKey::Credit);
        let prefetch: Vec<_> = [DocumentKey::Account].into_iter().chain(credit).collect();
        let rule = move |view: &View<'_>, limits: &SessionLimits, now| rules::credit(view, &ask, limits, now);
        self.decide(cafe, &mut Memory::default(), &prefetch, rule).await
    }

    /// A cafe with its PCs and who plays on them; `None` when it has no account.
    pub async fn cafe(&self, cafe: &CafeId) -> Result<Option<CafeView>, StoreError> {
        let sessions = &self.0.ports.sessions;
        let stored = sessions.load(cafe, &[DocumentKey::Account]).await?;
        let Some(Document::Account(account)) = stored.first().and_then(|stored| stored.document.as_deref()) else {
            return Ok(None);
        };
        let (mut pcs, mut after) = (Vec::new(), None);
        loop {
            let page = sessions.list(cafe, DocumentKind::Pc, after.as_ref(), PC_PAGE).await?;
            after = page.last().map(|(key, _)| key.clone());
            let is_last = page.len() < PC_PAGE;
            for (key, document) in page {
                if let (DocumentKey::Pc(id), Document::Pc(pc)) = (key, &*document) {
                    pcs.push(self.pc_view(cafe, id, pc.clone()).await?);
                }
            }
            if is_last {
                return Ok(Some(CafeView { account: account.clone(), pcs }));
            }
        }
    }

    async fn pc_view(&self, cafe: &CafeId, id: PcId, pc: Pc) -> Result<PcView, StoreError> {
        let session = match pc.session {
            Some(session) => self.session_document(cafe, session).await?.map(|document| (session, document)),
            None => None,
        };
        Ok(PcView { id, pc, session: session.filter(|(_, session)| session.ended.is_none()) })
    }

    /// Starts a launcher session on a PC of the cafe.
    pub async fn start_launcher(&self, cafe: &CafeId, ask: StartLauncher) -> Result<(), StoreError> {
        let prefetch = [DocumentKey::Pc(ask.pc.clone())];
        let rule = move |view: &View<'_>, limits: &SessionLimits, now| rules::start_launcher(view, &ask, limits, now);
        self.decide(cafe, &mut Memory::default(), &prefetch, rule).await
    }

    /// Whether a launcher session goes by this key, live or remembered.
    pub async fn knows_launcher(&self, launcher: LauncherKey) -> Result<bool, StoreError> {
        Ok(self.0.ports.sessions.find(&DocumentKey::Launcher(launcher)).await?.is_some())
    }

    /// Issues a one-time token to a launcher.
    pub async fn issue_token(
        &self,
        launcher: LauncherKey,
        game: GameId,
        rate: Rate,
    ) -> Result<Result<Issued, LauncherRefusal>, StoreError> {
        let new_token = TokenId::from_random(self.random());
        let ask = IssueToken { launcher, game, rate, new_token };
        self.ask_launcher(launcher, move |view, limits, now| rules::issue_token(view, &ask, limits, now)).await
    }

    /// A launcher's sign of life.
    pub async fn launcher_heartbeat(
        &self,
        ask: LauncherCall,
    ) -> Result<Result<LauncherBeat, LauncherRefusal>, StoreError> {
        self.ask_launcher(ask.launcher, move |view, limits, now| rules::launcher_heartbeat(view, &ask, limits, now))
            .await
    }

    /// A launcher ends in good order, and the session on its PC with it.
    pub async fn end_launcher(&self, ask: LauncherCall) -> Result<Result<(), LauncherRefusal>, StoreError> {
        self.ask_launcher(ask.launcher, move |view, limits, now| rules::end_launcher(view, &ask, limits, now)).await
    }

    async fn ask_launcher<T: 'static>(
        &self,
        launcher: LauncherKey,
        rule: impl Fn(
            &View<'_>,
            &SessionLimits,
            Timestamp,
        ) -> Result<crate::session::Decision<Result<T, LauncherRefusal>>, crate::session::Need>,
    ) -> Result<Result<T, LauncherRefusal>, StoreError> {
        let key = DocumentKey::Launcher(launcher);
        let Some(cafe) = self.0.ports.sessions.find(&key).await? else {
            return Ok(Err(LauncherRefusal::WrongToken));
        };
        self.decide(&cafe, &mut Memory::default(), &[key, DocumentKey::Account], rule).await
    }
}
