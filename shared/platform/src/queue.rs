//! The queue carries job ids, never jobs: the database is the truth, the queue is the doorbell.
//!
//! Whoever is told of a job claims it in the database, then says [`Ring::done`], then runs it. A doorbell may come twice
//! or for a job that cannot be claimed (any more): the claim decides, and what is lost is rung again (`crate::upkeep`).

mod config;
mod doorbell;
pub mod in_process;
pub mod rabbitmq;

use tokio::sync::watch;

pub use config::QueueConfig;
pub use doorbell::{Doorbell, Ring};

use crate::{
    ids::JobId,
    job::{Class, Priority},
};

/// What can go wrong with the queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The queue is closed: the process is stopping.
    #[error("the queue is closed")]
    Closed,
    /// What is configured cannot be used.
    #[error("queue: {0}")]
    Config(String),
    /// The broker cannot be reached now; the connection is being made anew.
    #[error("the broker at {address} cannot be reached: {reason}")]
    Unreachable {
        /// Host, port and virtual host.
        address: String,
        /// What was seen last.
        reason: String,
    },
    /// The broker refuses this service: account, rights, or queues that are not as they should be.
    #[error("the broker at {address} refuses: {reason}")]
    Refused {
        /// Host, port and virtual host.
        address: String,
        /// What it said, and what to do.
        reason: String,
    },
    /// The broker takes no messages for now: it is short of memory or disk.
    #[error("the broker takes no messages for now: it is short of memory or disk")]
    Blocked,
    /// The broker has no queue for a doorbell.
    #[error("the broker returned a doorbell: it has no queue for {0}")]
    Unroutable(String),
    /// The broker did not take a doorbell: its queue is full.
    #[error("the broker did not take a doorbell: its queue is full")]
    Full,
}

/// Whether the queue can be worked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueState {
    /// It can.
    Connected,
    /// The broker cannot be reached; the connection is being made anew. Holds the reason.
    Recovering(String),
    /// The broker refuses; it is asked again now and then. Holds the reason.
    Refused(String),
    /// The process is stopping.
    Closed,
}

impl std::fmt::Display for QueueState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connected => f.write_str("ok"),
            Self::Recovering(reason) => write!(f, "recovering: {reason}"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Closed => f.write_str("closed"),
        }
    }
}

/// What came of ringing some doorbells.
#[derive(Debug, Default)]
pub struct Rung {
    /// The jobs whose doorbells the queue has for certain.
    pub confirmed: Vec<JobId>,
    /// Why others are not among them. They may have rung all the same.
    pub trouble: Option<QueueError>,
}

/// Doorbells that wait for workers of one class, by priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// The class of the jobs.
    pub class: Class,
    /// Their priority.
    pub priority: Priority,
    /// How many wait.
    pub waiting: u64,
}

/// A message that could not be delivered, and what became known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The job that it names; `None` when it is no doorbell.
    pub job: Option<JobId>,
    /// Why the broker put it aside, as it says: `rejected`, `delivery_limit`, …; "unknown" when it says nothing.
    pub reason: String,
    /// The queue that it was in; "unknown" when the broker does not say.
    pub queue: String,
    /// The beginning of what it holds, for people.
    pub text: String,
}

/// The queue, by configuration.
#[derive(Debug, Clone)]
pub enum Queue {
    /// Within this process, refilled from the database at start.
    InProcess(in_process::InProcess),
    /// RabbitMQ 3.10 or later.
    RabbitMq(rabbitmq::RabbitMq),
}

impl Queue {
    /// The queue that is configured. A broker is connected to in the background, again and again; [`Queue::state`] tells.
    ///
    /// Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`QueueError::Config`]: the address or the password file cannot be used.
    pub fn open(config: &QueueConfig) -> Result<Self, QueueError> {
        if config.url.is_empty() {
            return Ok(Self::in_process());
        }
        rabbitmq::RabbitMq::open(config).map(Self::RabbitMq)
    }

