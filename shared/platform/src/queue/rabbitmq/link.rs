//! One connection that is made anew whenever it breaks.
//!
//! lapin can recover connections by itself. It is not used: it replays what it has seen instead of what should be there,
//! and a caller cannot tell a doorbell that was confirmed from one that went down with the old connection. Here a broken
//! connection is simply gone with everything on it; whoever waited for an answer gets an error and starts over on the
//! next one.

mod keeper;
mod trouble;

use std::{fmt, sync::Arc};

use lapin::{Channel, Connection, protocol::AMQPSoftError};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use super::{ANSWER, Setup};
use crate::queue::{QueueError, QueueState};
use keeper::Keeper;

pub(super) use trouble::Trouble;

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
