//! Everything that there is on the broker, and nothing else:
//!
//! | name | what |
//! |---|---|
//! | `assay.jobs` | direct exchange that doorbells are published to, routing key `<class>.<priority>` |
//! | `assay.jobs.<class>.<priority>` | quorum queue, one for each class and priority |
//! | `assay.dead` | fan-out exchange that the broker sends dead letters to |
//! | `assay.dead` | quorum queue of the dead letters |
//!
//! Quorum queues of RabbitMQ 3 know no priorities of messages, hence a queue for each. A full queue refuses new doorbells
//! (`reject-publish`), which stay in the database's outbox then; that overflow is also what at-least-once dead-lettering
//! requires. Every name begins with the configured prefix.

use lapin::{
    Channel, Connection, ErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable, ShortString},
};

use super::link::{Session, Trouble, limited};
use crate::{
    job::{Class, Priority},
    queue::{QueueConfig, QueueError},
};

/// Dead letters may be looked at (taken and put back) so often: RabbitMQ 4 has a limit of 20 when none is given, and
/// RabbitMQ 3 knows no way to say "none".
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000_000;

/// Names and limits of what is on the broker.
#[derive(Debug, Clone)]
pub(super) struct Topology {
    prefix: String,
    max_length: i64,
    delivery_limit: i64,
}

/// Every class with every priority.
pub(super) fn all() -> impl Iterator<Item = (Class, Priority)> {
    Class::ALL.into_iter().flat_map(|class| {
        Priority::ALL
            .into_iter()
            .map(move |priority| (class, priority))
    })
}

impl Topology {
    pub(super) fn new(config: &QueueConfig) -> Self {
        Self {
            prefix: config.prefix.clone(),
            max_length: config.max_length.into(),
            delivery_limit: config.delivery_limit.into(),
        }
    }

    pub(super) fn jobs_exchange(&self) -> ShortString {
        format!("{}assay.jobs", self.prefix).into()
    }

    pub(super) fn jobs_queue(&self, class: Class, priority: Priority) -> ShortString {
        let key = routing_key(class, priority);
        format!("{}assay.jobs.{key}", self.prefix).into()
    }

    /// The queues that workers of a class listen to, the most urgent first.
    pub(super) fn queues_of(&self, class: Class) -> Vec<ShortString> {
        let urgent_first = Priority::ALL.into_iter().rev();
        urgent_first
            .map(|priority| self.jobs_queue(class, priority))
            .collect()
    }

    /// The exchange and the queue of dead letters have the same name.
    pub(super) fn dead(&self) -> ShortString {
        format!("{}assay.dead", self.prefix).into()
    }

    /// Declares everything; what is there already must be as it would be made. An account that may declare nothing is
    /// content when everything is there.
    pub(super) async fn declare(&self, connection: &Connection) -> Result<(), Trouble> {
        let channel = limited(connection.create_channel()).await?;
        match self.declare_on(&channel).await {
            Err(trouble) if trouble.is(AMQPSoftError::ACCESSREFUSED) => {
                // That error has closed the channel.
                let channel = limited(connection.create_channel()).await?;
                self.look_for(&channel).await
            }
            declared => declared,
        }
    }

    async fn declare_on(&self, channel: &Channel) -> Result<(), Trouble> {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        for (name, kind) in [
            (self.dead(), ExchangeKind::Fanout),
            (self.jobs_exchange(), ExchangeKind::Direct),
        ] {
            let made = channel.exchange_declare(name, kind, durable, FieldTable::default());
            limited(made).await?;
        }
        let dead = arguments([(
            "x-delivery-limit",
            AMQPValue::LongLongInt(DEAD_DELIVERY_LIMIT),
        )]);
        queue(channel, self.dead(), dead).await?;
        bind(channel, self.dead(), self.dead(), "".into()).await?;
        for (class, priority) in all() {
            let name = self.jobs_queue(class, priority);
            queue(channel, name.clone(), self.job_arguments()).await?;
            let key = routing_key(class, priority).into();
            bind(channel, name, self.jobs_exchange(), key).await?;
        }
        Ok(())
    }

    fn job_arguments(&self) -> FieldTable {
        let text = |text: &str| AMQPValue::LongString(text.into());
        arguments([
            (
                "x-delivery-limit",
                AMQPValue::LongLongInt(self.delivery_limit),
            ),
            ("x-max-length", AMQPValue::LongLongInt(self.max_length)),
            ("x-overflow", text("reject-publish")),
            ("x-dead-letter-exchange", text(self.dead().as_str())),
            ("x-dead-letter-strategy", text("at-least-once")),
        ])
    }

    /// Whether every queue is there, asked without the right to make any.
    async fn look_for(&self, channel: &Channel) -> Result<(), Trouble> {
        let jobs = all().map(|(class, priority)| self.jobs_queue(class, priority));
        for name in jobs.chain([self.dead()]) {
            let shown = name.to_string();
            let found = channel.queue_declare(name, passive(), FieldTable::default());
            if let Err(trouble) = limited(found).await {
                return Err(if trouble.is(AMQPSoftError::NOTFOUND) {
                    Trouble::Refused(format!(
                        "there is no queue {shown}, and this account may not make it; run `assay prepare` with one that may"
                    ))
                } else {
                    trouble
                });
            }
        }
        Ok(())
    }
}

/// `cpu.normal` and the like.
pub(super) fn routing_key(class: Class, priority: Priority) -> String {
    format!("{}.{}", class.as_str(), priority.as_str())
}

/// Messages in a queue that nobody has taken.
pub(super) async fn count(
    session: &Session,
    channel: &Channel,
    queue: ShortString,
) -> Result<u64, QueueError> {
    let found = channel.queue_declare(queue, passive(), FieldTable::default());
    let found = limited(found)
        .await
        .map_err(|trouble| session.broke(trouble))?;
    Ok(found.message_count().into())
}

fn passive() -> QueueDeclareOptions {
    QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    }
}

fn arguments<const N: usize>(pairs: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    table.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    for (name, value) in pairs {
        table.insert(name.into(), value);
    }
    table
}

async fn queue(channel: &Channel, name: ShortString, arguments: FieldTable) -> Result<(), Trouble> {
    let shown = name.to_string();
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    match limited(channel.queue_declare(name, durable, arguments)).await {
        Ok(_) => Ok(()),
        Err(trouble) if trouble.is(AMQPSoftError::PRECONDITIONFAILED) => {
            Err(Trouble::Refused(format!(
                "the queue {shown} is there with other settings ({trouble}); let it run empty and delete it, or set another queue.prefix"
            )))
        }
        Err(trouble) => Err(trouble),
    }
}

async fn bind(
    channel: &Channel,
    queue: ShortString,
    exchange: ShortString,
    key: ShortString,
) -> Result<(), Trouble> {
    let options = QueueBindOptions::default();
    limited(channel.queue_bind(queue, exchange, key, options, FieldTable::default())).await
}

/// Whether the broker answered with this error.
pub(super) fn is_soft(error: &lapin::Error, wanted: &AMQPSoftError) -> bool {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return false;
    };
    matches!(error.kind(), AMQPErrorKind::Soft(soft) if soft == wanted)
}
