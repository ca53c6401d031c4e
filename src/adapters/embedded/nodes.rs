//! `Nodes` on SQLite. Only one process has the folder, so every other node in it has ended.

use std::time::Duration;

use async_trait::async_trait;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::NodeId;
use guildhall_actors::metrics::StorePort;
use guildhall_actors::ports::{Mail, MailId, Nodes, StoreError};
use rusqlite::params;

use super::Embedded;
use super::error::Failure;

/// How long `receive` waits for mail.
const PATIENCE: Duration = Duration::from_secs(1);
/// Mail received at once.
const BATCH: usize = 256;

impl Embedded {
    async fn read_mail(&self, node: &NodeId, after: MailId) -> Result<Vec<(MailId, Mail)>, StoreError> {
        let node = node.clone();
        let read = move |transaction: &super::writer::Transaction<'_>| {
            let after = after.0.cast_signed();
            let mut drop_read = transaction.sql.prepare_cached("DELETE FROM mail WHERE node = ? AND id <= ?")?;
            drop_read.execute(params![node.as_str(), after])?;
            let mut query =
                transaction.sql.prepare_cached("SELECT id, body FROM mail WHERE node = ? ORDER BY id LIMIT ?")?;
            let mut rows = query.query(params![node.as_str(), BATCH])?;
            let mut mail = Vec::new();
            while let Some(row) = rows.next()? {
                let (id, body): (i64, String) = (row.get(0)?, row.get(1)?);
                mail.push((MailId(id.cast_unsigned()), serde_json::from_str(&body)?));
            }
            Ok::<_, Failure<StoreError>>(mail)
        };
        self.write(StorePort::Nodes, read).await
    }
}

#[async_trait]
impl Nodes for Embedded {
    async fn register(&self, node: &NodeId, until: Timestamp) -> Result<bool, StoreError> {
        let node = node.clone();
        let register = move |transaction: &super::writer::Transaction<'_>| {
            let mut upsert = transaction.sql.prepare_cached(
                "INSERT INTO nodes (id, lease_until) VALUES (?, ?)
                 ON CONFLICT DO UPDATE SET lease_until = excluded.lease_until
                 WHERE claimed_by IS NULL",
            )?;
            Ok::<_, Failure<StoreError>>(upsert.execute(params![node.as_str(), until.0])? == 1)
        };
        self.write(StorePort::Nodes, register).await
    }

    async fn renew(&self, node: &NodeId, until: Timestamp) -> Result<bool, StoreError> {
        let node = node.clone();
        let renew = move |transaction: &super::writer::Transaction<'_>| {
            let mut update = transaction
                .sql
                .prepare_cached("UPDATE nodes SET lease_until = ? WHERE id = ? AND claimed_by IS NULL")?;
            Ok::<_, Failure<StoreError>>(update.execute(params![until.0, node.as_str()])? == 1)
        };
        self.write(StorePort::Nodes, renew).await
    }

    async fn expired(&self, now: Timestamp) -> Result<Vec<NodeId>, StoreError> {
        let query = move |sql: &rusqlite::Connection| {
            let mut query = sql.prepare_cached("SELECT id FROM nodes WHERE lease_until < ? ORDER BY id")?;
            let ids = query.query_map([now.0], |row| row.get::<_, String>(0))?;
            let ids: Vec<String> = ids.collect::<Result<_, _>>()?;
            Ok::<_, Failure<StoreError>>(ids.iter().map(|id| NodeId::new(id)).collect())
        };
        self.query(StorePort::Nodes, query).await
    }

    async fn claim(&self, dead: &NodeId, by: &NodeId, now: Timestamp) -> Result<bool, StoreError> {
        let (dead, by) = (dead.clone(), by.clone());
        let claim = move |transaction: &super::writer::Transaction<'_>| {
            let mut update = transaction.sql.prepare_cached(
                "UPDATE nodes SET claimed_by = ?2 WHERE id = ?1 AND lease_until < ?3
                 AND (claimed_by IS NULL OR claimed_by = ?2
                      OR NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = nodes.claimed_by AND n.lease_until >= ?3))",
            )?;
            Ok::<_, Failure<StoreError>>(update.execute(params![dead.as_str(), by.as_str(), now.0])? == 1)
        };
        self.write(StorePort::Nodes, claim).await
    }

    async fn retire(&self, node: &NodeId) -> Result<(), StoreError> {
        let node = node.clone();
        let retire = move |transaction: &super::writer::Transaction<'_>| {
            transaction.sql.prepare_cached("DELETE FROM nodes WHERE id = ?")?.execute([node.as_str()])?;
            transaction.sql.prepare_cached("DELETE FROM mail WHERE node = ?")?.execute([node.as_str()])?;
            Ok::<_, Failure<StoreError>>(())
        };
        self.write(StorePort::Nodes, retire).await
    }

    async fn send(&self, to: &NodeId, mail: &Mail) -> Result<bool, StoreError> {
        let (to, mail) = (to.clone(), mail.clone());
        let send = move |transaction: &super::writer::Transaction<'_>| {
            let mut insert = transaction.sql.prepare_cached(
                "INSERT INTO mail (node, body) SELECT ?1, ?2
                 WHERE EXISTS (SELECT 1 FROM nodes WHERE id = ?1)",
            )?;
            let body = serde_json::to_string(&mail)?;
            Ok::<_, Failure<StoreError>>(insert.execute(params![to.as_str(), body])? == 1)
        };
        let sent = self.write(StorePort::Nodes, send).await?;
        self.0.mail.notify_waiters();
        Ok(sent)
    }

    async fn receive(&self, node: &NodeId, after: MailId) -> Result<Vec<(MailId, Mail)>, StoreError> {
        let news = self.0.mail.notified();
        let mail = self.read_mail(node, after).await?;
        if !mail.is_empty() || tokio::time::timeout(PATIENCE, news).await.is_err() {
            return Ok(mail);
        }
        self.read_mail(node, after).await
    }
}
