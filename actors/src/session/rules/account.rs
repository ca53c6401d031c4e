//! The cafe as a customer: made, opened, credited.

use super::super::documents::{Account, Credit, Document, DocumentKey, Registration};
use super::super::messages::{CreditAccount, CreditRefusal, Credited, Register};
use super::super::{Decision, Need, View};
use crate::clock::Timestamp;
use crate::limits::SessionLimits;

/// Opens the account of a configured cafe with its opening balance, once. Says whether it was done now.
pub fn open_account(view: &View<'_>, balance: u64) -> Result<Decision<bool>, Need> {
    let mut decision = Decision::nothing();
    let is_new = view.get(&DocumentKey::Account)?.is_none();
    if is_new {
        decision.put(DocumentKey::Account, opened_with(balance));
    }
    Ok(decision.answer(is_new))
}

/// Makes a cafe, with its account. `false` when it is there already.
pub fn register(view: &View<'_>, ask: &Register, now: Timestamp) -> Result<Decision<bool>, Need> {
    let mut decision = Decision::nothing();
    let is_new = view.get(&DocumentKey::Registration)?.is_none() && view.get(&DocumentKey::Account)?.is_none();
    if is_new {
        let registration = Registration { secret: ask.secret.clone(), networks: ask.networks.clone(), created_at: now };
        decision.put(DocumentKey::Account, opened_with(ask.balance));
        decision.put(DocumentKey::Registration, Document::Registration(registration));
    }
    Ok(decision.answer(is_new))
}

fn opened_with(balance: u64) -> Document {
    Document::Account(Account { balance, credited: balance, charged: 0 })
}

/// Adds coins. A repeat under the same id is answered as the first time, and adds nothing.
pub fn credit(
    view: &View<'_>,
    ask: &CreditAccount,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<Result<Credited, CreditRefusal>>, Need> {
    let mut decision = Decision::nothing();
    let Some(Document::Account(account)) = view.get(&DocumentKey::Account)? else {
        return Ok(decision.answer(Err(CreditRefusal::NoSuchCafe)));
    };
    if let Some(id) = &ask.id
        && let Some(Document::Credit(first)) = view.get(&DocumentKey::Credit(id.clone()))?
    {
        let answer = if first.coins == ask.coins {
            Ok(Credited { balance: first.balance })
        } else {
            Err(CreditRefusal::OtherCoins)
        };
        return Ok(decision.answer(answer));
    }
    let mut account = account.clone();
    account.balance = account.balance.saturating_add(ask.coins);
    account.credited = account.credited.saturating_add(ask.coins);
    let balance = account.balance;
    if balance > CreditAccount::MAX_BALANCE {
        return Ok(decision.answer(Err(CreditRefusal::TooMuch)));
    }
    decision.put(DocumentKey::Account, Document::Account(account));
    if let Some(id) = &ask.id {
        let credit = Credit { coins: ask.coins, balance, deadline: now + limits.credit };
        decision.put(DocumentKey::Credit(id.clone()), Document::Credit(credit));
    }
    Ok(decision.answer(Ok(Credited { balance })))
}
