//! A job's event stream (server-sent events, WHATWG HTML §9.2), resumed where it broke off.

use std::{pin::Pin, time::Duration};

use anyhow::Context;
use assay_platform::job::JobEvent;
use futures_util::{Stream, StreamExt};

use super::{Client, segment};

type Bytes = Pin<Box<dyn Stream<Item = reqwest::Result<tokio_util::bytes::Bytes>>>>;

/// One thing that happened to a job.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// What happened.
    pub(crate) event: JobEvent,
    /// The whole entry, for machines.
    pub(crate) entry: serde_json::Value,
}

/// What happens to a job, from its beginning until it ends.
pub(crate) struct JobStream {
    client: Client,
    path: String,
    last_id: Option<String>,
    body: Bytes,
    buffer: Vec<u8>,
    follow: bool,
    ended: bool,
}

impl JobStream {
    pub(super) async fn open(client: Client, job: &str, follow: bool) -> anyhow::Result<Self> {
        let path = format!("/jobs/{}/events?follow={follow}", segment(job));
        let body = connect(&client, &path, None).await?;
        Ok(Self {
            client,
            path,
            last_id: None,
            body,
            buffer: Vec::new(),
            follow,
            ended: false,
        })
    }

    /// The next event; `None` once the job has reached its end, or all was told to one who does not follow.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Said>> {
        loop {
            while let Some(block) = take_block(&mut self.buffer) {
                if let Some(said) = self.read_block(&block)? {
                    return Ok(Some(said));
                }
            }
            if self.ended {
                return Ok(None);
            }
            match self.body.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                None if !self.follow => self.ended = true,
                Some(Err(_)) | None => self.resume().await?,
            }
        }
    }

    fn read_block(&mut self, block: &str) -> anyhow::Result<Option<Said>> {
        let mut data = String::new();
        for line in block.lines() {
            if let Some(value) = line.strip_prefix("id:") {
                self.last_id = Some(value.trim().to_owned());
            } else if let Some(value) = line.strip_prefix("data:") {
                data.push_str(value.trim_start());
            }
        }
        if data.is_empty() {
            return Ok(None);
        }
        let entry: serde_json::Value =
            serde_json::from_str(&data).context("an event of the server is not JSON")?;
        let event: JobEvent = serde_json::from_value(entry["event"].clone())
            .context("an event of the server is of a kind that this version does not know")?;
        if let JobEvent::Status { status } = &event {
            self.ended = status.is_terminal();
        }
        Ok(Some(Said { event, entry }))
    }

    async fn resume(&mut self) -> anyhow::Result<()> {
        // The server may be restarting: give it a moment, a few times.
        let mut last = None;
        for wait in [100, 500, 1000, 2000, 4000] {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            match connect(&self.client, &self.path, self.last_id.as_deref()).await {
                Ok(body) => {
                    self.body = body;
                    self.buffer.clear();
                    return Ok(());
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("the event stream ended")))
    }
}

async fn connect(client: &Client, path: &str, last_id: Option<&str>) -> anyhow::Result<Bytes> {
    let mut request = client.http.get(format!("{}{path}", client.base));
    if let Some(id) = last_id {
        request = request.header("Last-Event-ID", id);
    }
    Ok(Box::pin(client.answer(request).await?.bytes_stream()))
}

/// Takes the first whole block (up to an empty line) out of the buffer.
fn take_block(buffer: &mut Vec<u8>) -> Option<String> {
    let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
    let rest = buffer.split_off(end + 2);
    let block = std::mem::replace(buffer, rest);
    Some(String::from_utf8_lossy(&block).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_taken_one_by_one_and_only_when_whole() {
        let mut buffer = b"id: 1\ndata: {}\n\n: beat\n\nid: 2".to_vec();
        assert_eq!(
            take_block(&mut buffer).as_deref(),
            Some("id: 1\ndata: {}\n\n")
        );
        assert_eq!(take_block(&mut buffer).as_deref(), Some(": beat\n\n"));
        assert_eq!(take_block(&mut buffer), None);
        assert_eq!(buffer, b"id: 2");
    }
}
