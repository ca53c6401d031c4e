//! A map that forgets what has not been used for a while, without a timer for each entry: what no generation has
//! touched goes with it.

use std::hash::Hash;

use foldhash::HashMap;

/// Two generations of entries. A use brings an entry into the younger one; [`Self::rotate`] drops the older one.
pub struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Self { young: HashMap::default(), old: HashMap::default() }
    }
}

impl<K: Eq + Hash + Clone, V> Generations<K, V> {
    /// The entry, which counts as used now.
    pub fn get(&mut self, key: &K) -> Option<&mut V> {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.young.insert(key, value);
        }
        self.young.get_mut(key)
    }

    pub fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    /// Begins a new generation, and hands out what was not used during the last one.
    pub fn rotate(&mut self) -> HashMap<K, V> {
        let young = std::mem::take(&mut self.young);
        std::mem::replace(&mut self.old, young)
    }

    /// Entries of the younger generation.
    pub fn young_len(&self) -> usize {
        self.young.len()
    }

    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_in_every_generation_stays_and_the_rest_goes() {
        let mut map = Generations::default();
        map.insert("used", 1);
        map.insert("unused", 2);
        assert!(map.rotate().is_empty());
        assert_eq!(map.get(&"used"), Some(&mut 1));
        assert_eq!(map.rotate().into_keys().collect::<Vec<_>>(), ["unused"]);
        assert_eq!((map.len(), map.young_len()), (1, 0));
        assert_eq!(map.remove(&"used"), Some(1));
        assert!(map.is_empty());
    }
}
