//! The queue as quorum queues of RabbitMQ 3.10 or later.
//!
//! `topology` says what there is on the broker, `message` what a doorbell looks like there. `link` keeps one connection
//! alive, whatever happens to the broker; there are two of them, because a broker that is short of memory stops reading
//! from connections that publish, and workers must go on acknowledging then. `publish` rings, `get` hears, `dead` looks
//! after what could not be delivered.

mod address;
mod dead;
mod get;
mod link;
mod message;
mod publish;
mod topology;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::watch;

use super::{DeadLetter, Depth, Doorbell, QueueConfig, QueueError, QueueState, Ring, Rung};
use crate::job::{Class, Priority};
use address::Address;
use get::Getter;
use link::{Link, Role};
use topology::Topology;

pub(super) use get::Receipt;

/// How long the broker may take for any one answer before the connection is given up.
const ANSWER: Duration = Duration::from_secs(10);

/// A broker and its queues. Clones share their connections.
#[derive(Debug, Clone)]
pub struct RabbitMq(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    setup: Setup,
    class: Class,
    publisher: Link,
    /// Made when the first doorbell is asked for: a process that only publishes has one connection.
    getter: OnceLock<Getter>,
    closing: watch::Sender<bool>,
}

/// What every connection begins with.
#[derive(Debug, Clone)]
struct Setup {
    address: Arc<Address>,
    topology: Arc<Topology>,
}

impl RabbitMq {
    /// Begins to connect. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`QueueError::Config`].
    pub(super) fn open(config: &QueueConfig) -> Result<Self, QueueError> {
        let setup = Setup {
            address: Arc::new(Address::read(config)?),
            topology: Arc::new(Topology::new(config)),
        };
        let closing = watch::Sender::new(false);
        Ok(Self(Arc::new(Inner {
            publisher: Link::start(setup.clone(), Role::Publish, closing.subscribe()),
            setup,
            class: config.class,
            getter: OnceLock::new(),
            closing,
        })))
    }

    pub(super) async fn ring_all(&self, bells: &[Doorbell]) -> Rung {
        publish::ring_all(&self.0.publisher, &self.0.setup.topology, bells).await
    }

    pub(super) async fn next(&self) -> Result<Ring, QueueError> {
        if *self.0.closing.borrow() {
            return Err(QueueError::Closed);
        }
        self.getter().next().await
    }

    pub(super) fn wake(&self) {
        if let Some(getter) = self.0.getter.get() {
            getter.wake();
        }
    }

    pub(super) async fn depths(&self) -> Result<Vec<Depth>, QueueError> {
        let session = self.0.publisher.session()?;
        let channel = session.channel().await?;
        let mut depths = Vec::with_capacity(Class::ALL.len() * Priority::ALL.len());
        for (class, priority) in topology::all() {
            let name = self.0.setup.topology.jobs_queue(class, priority);
            let waiting = topology::count(&session, &channel, name).await?;
            depths.push(Depth {
                class,
                priority,
                waiting,
            });
        }
        Ok(depths)
    }

    pub(super) async fn dead(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let session = self.0.publisher.session()?;
        dead::list(&session, &self.0.setup.topology, limit).await
    }

    pub(super) async fn take_dead(
        &self,
        limit: usize,
        wanted: impl AsyncFnMut(DeadLetter) -> bool,
    ) -> Result<usize, QueueError> {
        let session = self.0.publisher.session()?;
        dead::take(&session, &self.0.setup.topology, limit, wanted).await
    }

    pub(super) fn state(&self) -> watch::Receiver<QueueState> {
        self.0.publisher.state()
    }

    /// The worse of the two connections.
    pub(super) fn health(&self) -> QueueState {
        let publishing = self.0.publisher.state().borrow().clone();
        match (publishing, self.0.getter.get()) {
            (QueueState::Connected, Some(getter)) => getter.state(),
            (publishing, _) => publishing,
        }
    }

    pub(super) fn close(&self) {
        self.0.closing.send_replace(true);
    }

    fn getter(&self) -> &Getter {
        let inner = &self.0;
        inner.getter.get_or_init(|| {
            let link = Link::start(inner.setup.clone(), Role::Get, inner.closing.subscribe());
            let queues = inner.setup.topology.queues_of(inner.class);
            Getter::start(link, queues, inner.closing.subscribe())
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closing.send_replace(true);
    }
}
