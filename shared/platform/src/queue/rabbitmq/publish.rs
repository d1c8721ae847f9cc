use std::collections::HashSet;

use lapin::{
    Confirmation, PublisherConfirm, message::BasicReturnMessage, options::BasicPublishOptions,
};

use super::{
    link::{Link, Session, limited},
    message,
    topology::{Topology, routing_key},
};
use crate::{
    ids::JobId,
    queue::{Doorbell, QueueError, Rung},
    telemetry::metrics::{DOORBELLS_CONFIRMED, DOORBELLS_PUBLISHED, DOORBELLS_REFUSED},
};

/// Publishes doorbells one behind the other, then waits for the broker's confirmation of each.
pub(super) async fn ring_all(link: &Link, topology: &Topology, bells: &[Doorbell]) -> Rung {
    let session = match link.session() {
        Ok(session) if session.is_blocked() => return failed(QueueError::Blocked),
        Ok(session) => session,
        Err(error) => return failed(error),
    };
    let (waiting, unsent) = publish(&session, topology, bells).await;
    let mut tally = Tally::default();
    for (job, confirm) in waiting {
        match limited(confirm).await {
            Ok(confirmation) => tally.count(job, confirmation),
            Err(trouble) => {
                // Nothing more comes over this connection.
                tally.trouble = Some(session.broke(trouble));
                break;
            }
        }
    }
    let rung = tally.rung(&session);
    metrics::counter!(DOORBELLS_CONFIRMED).increment(rung.confirmed.len() as u64);
    Rung {
        trouble: unsent.or(rung.trouble),
        ..rung
    }
}

fn failed(error: QueueError) -> Rung {
    Rung {
        trouble: Some(error),
        ..Rung::default()
    }
}

/// Sends as many as the connection takes.
async fn publish(
    session: &Session,
    topology: &Topology,
    bells: &[Doorbell],
) -> (Vec<(JobId, PublisherConfirm)>, Option<QueueError>) {
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let mut waiting = Vec::with_capacity(bells.len());
    for bell in bells {
        let payload = match message::encode(bell) {
            Ok(payload) => payload,
            Err(error) => return (waiting, Some(QueueError::Config(error.to_string()))),
        };
        let sent = session.main.basic_publish(
            topology.jobs_exchange(),
            routing_key(bell.class, bell.priority).into(),
            mandatory,
            &payload,
            message::properties(bell),
        );
        match limited(sent).await {
            Ok(confirm) => waiting.push((bell.job, confirm)),
            Err(trouble) => return (waiting, Some(session.broke(trouble))),
        }
        metrics::counter!(DOORBELLS_PUBLISHED).increment(1);
    }
    (waiting, None)
}

/// What the broker has said of the doorbells.
#[derive(Default)]
struct Tally {
    acked: Vec<JobId>,
    returned: HashSet<JobId>,
    trouble: Option<QueueError>,
    /// The exchange has no queue for something: the topology must be declared anew.
    unroutable: bool,
}

impl Tally {
    fn count(&mut self, job: JobId, confirmation: Confirmation) {
        match confirmation {
            Confirmation::Ack(returned) => {
                self.acked.push(job);
                self.take_back(job, returned);
            }
            Confirmation::Nack(returned) => {
                metrics::counter!(DOORBELLS_REFUSED, "reason" => "full").increment(1);
                self.trouble = Some(QueueError::Full);
                self.take_back(job, returned);
            }
            // The channel would not be one with confirms; nothing is known of the message then.
            Confirmation::NotRequested => {}
        }
    }

    /// A returned message comes with some confirmation, not always with its own: its id says which one it was.
    fn take_back(&mut self, confirmed: JobId, returned: Option<BasicReturnMessage>) {
        let Some(returned) = returned else { return };
        let job = message::job_of(&returned.delivery.properties).unwrap_or(confirmed);
        self.returned.insert(job);
        metrics::counter!(DOORBELLS_REFUSED, "reason" => "unroutable").increment(1);
        let key = returned.delivery.routing_key.to_string();
        self.trouble = Some(QueueError::Unroutable(key));
        self.unroutable = true;
    }

    fn rung(mut self, session: &Session) -> Rung {
        if self.unroutable {
            session.broke("a doorbell was returned: its queue is gone");
        }
        self.acked.retain(|job| !self.returned.contains(job));
        Rung {
            confirmed: self.acked,
            trouble: self.trouble,
        }
    }
}
