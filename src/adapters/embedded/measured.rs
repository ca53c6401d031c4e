//! The two ways to the database, measured.

use std::time::Instant;

use guildhall_actors::metrics::{StoreOperation, StorePort};
use guildhall_actors::ports::{ChannelError, PlayerError, StoreError};
use rusqlite::Connection;

use super::Embedded;
use super::error::Failure;
use super::writer::Transaction;
use crate::metrics::server_meters;

/// An error of a port: the store's, or a rule's refusal.
pub(super) trait PortError: From<StoreError> + Send + 'static {
    fn is_of_store(&self) -> bool;
}

impl PortError for StoreError {
    fn is_of_store(&self) -> bool {
        true
    }
}

impl PortError for ChannelError {
    fn is_of_store(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}

impl PortError for PlayerError {
    fn is_of_store(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}

impl Embedded {
    /// As `Writer::write`.
    pub(super) async fn write<T, E>(
        &self,
        port: StorePort,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, Failure<E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: PortError,
    {
        let started = Instant::now();
        let written = self.0.writer.write(step).await;
        note(port, StoreOperation::Write, started, &written);
        written
    }

    /// As `Readers::read`.
    pub(super) async fn query<T, E>(
        &self,
        port: StorePort,
        query: impl FnOnce(&Connection) -> Result<T, Failure<E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: PortError,
    {
        let started = Instant::now();
        let read = self.0.readers.read(query).await;
        note(port, StoreOperation::Read, started, &read);
        read
    }
}

/// Measures a call that has been answered.
pub(super) fn note<T, E: PortError>(
    port: StorePort,
    operation: StoreOperation,
    started: Instant,
    result: &Result<T, E>,
) {
    let failed = result.as_ref().is_err_and(PortError::is_of_store);
    server_meters().store_call(port, operation, started, failed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_refuses_is_no_failure_of_the_store() {
        let failure = || StoreError("the disk is full".into());
        assert!(failure().is_of_store());
        assert!(ChannelError::from(failure()).is_of_store() && !ChannelError::NotFound.is_of_store());
        assert!(PlayerError::from(failure()).is_of_store() && !PlayerError::Suspended.is_of_store());
    }
}
