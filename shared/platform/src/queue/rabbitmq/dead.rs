//! Dead letters: messages that are no doorbells, and doorbells that came back too often.

use lapin::{
    Channel,
    message::{BasicGetMessage, Delivery},
    options::{BasicAckOptions, BasicGetOptions},
    types::{AMQPValue, FieldTable},
};

use super::{
    link::{Session, limited},
    message,
    topology::Topology,
};
use crate::queue::{DeadLetter, QueueError};

/// Characters of a message that are shown.
const SHOWN: usize = 200;

/// The oldest dead letters. They are taken on a channel of their own and not settled, so that closing it puts them back.
pub(super) async fn list(
    session: &Session,
    topology: &Topology,
    limit: usize,
) -> Result<Vec<DeadLetter>, QueueError> {
    let channel = session.channel().await?;
    let mut letters = Vec::new();
    while letters.len() < limit {
        match get(session, &channel, topology).await? {
            Some(delivery) => letters.push(letter(&delivery)),
            None => break,
        }
    }
    put_back(session, &channel).await?;
    Ok(letters)
}

/// Removes those of the oldest dead letters that `wanted` accepts.
pub(super) async fn take(
    session: &Session,
    topology: &Topology,
    limit: usize,
    mut wanted: impl AsyncFnMut(DeadLetter) -> bool,
) -> Result<usize, QueueError> {
    let channel = session.channel().await?;
    let mut taken = 0;
    for _ in 0..limit {
        let Some(delivery) = get(session, &channel, topology).await? else {
            break;
        };
        if wanted(letter(&delivery)).await {
            limited(delivery.acker.ack(BasicAckOptions::default()))
                .await
                .map_err(|trouble| session.broke(trouble))?;
            taken += 1;
        }
    }
    put_back(session, &channel).await?;
    Ok(taken)
}

async fn get(
    session: &Session,
    channel: &Channel,
    topology: &Topology,
) -> Result<Option<Delivery>, QueueError> {
    limited(channel.basic_get(topology.dead(), BasicGetOptions::default()))
        .await
        .map(|found| found.map(|BasicGetMessage { delivery, .. }| delivery))
        .map_err(|trouble| session.failed(trouble))
}

/// Ends the channel; what was taken on it and not settled is in the queue again.
async fn put_back(session: &Session, channel: &Channel) -> Result<(), QueueError> {
    limited(channel.close(200, "done".into()))
        .await
        .map_err(|trouble| session.broke(trouble))
}

fn letter(delivery: &Delivery) -> DeadLetter {
    let death = |name: &str| death(delivery, name).unwrap_or_else(|| "unknown".to_owned());
    let text = String::from_utf8_lossy(&delivery.data);
    DeadLetter {
        job: message::decode(&delivery.data).ok(),
        reason: death("reason"),
        queue: death("queue"),
        text: text.chars().take(SHOWN).collect(),
    }
}

/// A field of the newest entry of the header `x-death`, which the broker adds.
fn death(delivery: &Delivery, name: &str) -> Option<String> {
    let headers: &FieldTable = delivery.properties.headers().as_ref()?;
    let AMQPValue::FieldArray(deaths) = headers.inner().get("x-death")? else {
        return None;
    };
    let AMQPValue::FieldTable(newest) = deaths.as_slice().first()? else {
        return None;
    };
    message::text(newest.inner().get(name)?)
}
