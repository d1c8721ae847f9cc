use std::{fmt, time::Duration};

use lapin::protocol::AMQPSoftError;

use super::super::topology::is_soft;

/// Why something could not be done on a connection.
#[derive(Debug)]
pub(in crate::queue::rabbitmq) enum Trouble {
    /// lapin's or the broker's error.
    Lapin(lapin::Error),
    /// No answer in time.
    Silent(Duration),
    /// The broker will not have it, and asking again does not help.
    Refused(String),
}

impl Trouble {
    pub(in crate::queue::rabbitmq) fn is(&self, wanted: AMQPSoftError) -> bool {
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
