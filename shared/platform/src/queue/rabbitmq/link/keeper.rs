//! Makes the connection, watches it, makes it anew.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use lapin::{
    Connection, ConnectionProperties, Event,
    options::ConfirmSelectOptions,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    super::{ANSWER, Setup},
    Now, Role, Session, Trouble, limited,
};
use crate::{
    backoff::Backoff, queue::QueueState, telemetry::metrics::BROKER_CONNECTIONS,
    tls::refused_certificate,
};

/// Between two tries to reach a broker.
const AGAIN: Backoff = Backoff {
    least: Duration::from_millis(100),
    most: Duration::from_secs(5),
};
/// How long a broker that took the connection may take to greet us. A paused broker does that; asking it again meanwhile
/// would only leave another half-open connection behind.
const GREETING: Duration = Duration::from_secs(60);
/// How often the connection's state is looked at when nobody complains.
const LOOK: Duration = Duration::from_secs(1);

/// Who keeps a connection alive.
pub(super) struct Keeper {
    pub(super) setup: Setup,
    pub(super) role: Role,
    pub(super) address: Arc<str>,
    pub(super) now: watch::Sender<Now>,
    pub(super) state: watch::Sender<QueueState>,
    pub(super) broken_tx: mpsc::Sender<(u64, String)>,
    pub(super) broken: mpsc::Receiver<(u64, String)>,
    pub(super) closing: watch::Receiver<bool>,
}

impl Keeper {
    /// Until it is to be closed.
    pub(super) async fn keep(mut self) {
        let mut closing = self.closing.clone();
        let closed = async move {
            // An error means that nobody is left to say it.
            let _gone = closing.wait_for(|closing| *closing).await.is_err();
        };
        tokio::select! {
            () = closed => {}
            never = self.connect_for_ever() => match never {},
        }
        self.now.send_replace(Now::Closed);
        self.state.send_replace(QueueState::Closed);
    }

    async fn connect_for_ever(&mut self) -> Infallible {
        let mut failures = 0;
        let mut number = 0;
        loop {
            number += 1;
            match self.connect(number).await {
                Ok(session) => {
                    failures = 0;
                    self.up(&session);
                    let reason = self.until_broken(&session).await;
                    drop(session);
                    self.down(QueueState::Recovering(reason));
                }
                Err(Trouble::Refused(reason)) => self.down(QueueState::Refused(reason)),
                Err(trouble) => self.down(QueueState::Recovering(trouble.to_string())),
            }
            sleep(AGAIN.after(failures)).await;
            failures = failures.saturating_add(1);
        }
    }

    fn up(&self, session: &Arc<Session>) {
        metrics::counter!(BROKER_CONNECTIONS, "role" => self.role.as_str()).increment(1);
        tracing::info!(broker = %self.address, role = self.role.as_str(), "connected to the broker");
        // The session first: who reads "connected" finds it.
        self.now.send_replace(Now::Up(Arc::clone(session)));
        self.state.send_replace(QueueState::Connected);
    }

    /// Says what is wrong, once for each time that it changes.
    fn down(&self, state: QueueState) {
        self.now.send_replace(Now::Down);
        let changed = self.state.send_if_modified(|known| {
            let changed = *known != state;
            *known = state.clone();
            changed
        });
        if changed {
            tracing::warn!(broker = %self.address, role = self.role.as_str(), %state, "no connection to the broker");
        }
    }

    async fn connect(&self, number: u64) -> Result<Arc<Session>, Trouble> {
        let name = format!("assay {}", self.role.as_str());
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let greeted = self.setup.address.connect(properties);
        let connection = match self.greeted(greeted).await {
            Err(Trouble::Lapin(error)) => return Err(self.at_the_door(error)),
            greeted => greeted?,
        };
        self.setup.topology.declare(&connection).await?;
        let main = limited(connection.create_channel()).await?;
        if self.role == Role::Publish {
            limited(main.confirm_select(ConfirmSelectOptions::default())).await?;
        }
        let session = Session {
            connection,
            main,
            number,
            address: Arc::clone(&self.address),
            broken: self.broken_tx.clone(),
        };
        Ok(Arc::new(session))
    }

    /// Waits for the greeting; says after a while that there is none yet.
    async fn greeted(
        &self,
        greeting: impl Future<Output = lapin::Result<Connection>>,
    ) -> Result<Connection, Trouble> {
        let mut greeting = std::pin::pin!(greeting);
        if let Ok(greeted) = timeout(ANSWER, greeting.as_mut()).await {
            return greeted.map_err(Trouble::Lapin);
        }
        self.down(QueueState::Recovering(Trouble::Silent(ANSWER).to_string()));
        match timeout(GREETING, greeting).await {
            Ok(greeted) => greeted.map_err(Trouble::Lapin),
            Err(_) => Err(Trouble::Silent(GREETING)),
        }
    }

    /// What a broker that lets us not in has said.
    fn at_the_door(&self, error: lapin::Error) -> Trouble {
        if let Some(reason) = refused_certificate(&error) {
            return Trouble::Refused(format!(
                "{reason}; name the file of its authority in queue.ca_file"
            ));
        }
        let user = self.setup.address.user();
        let lapin::ErrorKind::ProtocolError(said) = error.kind() else {
            return Trouble::Lapin(error);
        };
        match said.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Trouble::Refused(format!(
                "it does not let {user:?} in ({}); look at queue.url and queue.password_file",
                said.get_message()
            )),
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => Trouble::Refused(format!(
                "{user:?} may not use this virtual host ({}); make it, and give the account its rights",
                said.get_message()
            )),
            _ => Trouble::Lapin(error),
        }
    }

    /// Completes when the session can be used no longer; gives the reason.
    async fn until_broken(&mut self, session: &Session) -> String {
        // What happened before is seen at the first look.
        let mut events = std::pin::pin!(session.connection.events_listener());
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                report = self.broken.recv() => match report {
                    Some((number, reason)) if number == session.number => return reason,
                    // Of a session that is gone; the sender lives in this very struct.
                    _ => {}
                },
                event = events.next() => match event {
                    // What ended one channel is told to who used it.
                    Some(Event::Error(error)) if session.is_alive() && is_of_a_channel(&error) => {}
                    Some(Event::Error(error)) => return error.to_string(),
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!(broker = %self.address, %reason, "the broker takes no messages for now");
                    }
                    Some(Event::ConnectionUnblocked) => {
                        tracing::info!(broker = %self.address, "the broker takes messages again");
                    }
                    Some(_) => {}
                    None => return "the connection ended".to_owned(),
                },
                _ = look.tick() => if !session.is_alive() {
                    return "the connection ended".to_owned();
                },
            }
        }
    }
}

/// Whether an error ends the channel that it came on and leaves the connection (AMQP 0-9-1, §1.1: soft errors).
fn is_of_a_channel(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(said) if matches!(said.kind(), AMQPErrorKind::Soft(_)))
}
