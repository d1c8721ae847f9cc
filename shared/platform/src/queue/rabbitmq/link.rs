//! One connection that is made anew whenever it breaks.
//!
//! lapin can recover connections by itself. It is not used: it replays what it has seen instead of what should be there,
//! and a caller cannot tell a doorbell that was confirmed from one that went down with the old connection. Here a broken
//! connection is simply gone with everything on it; whoever waited for an answer gets an error and starts over on the
//! next one.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use lapin::{
    Channel, Connection, ConnectionProperties, Event,
    options::ConfirmSelectOptions,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{ANSWER, Setup, topology::is_soft};
use crate::{
    backoff::Backoff,
    queue::{QueueError, QueueState},
    telemetry::metrics::BROKER_CONNECTIONS,
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
/// Reports of a broken session that wait to be read.
const REPORTS: usize = 16;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Publish,
    Get,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Get => "get",
        }
    }
}

/// A connection, or the wait for the next.
#[derive(Debug, Clone)]
pub(super) struct Link {
    now: watch::Receiver<Now>,
    state: watch::Receiver<QueueState>,
    address: Arc<str>,
}

/// What there is now.
#[derive(Debug, Clone)]
enum Now {
    Up(Arc<Session>),
    Down,
    Closed,
}

/// One connection, from its making to its breaking.
pub(super) struct Session {
    connection: Connection,
    /// The channel of the connection's role: with publisher confirms, or for `basic.get`.
    pub(super) main: Channel,
    number: u64,
    address: Arc<str>,
    broken: mpsc::Sender<(u64, String)>,
}

/// Why something could not be done on a connection.
#[derive(Debug)]
pub(super) enum Trouble {
    /// lapin's or the broker's error.
    Lapin(lapin::Error),
    /// No answer in time.
    Silent(Duration),
    /// The broker will not have it, and asking again does not help.
    Refused(String),
}

impl Trouble {
    pub(super) fn is(&self, wanted: AMQPSoftError) -> bool {
        matches!(self, Self::Lapin(error) if is_soft(error, &wanted))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lapin(error) => write!(f, "{error}"),
            Self::Silent(limit) => write!(f, "no answer within {} s", limit.as_secs()),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

/// Waits for an answer of the broker, but not for ever.
pub(super) async fn limited<T>(
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Trouble> {
    match timeout(ANSWER, answer).await {
        Ok(answer) => answer.map_err(Trouble::Lapin),
        Err(_) => Err(Trouble::Silent(ANSWER)),
    }
}

impl Link {
    /// Begins to connect, in a task that lives until `closing` turns true.
    pub(super) fn start(setup: Setup, role: Role, closing: watch::Receiver<bool>) -> Self {
        let address: Arc<str> = setup.address.to_string().into();
        let (now_tx, now) = watch::channel(Now::Down);
        let first = QueueState::Recovering(format!("connecting to {address}"));
        let (state_tx, state) = watch::channel(first);
        let (broken_tx, broken) = mpsc::channel(REPORTS);
        let keeper = Keeper {
            setup,
            role,
            address: Arc::clone(&address),
            now: now_tx,
            state: state_tx,
            broken_tx,
            broken,
            closing,
        };
        tokio::spawn(keeper.keep());
        Self {
            now,
            state,
            address,
        }
    }

    /// The connection there is now.
    pub(super) fn session(&self) -> Result<Arc<Session>, QueueError> {
        match &*self.now.borrow() {
            Now::Up(session) => Ok(Arc::clone(session)),
            Now::Closed => Err(QueueError::Closed),
            Now::Down => Err(self.why_down()),
        }
    }

    /// The connection there is now, or else the next.
    pub(super) async fn connected(&mut self) -> Result<Arc<Session>, QueueError> {
        let up = self.now.wait_for(|now| !matches!(now, Now::Down)).await;
        match up.as_deref() {
            Ok(Now::Up(session)) => Ok(Arc::clone(session)),
            _ => Err(QueueError::Closed),
        }
    }

    pub(super) fn state(&self) -> watch::Receiver<QueueState> {
        self.state.clone()
    }

    fn why_down(&self) -> QueueError {
        let address = self.address.to_string();
        match &*self.state.borrow() {
            QueueState::Refused(reason) => QueueError::Refused {
                address,
                reason: reason.clone(),
            },
            QueueState::Recovering(reason) => QueueError::Unreachable {
                address,
                reason: reason.clone(),
            },
            // Connected a moment ago, or again since.
            QueueState::Connected => QueueError::Unreachable {
                address,
                reason: "the connection broke just now".to_owned(),
            },
            QueueState::Closed => QueueError::Closed,
        }
    }
}

impl Session {
    /// A further channel, for something that may fail by itself.
    pub(super) async fn channel(&self) -> Result<Channel, QueueError> {
        limited(self.connection.create_channel())
            .await
            .map_err(|trouble| self.broke(trouble))
    }

    /// Whether the broker reads nothing from this connection for now.
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Has the connection made anew, and gives the error to answer with.
    pub(super) fn broke(&self, trouble: impl fmt::Display) -> QueueError {
        let reason = trouble.to_string();
        // A full channel holds such a report already.
        let _ = self.broken.try_send((self.number, reason.clone()));
        QueueError::Unreachable {
            address: self.address.to_string(),
            reason,
        }
    }

    /// The error to answer with when something failed on a [`Session::channel`] of its own: what the account may not do
    /// ends that channel alone, all else the connection.
    pub(super) fn failed(&self, trouble: Trouble) -> QueueError {
        if !trouble.is(AMQPSoftError::ACCESSREFUSED) {
            return self.broke(trouble);
        }
        QueueError::Refused {
            address: self.address.to_string(),
            reason: format!("{trouble}; give the account of queue.url this right"),
        }
    }

    fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.main.status().connected()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} at {})", self.number, self.address)
    }
}

struct Keeper {
    setup: Setup,
    role: Role,
    address: Arc<str>,
    now: watch::Sender<Now>,
    state: watch::Sender<QueueState>,
    broken_tx: mpsc::Sender<(u64, String)>,
    broken: mpsc::Receiver<(u64, String)>,
    closing: watch::Receiver<bool>,
}

impl Keeper {
    async fn keep(mut self) {
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

    async fn connect_for_ever(&mut self) -> std::convert::Infallible {
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