    /// The word for its kind: `in-process` or `rabbitmq`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InProcess(_) => "in-process",
            Self::RabbitMq(_) => "rabbitmq",
        }
    }

    /// The queue of a process that shares it with no other.
    pub fn in_process() -> Self {
        Self::InProcess(in_process::InProcess::default())
    }

    /// Whether doorbells outlive this process.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::RabbitMq(_))
    }

    /// Rings the doorbell of a job. Ringing twice is harmless: the claim decides.
    ///
    /// # Errors
    /// Any [`QueueError`]; the doorbell may have rung all the same.
    pub async fn ring(&self, bell: &Doorbell) -> Result<(), QueueError> {
        let rung = self.ring_all(std::slice::from_ref(bell)).await;
        rung.trouble.map_or(Ok(()), Err)
    }

    /// Rings many doorbells; waits until the queue has confirmed each, or why not.
    pub async fn ring_all(&self, bells: &[Doorbell]) -> Rung {
        match self {
            Self::InProcess(queue) => queue.ring_all(bells),
            Self::RabbitMq(queue) => queue.ring_all(bells).await,
        }
    }

    /// Waits for the next doorbell of this process' class, the highest priority first. May be given up at any time
    /// without losing one.
    ///
    /// # Errors
    /// [`QueueError::Closed`]. While the broker cannot be reached it waits.
    pub async fn next(&self) -> Result<Ring, QueueError> {
        match self {
            Self::InProcess(queue) => queue.next().await,
            Self::RabbitMq(queue) => queue.next().await,
        }
    }

    /// Looks for doorbells at once: there is word that one rang.
    pub fn wake(&self) {
        match self {
            Self::InProcess(_) => {}
            Self::RabbitMq(queue) => queue.wake(),
        }
    }

    /// Doorbells waiting, by class and priority.
    ///
    /// # Errors
    /// Any [`QueueError`] of a broker.
    pub async fn depths(&self) -> Result<Vec<Depth>, QueueError> {
        match self {
            Self::InProcess(queue) => Ok(queue.depths()),
            Self::RabbitMq(queue) => queue.depths().await,
        }
    }

    /// Messages that could not be delivered, the oldest first, at most `limit`. They stay where they are.
    ///
    /// # Errors
    /// Any [`QueueError`] of a broker.
    pub async fn dead(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        match self {
            Self::InProcess(_) => Ok(Vec::new()),
            Self::RabbitMq(queue) => queue.dead(limit).await,
        }
    }

    /// Takes dead letters that `wanted` accepts away, the oldest first, looking at `limit` of them; the others stay. Each is
    /// gone only after `wanted` has said so, so what it does with a letter is done at least once.
    ///
    /// # Errors
    /// Any [`QueueError`] of a broker.
    pub async fn take_dead(
        &self,
        limit: usize,
        wanted: impl AsyncFnMut(DeadLetter) -> bool,
    ) -> Result<usize, QueueError> {
        match self {
            Self::InProcess(_) => Ok(0),
            Self::RabbitMq(queue) => queue.take_dead(limit, wanted).await,
        }
    }

    /// Whether everything that this process does with the queue can be done now: ringing, and where it hears doorbells, that
    /// too.
    pub fn health(&self) -> QueueState {
        match self {
            Self::InProcess(queue) => queue.state().borrow().clone(),
            Self::RabbitMq(queue) => queue.health(),
        }
    }

    /// Whether doorbells can be rung now, and whenever that changes.
    pub fn state(&self) -> watch::Receiver<QueueState> {
        match self {
            Self::InProcess(queue) => queue.state(),
            Self::RabbitMq(queue) => queue.state(),
        }
    }

    /// Closes the queue; waiting `next` calls return [`QueueError::Closed`]. What waits is in the database, too.
    pub fn close(&self) {
        match self {
            Self::InProcess(queue) => queue.close(),
            Self::RabbitMq(queue) => queue.close(),
        }
    }
}

#[cfg(test)]
mod tests;
