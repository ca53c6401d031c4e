//! Which master has which slots.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use guildhall_actors::ports::StoreError;
use redis::cluster_routing::Slot;
use redis::{FromRedisValue, Value};

use crate::adapters::redis::link::Link;
use crate::adapters::redis::source::Source;

/// Where a line leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Address {
    /// The one server, or the present master.
    Only,
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
    if !matches!(link.source, Source::Cluster { .. }) {
        return Ok(Masters { addresses: vec![Address::Only], slots: HashMap::new() });
    }
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
