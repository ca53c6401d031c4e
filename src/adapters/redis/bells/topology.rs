//! Which master has which slots, or which server is the master.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use guildhall_actors::ports::StoreError;
use redis::cluster_routing::Slot;
use redis::{FromRedisValue, Value};

use crate::adapters::redis::link::{Link, failed};
use crate::adapters::redis::source::{Source, host_and_port};

/// Where a line leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Address {
    /// The one server.
    Only,
    /// A server of a cluster, or the master that Sentinels name.
    Member(String, u16),
}

/// The masters, and the line of each slot. Without slots, everything is on the one line.
#[derive(PartialEq)]
pub(super) struct Masters {
    pub(super) addresses: Vec<Address>,
    slots: HashMap<Slot, Address>,
}

impl Masters {
    pub(super) fn of(&self, name: &str) -> Option<&Address> {
        if self.slots.is_empty() { self.addresses.first() } else { self.slots.get(&Slot::for_key(name)) }
    }
}

pub(super) async fn masters(link: &Arc<Link>) -> Result<Masters, StoreError> {
    match link.source {
        Source::Server(_) => Ok(Masters { addresses: vec![Address::Only], slots: HashMap::new() }),
        Source::Sentinel { .. } => master(link).await,
        Source::Cluster { .. } => masters_of_slots(link).await,
    }
}

/// The master that Sentinels name. Commands go there from now on: an old one goes on taking them until it is told.
async fn master(link: &Arc<Link>) -> Result<Masters, StoreError> {
    let client = tokio::time::timeout(link.timeout, link.source.client()).await;
    let client = client.map_err(|_| StoreError("redis: no Sentinel answers".into()))?.map_err(failed)?;
    let address = client.get_connection_info().addr();
    link.follow_master(address);
    let (host, port) = host_and_port(address).ok_or_else(|| StoreError("redis: a master without a port".into()))?;
    Ok(Masters { addresses: vec![Address::Member(host.to_owned(), port)], slots: HashMap::new() })
}

async fn masters_of_slots(link: &Arc<Link>) -> Result<Masters, StoreError> {
    let ranges: Vec<Vec<Value>> = link.call(redis::cmd("CLUSTER").arg("SLOTS")).await?;
    let ranges: Vec<_> = ranges.iter().filter_map(|range| read(range)).collect();
    if ranges.is_empty() {
        return Err(StoreError("redis: the cluster has no slots yet".into()));
    }
    let mut slots = HashMap::new();
    let mut addresses = BTreeMap::new();
    for (first, last, address) in ranges {
        slots.extend((first..=last).filter_map(Slot::new).map(|slot| (slot, address.clone())));
        addresses.insert(address, ());
    }
    Ok(Masters { addresses: addresses.into_keys().collect(), slots })
}

/// First slot, last slot, master (host, port, …), replicas.
fn read(range: &[Value]) -> Option<(u16, u16, Address)> {
    let [first, last, Value::Array(master), ..] = range else { return None };
    let [host, port, ..] = master.as_slice() else { return None };
    let address = Address::Member(String::from_redis_value_ref(host).ok()?, u16::from_redis_value_ref(port).ok()?);
    Some((u16::from_redis_value_ref(first).ok()?, u16::from_redis_value_ref(last).ok()?, address))
}
