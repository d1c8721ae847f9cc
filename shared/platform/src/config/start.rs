use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error};

use super::seconds;

/// The `[start]` part of the configuration: how a service begins and ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartConfig {
    /// How long a service waits at its start for each server that it needs.
    #[serde(rename = "wait_seconds", deserialize_with = "seconds")]
    pub wait: Duration,
}

/// The `[status]` part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusConfig {
    /// Where a worker or a scanner answers `GET /health` and `GET /metrics`; `None` for nowhere.
    #[serde(deserialize_with = "address")]
    pub listen: Option<SocketAddr>,
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| D::Error::custom(format!("{text:?} is not an address like 127.0.0.1:8001")))
}
