//! Hearing doorbells, one for each free slot.
//!
//! A free slot asks (`basic.get`), the most urgent queue first; docs/DECISIONS.md says why. An idle worker asks ever less
//! often, down to four times a second, or at once when it is told that there is news.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use lapin::{
    Acker,
    message::{BasicGetMessage, Delivery},
    options::{BasicAckOptions, BasicGetOptions, BasicNackOptions},
    types::ShortString,
};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::sleep,
};

use super::{
    link::{Link, Session, Trouble, limited},
    message,
};
use crate::{
    backoff::jittered,
    queue::{QueueError, QueueState, Ring},
};

/// After an empty look, doubled each time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// After a look because of news: what it was about may be on its way to the broker still.
const NEWS_PAUSE: Duration = Duration::from_millis(25);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Slots that wait in line.
const LINE: usize = 1024;

/// Asks the broker for doorbells, in a task of its own, so that nobody who stops waiting takes one along.
#[derive(Debug)]
pub(super) struct Getter {
    line: mpsc::Sender<oneshot::Sender<Ring>>,
    wake: Arc<Notify>,
    state: watch::Receiver<QueueState>,
}

/// A doorbell's place on the broker, until it is settled. Dropped, it goes back into its queue.
#[derive(Debug)]
pub(in crate::queue) struct Receipt {
    acker: Option<Acker>,
}

impl Receipt {
    fn new(acker: Acker) -> Self {
        Self { acker: Some(acker) }
    }

    /// Takes the message off its queue.
    pub(in crate::queue) async fn settle(mut self) {
        let Some(acker) = self.acker.take() else {
            return;
        };
        if let Err(trouble) = limited(acker.ack(BasicAckOptions::default())).await {
            tracing::debug!(%trouble, "a doorbell could not be acknowledged; it comes again");
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let Some(acker) = self.acker.take() else {
            return;
        };
        let back = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        // It is sent at the first poll; a connection that cannot send it ends, which puts the message back, too.
        let _sent = acker.nack(back).now_or_never();
    }
}

impl Getter {
    pub(super) fn start(
        link: Link,
        queues: Vec<ShortString>,
        mut closing: watch::Receiver<bool>,
    ) -> Self {
        let (line, mut waiting) = mpsc::channel(LINE);
        let wake = Arc::new(Notify::new());
        let state = link.state();
        let mut clerk = Clerk {
            link,
            queues,
            wake: Arc::clone(&wake),
        };
        tokio::spawn(async move {
            let serve = async {
                while let Some(slot) = waiting.recv().await {
                    clerk.serve(slot).await;
                }
            };
            tokio::select! {
                // An error means that the queue itself is gone.
                _closed = closing.wait_for(|closing| *closing) => {}
                () = serve => {}
            }
        });
        Self { line, wake, state }
    }

    /// Whether doorbells can be heard now.
    pub(super) fn state(&self) -> QueueState {
        self.state.borrow().clone()
    }

    pub(super) async fn next(&self) -> Result<Ring, QueueError> {
        let (slot, ring) = oneshot::channel();
        let in_line = self.line.send(slot).await;
        in_line.map_err(|_closed| QueueError::Closed)?;
        ring.await.map_err(|_closed| QueueError::Closed)
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }
}

struct Clerk {
    link: Link,
    /// The most urgent first.
    queues: Vec<ShortString>,
    wake: Arc<Notify>,
}

impl Clerk {
    /// Finds a doorbell for a slot, unless that stops waiting.
    async fn serve(&mut self, mut slot: oneshot::Sender<Ring>) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let session = tokio::select! {
                () = slot.closed() => return,
                session = self.link.connected() => match session {
                    Ok(session) => session,
                    Err(_closed) => return,
                },
            };
            // Not given up half-way: the message would be nobody's until the connection ends.
            match self.look(&session).await {
                Ok(Some(ring)) => {
                    // Back into its queue when the slot is gone.
                    let _given_back = slot.send(ring);
                    return;
                }
                Ok(None) => {}
                Err(trouble) => {
                    session.broke(trouble);
                    // The link notices in its own time.
                    pause = LONGEST_PAUSE;
                }
            }
            tokio::select! {
                () = slot.closed() => return,
                () = self.wake.notified() => pause = NEWS_PAUSE,
                () = sleep(jittered(pause)) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    async fn look(&self, session: &Session) -> Result<Option<Ring>, Trouble> {
        for queue in &self.queues {
            loop {
                let options = BasicGetOptions::default();
                let asked = session.main.basic_get(queue.clone(), options);
                let Some(BasicGetMessage { delivery, .. }) = limited(asked).await? else {
                    break;
                };
                if let Some(ring) = read(delivery).await? {
                    return Ok(Some(ring));
                }
            }
        }
        Ok(None)
    }
}

/// The doorbell in a message. What is none goes to the dead letters.
async fn read(delivery: Delivery) -> Result<Option<Ring>, Trouble> {
    match message::decode(&delivery.data) {
        Ok(job) => {
            let trace = message::traceparent(&delivery.properties);
            Ok(Some(Ring::new(
                job,
                trace,
                Some(Receipt::new(delivery.acker)),
            )))
        }
        Err(reason) => {
            tracing::warn!(queue = %delivery.routing_key, reason, "a message that is no doorbell was put aside");
            let aside = BasicNackOptions {
                requeue: false,
                ..BasicNackOptions::default()
            };
            limited(delivery.acker.nack(aside)).await?;
            Ok(None)
        }
    }
}
