//! The one thread that writes: group commit, and the channel subscriptions that ring after it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use guildhall_actors::event::{Event, EventBody};
use guildhall_actors::ids::ChannelKey;
use guildhall_actors::ports::{Ring, StoreError, Subscriber};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::checkpoints::Checkpoints;
use super::error::Failure;

/// Steps that may wait for the writer; beyond, callers wait to hand theirs over.
const QUEUE: usize = 4096;
/// Steps that share one commit.
const BATCH: usize = 512;

/// Hands steps to the writing thread. The thread ends, and the database is closed, when this is dropped.
pub(super) struct Writer {
    steps: Option<mpsc::Sender<Step>>,
    thread: Option<JoinHandle<()>>,
    subscribers: Subscribers,
}

/// What a step works with.
pub(super) struct Transaction<'a> {
    pub(super) sql: &'a Connection,
    /// What to do, in order, once the commit is on disk.
    afterwards: &'a RefCell<Vec<Afterwards>>,
}

/// What concerns the subscribers of a channel. It waits for the commit, so that a subscriber hears neither what was
/// undone nor what came before it in the same commit.
enum Afterwards {
    Ring(ChannelKey, Arc<Event>),
    Subscribe(ChannelKey, Subscriber),
}

/// Who hears of the end of a transaction.
struct Ending {
    at_end: AtEnd,
    subscribers: Subscribers,
}

/// Who listens to which channel.
#[derive(Clone, Default)]
pub(super) struct Subscribers(Arc<Mutex<HashMap<ChannelKey, Subscriber>>>);

/// Runs inside the transaction; what it returns runs once it is known whether the commit succeeded.
type Step = Box<dyn FnOnce(&Transaction<'_>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;
type AtEnd = Box<dyn Fn(Result<(), &StoreError>) + Send>;

impl Writer {
    /// `at_end` hears of the end of every transaction, before its steps are answered and the next one begins.
    pub(super) fn start(
        connection: Connection,
        checkpoints: Checkpoints,
        at_end: impl Fn(Result<(), &StoreError>) + Send + 'static,
    ) -> Self {
        let (steps, queue) = mpsc::channel(QUEUE);
        let subscribers = Subscribers::default();
        let ring = subscribers.clone();
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || {
                run(&connection, checkpoints, queue, &Ending { at_end: Box::new(at_end), subscribers: ring });
            })
            .expect("the system starts one more thread");
        Self { steps: Some(steps), thread: Some(thread), subscribers }
    }

    /// Runs a step in a transaction of its own or shared with others; returns after the commit. A step that fails
    /// is undone alone.
    pub(super) async fn write<T, E>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, Failure<E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (step, answered) = answering(step);
        self.steps().send(step).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// The same from a thread that may block.
    pub(super) fn write_blocking<T, E>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, Failure<E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (step, answered) = answering(step);
        self.steps().blocking_send(step).map_err(|_| stopped())?;
        answered.blocking_recv().map_err(|_| stopped())?
    }

    fn steps(&self) -> &mpsc::Sender<Step> {
        self.steps.as_ref().expect("taken at drop only")
    }

    pub(super) fn subscribers(&self) -> &Subscribers {
        &self.subscribers
    }
}

fn stopped() -> StoreError {
    StoreError("the store's writer has stopped".into())
}

/// A step that is run in a savepoint, and where its result arrives after the commit.
fn answering<T, E>(
    step: impl FnOnce(&Transaction<'_>) -> Result<T, Failure<E>> + Send + 'static,
) -> (Step, oneshot::Receiver<Result<T, E>>)
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let step: Step = Box::new(move |transaction| {
        let result = in_savepoint(transaction, step);
        Box::new(move |committed| {
            let result = match committed {
                Ok(()) => result.map_err(Failure::into_error),
                Err(error) => Err(error.clone().into()),
            };
            // The caller may have given up; the step is done all the same.
            let _ = answer.send(result);
        })
    });
    (step, answered)
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.steps = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the store's writer had crashed");
        }
    }
}

