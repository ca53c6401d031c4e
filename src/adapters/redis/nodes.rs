//! `Nodes` on Redis: the leases of all nodes together, and a mailbox with each node.
//!
//! A lease and a mailbox are in different slots, so two steps begin and end a node. A lease is given before the mailbox
//! is made, and ends after it was dropped: whoever has a lease may lack a mailbox for a moment, or after a crash, and
//! never the other way round for a live node. `renew` finds that out, and the node begins anew:
//! - `register` that stops half way is called again, or the lease runs out and the node is recovered;
//! - `retire` that stops half way leaves the lease and the claim: it is called again, by the claimer or its successor;
//! - a mailbox that lost mail (a failover, an overflow) is dropped whole, since a login that should have heard of its
//!   end must not wait for it: the node's next `renew` is refused, and it takes up every login anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join3;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::NodeId;
use guildhall_actors::ports::{Mail, MailId, Nodes, StoreError};
use redis::cmd;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::error;

use super::Redis;
use super::keys::Tag;
use super::players::logins_key;
use super::script::{Call, Script};
use crate::clock;

static REGISTER: Script = Script::new(include_str!("scripts/node/register.lua"));
static RENEW: Script = Script::new(include_str!("scripts/node/renew.lua"));
static CLAIM: Script = Script::new(include_str!("scripts/node/claim.lua"));
static TIME: Script = Script::new(include_str!("scripts/node/time.lua"));
static RETIRE: Script = Script::new(include_str!("scripts/node/retire.lua"));
static OPEN_MAILBOX: Script = Script::new(include_str!("scripts/node/open_mailbox.lua"));
static SEND: Script = Script::new(include_str!("scripts/node/send.lua"));
static RECEIVE: Script = Script::new(include_str!("scripts/node/receive.lua"));

/// How long `receive` waits for mail. It looks again after that, whether the mailbox rang or not.
const PATIENCE: Duration = Duration::from_secs(1);
/// Mail received at once.
const BATCH: usize = 256;
/// Mail that waits at most: what a busy node gets in some seconds, and no more than 10 MB at 1 KB each. A node so far
/// behind is quicker to begin anew.
const MAX_WAITING: usize = 10_000;
/// A mail id is the id of a stream's entry: milliseconds, and a number within them of this many bits.
const WITHIN_BITS: u32 = 20;

/// By how much this node's clock is off the one where the leases are, in milliseconds. Leases are told by that one:
/// nodes whose clocks differ must not take each other for dead.
#[derive(Default)]
pub(super) struct ClockOffset(AtomicI64);

impl ClockOffset {
    /// Up to this, the way to the server is more of the difference than the clocks are.
    const NOTHING: i64 = 500;

    fn note(&self, there: Timestamp, here: Timestamp) {
        let offset = there.0 - here.0;
        self.0.store(if offset.abs() <= Self::NOTHING { 0 } else { offset }, Ordering::Relaxed);
    }

    /// A time of this node, by the other clock.
    fn there(&self, here: Timestamp) -> Timestamp {
        Timestamp(here.0.saturating_add(self.0.load(Ordering::Relaxed)))
    }
}

/// Rings when there may be mail for this process.
#[derive(Default)]
pub(super) struct MailBell(Arc<Notify>);

fn mailbox_key(node: &NodeId) -> String {
    Tag::node(node).key("mail")
}

impl Redis {
    /// Runs a script on the leases.
    async fn decide(&self, script: &Script, arguments: &[&str]) -> Result<bool, StoreError> {
        let (leases, claims) = (Tag::nodes().key("leases"), Tag::nodes().key("claims"));
        self.0.link.run(script.on(&[&leases, &claims]).arg(arguments)).await
    }

    /// Looks at the clock where the leases are.
    async fn compare_clocks(&self) -> Result<(), StoreError> {
        let there = self.0.link.run(TIME.on(&[&Tag::nodes().key("leases")])).await?;
        self.0.clock_offset.note(Timestamp(there), clock::now());
        Ok(())
    }

    fn lease_time(&self, here: Timestamp) -> String {
        self.0.clock_offset.there(here).0.to_string()
    }

    async fn read_mail(&self, node: &NodeId, after: MailId) -> Result<Vec<(MailId, Mail)>, StoreError> {
        let mailbox = mailbox_key(node);
        let call: Call<'_> = RECEIVE.on(&[&mailbox]).arg(place(after)).arg(BATCH);
        let entries: Vec<(String, String)> = self.0.link.run(call).await?;
        let mail = entries.iter().filter_map(|(place, mail)| Some((place, parse(mail)?)));
        mail.map(|(place, mail)| Ok((mail_id(place)?, mail))).collect()
    }
}

fn place(MailId(id): MailId) -> String {
    format!("{}-{}", id >> WITHIN_BITS, id & ((1 << WITHIN_BITS) - 1))
}