fn run(connection: &Connection, mut checkpoints: Checkpoints, mut queue: mpsc::Receiver<Step>, ending: &Ending) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = queue.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH {
            let Ok(step) = queue.try_recv() else { break };
            batch.push(step);
        }
        commit(connection, &mut checkpoints, ending, &mut batch);
    }
}

fn commit(connection: &Connection, checkpoints: &mut Checkpoints, ending: &Ending, batch: &mut Vec<Step>) {
    let afterwards = RefCell::default();
    let mut answers = Vec::with_capacity(batch.len());
    let transaction = Transaction { sql: connection, afterwards: &afterwards };
    let turn = checkpoints.turn();
    let result = run_steps(&transaction, batch, &mut answers);
    if let Err(error) = &result {
        error!(%error, "commit failed");
        roll_back(connection);
    }
    drop(turn);
    checkpoints.on_commit();
    (ending.at_end)(result.as_ref().copied());
    if result.is_ok() {
        afterwards.into_inner().into_iter().for_each(|step| ending.subscribers.perform(step));
    }
    // Steps that were never run: dropping them tells their callers.
    batch.clear();
    answers.into_iter().for_each(|answer| answer(result.as_ref().copied()));
}

fn run_steps(
    transaction: &Transaction<'_>,
    batch: &mut Vec<Step>,
    answers: &mut Vec<Answer>,
) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError(error.to_string());
    let execute = |sql| transaction.sql.prepare_cached(sql).and_then(|mut sql| sql.execute([])).map_err(failed);
    execute("BEGIN IMMEDIATE")?;
    for step in batch.drain(..) {
        answers.push(step(transaction));
        // A full disk or a failed write ends the whole transaction: going on would begin one per step.
        if transaction.sql.is_autocommit() {
            return Err(StoreError("the database gave up the transaction".into()));
        }
    }
    execute("COMMIT").map(|_| ())
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        error!(%error, "rollback failed");
    }
}

fn in_savepoint<T, E>(
    transaction: &Transaction<'_>,
    step: impl FnOnce(&Transaction<'_>) -> Result<T, Failure<E>>,
) -> Result<T, Failure<E>> {
    let sql = transaction.sql;
    let planned_before = transaction.afterwards.borrow().len();
    sql.prepare_cached("SAVEPOINT step")?.execute([])?;
    // A step with a bug is undone like one that failed; the thread must outlive it.
    let result = catch_unwind(AssertUnwindSafe(|| step(transaction))).unwrap_or(Err(Failure::Crashed));
    if result.is_err() {
        sql.prepare_cached("ROLLBACK TO step")?.execute([])?;
        transaction.afterwards.borrow_mut().truncate(planned_before);
    }
    sql.prepare_cached("RELEASE step")?.execute([])?;
    result
}

impl Transaction<'_> {
    /// Rings with the event once it is on disk.
    pub(super) fn ring_later(&self, key: &ChannelKey, event: Event) {
        self.afterwards.borrow_mut().push(Afterwards::Ring(key.clone(), Arc::new(event)));
    }

    /// Hands the subscriber every later event, once this step is on disk.
    pub(super) fn subscribe_later(&self, key: &ChannelKey, subscriber: Subscriber) {
        self.afterwards.borrow_mut().push(Afterwards::Subscribe(key.clone(), subscriber));
    }
}

impl Subscribers {
    pub(super) fn remove(&self, key: &ChannelKey) {
        self.0.lock().remove(key);
    }

    fn perform(&self, step: Afterwards) {
        match step {
            Afterwards::Ring(key, event) => self.ring(&key, event),
            Afterwards::Subscribe(key, subscriber) => drop(self.0.lock().insert(key, subscriber)),
        }
    }

    /// The DELETE event is the last one: the subscriber goes with the channel.
    fn ring(&self, key: &ChannelKey, event: Arc<Event>) {
        let subscriber = match event.body {
            EventBody::Deleted => self.0.lock().remove(key),
            _ => self.0.lock().get(key).cloned(),
        };
        if let Some(subscriber) = subscriber {
            subscriber(Ring::Event(event));
        }
    }
}