fn mail_id(place: &str) -> Result<MailId, StoreError> {
    let parts = place.split_once('-').and_then(|(millis, within)| Some((millis.parse().ok()?, within.parse().ok()?)));
    let id = parts
        .filter(|(millis, within): &(u64, u64)| millis.leading_zeros() >= WITHIN_BITS && *within < 1 << WITHIN_BITS);
    let (millis, within) = id.ok_or_else(|| StoreError(format!("mail in Redis has the id {place}")))?;
    Ok(MailId(millis << WITHIN_BITS | within))
}

/// Mail that cannot be read, say of a newer version, keeps the rest from nobody.
fn parse(mail: &str) -> Option<Mail> {
    serde_json::from_str(mail).inspect_err(|error| error!(%error, "mail passed over")).ok()
}

#[async_trait]
impl Nodes for Redis {
    async fn register(&self, node: &NodeId, until: Timestamp) -> Result<bool, StoreError> {
        self.compare_clocks().await?;
        if !self.decide(&REGISTER, &[node.as_str(), &self.lease_time(until)]).await? {
            return Ok(false);
        }
        // After the lease: a mailbox made before could still be dropped by one who retires the node's earlier life.
        self.0.link.run::<()>(OPEN_MAILBOX.on(&[&mailbox_key(node)])).await?;
        let bell = self.0.mail_bell.0.clone();
        self.0.bells.listen_later(Tag::node(node).bell(), Arc::new(move |_| bell.notify_waiters()));
        Ok(true)
    }

    async fn renew(&self, node: &NodeId, until: Timestamp) -> Result<bool, StoreError> {
        let (until, exists) = (self.lease_time(until), cmd("EXISTS").arg(mailbox_key(node)).take());
        let arguments = [node.as_str(), &until];
        let steps = (self.decide(&RENEW, &arguments), self.0.link.call(&exists), self.compare_clocks());
        let (renewed, has_mailbox, ()) = try_join3(steps.0, steps.1, steps.2).await?;
        Ok(renewed && has_mailbox)
    }

    async fn expired(&self, now: Timestamp) -> Result<Vec<NodeId>, StoreError> {
        let leases = Tag::nodes().key("leases");
        let before = format!("({}", self.lease_time(now));
        let ids: Vec<String> =
            self.0.link.call(cmd("ZRANGE").arg(leases).arg("-inf").arg(before).arg("BYSCORE")).await?;
        Ok(ids.iter().map(|id| NodeId::new(id)).collect())
    }

    async fn claim(&self, dead: &NodeId, by: &NodeId, now: Timestamp) -> Result<bool, StoreError> {
        self.decide(&CLAIM, &[dead.as_str(), by.as_str(), &self.lease_time(now)]).await
    }

    async fn retire(&self, node: &NodeId) -> Result<(), StoreError> {
        let dropped = cmd("DEL").arg(mailbox_key(node)).arg(logins_key(node)).take();
        self.0.link.call::<()>(&dropped).await?;
        self.0.bells.ignore(Tag::node(node).bell());
        // Last: as long as there is a lease, it has not been done.
        self.decide(&RETIRE, &[node.as_str()]).await.map(drop)
    }

    async fn send(&self, to: &NodeId, mail: &Mail) -> Result<bool, StoreError> {
        let mail = serde_json::to_string(mail).map_err(|error| StoreError(format!("mail to Redis: {error}")))?;
        let mailbox = mailbox_key(to);
        let call = SEND.on(&[&mailbox]).arg(mail).arg(MAX_WAITING).arg(Tag::node(to).bell());
        self.0.link.run(call).await
    }

    async fn receive(&self, node: &NodeId, after: MailId) -> Result<Vec<(MailId, Mail)>, StoreError> {
        let ring = self.0.mail_bell.0.notified();
        let mail = self.read_mail(node, after).await?;
        if !mail.is_empty() || timeout(PATIENCE, ring).await.is_err() {
            return Ok(mail);
        }
        self.read_mail(node, after).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_made_up_for_and_a_slow_answer_is_not() {
        let offset = ClockOffset::default();
        for (there, told) in [(10_000, 1_000), (10_500, 1_000), (18_000, 9_000), (2_000, -7_000)] {
            offset.note(Timestamp(there), Timestamp(10_000));
            assert_eq!(offset.there(Timestamp(1_000)), Timestamp(told), "{there}");
        }
    }

    #[test]
    fn a_mail_id_leads_back_to_its_place_and_counts_up_with_it() {
        let places = ["0-0", "0-1", "1800000000000-0", "1800000000000-1", "1800000000001-0", "17592186044415-1048575"];
        let ids = places.map(|place| mail_id(place).expect("a place"));
        assert_eq!(ids.map(place), places);
        assert!(ids.is_sorted_by(|a, b| a < b) && ids[0] == MailId(0) && ids[5] == MailId(u64::MAX), "{ids:?}");
    }

    #[test]
    fn a_place_beyond_the_numbers_is_refused() {
        for beyond in ["17592186044416-0", "1-1048576", "1", "", "a-b", "18446744073709551615-0"] {
            mail_id(beyond).expect_err(beyond);
        }
    }
}
