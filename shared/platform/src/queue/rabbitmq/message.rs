//! A doorbell as a message: `{"version":1,"job":"<id>"}`, persistent, named by the job's id, the trace in its headers.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use serde::{Deserialize, Serialize};

use crate::{ids::JobId, queue::Doorbell};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;
/// Kept on the broker's disk (AMQP 0-9-1, `delivery-mode`).
const PERSISTENT: u8 = 2;
/// The header of W3C Trace Context.
const TRACEPARENT: &str = "traceparent";
/// A longer header is no trace.
const MAX_TRACEPARENT: usize = 256;
/// A longer message is no doorbell; it is not parsed.
const MAX_BYTES: usize = 4096;

#[derive(Serialize, Deserialize)]
struct Message {
    version: u32,
    job: JobId,
}

/// The message's bytes.
pub(super) fn encode(bell: &Doorbell) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Message {
        version: VERSION,
        job: bell.job,
    })
}

/// The message's properties.
pub(super) fn properties(bell: &Doorbell) -> BasicProperties {
    let mut headers = FieldTable::default();
    if let Some(trace) = &bell.traceparent {
        let trace = AMQPValue::LongString(trace.as_str().into());
        headers.insert(TRACEPARENT.into(), trace);
    }
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(bell.job.to_string().into())
        .with_headers(headers)
}

/// The job that a message names, or why it names none.
pub(super) fn decode(bytes: &[u8]) -> Result<JobId, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!("{} bytes, more than {MAX_BYTES}", bytes.len()));
    }
    let message: Message = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if message.version != VERSION {
        return Err(format!(
            "version {} of the message is not known to this program",
            message.version
        ));
    }
    Ok(message.job)
}

/// The trace that a message belongs to.
pub(super) fn traceparent(properties: &BasicProperties) -> Option<String> {
    let value = properties.headers().as_ref()?.inner().get(TRACEPARENT)?;
    text(value).filter(|text| text.len() <= MAX_TRACEPARENT)
}

/// The job that a returned message was for.
pub(super) fn job_of(properties: &BasicProperties) -> Option<JobId> {
    let id = properties.message_id().as_ref().map(ShortString::as_str)?;
    id.parse().ok()
}

/// A value that is text.
pub(super) fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => String::from_utf8(text.as_bytes().to_vec()).ok(),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Class, Priority};

    #[test]
    fn what_is_written_is_read() {
        let bell = Doorbell {
            job: JobId::new(),
            class: Class::Cpu,
            priority: Priority::High,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        };
        let bytes = encode(&bell).unwrap();
        let expected = format!("{{\"version\":1,\"job\":\"{}\"}}", bell.job);
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
        assert_eq!(decode(&bytes), Ok(bell.job));
        let properties = properties(&bell);
        assert_eq!(traceparent(&properties), bell.traceparent);
        assert_eq!(job_of(&properties), Some(bell.job));
        assert_eq!(*properties.delivery_mode(), Some(2));
    }

    #[test]
    fn what_is_no_doorbell_is_said_to_be_none() {
        let id = JobId::new();
        for text in [
            String::new(),
            "hello".to_owned(),
            "{\"version\":1}".to_owned(),
            "{\"version\":1,\"job\":\"not an id\"}".to_owned(),
            format!("{{\"version\":2,\"job\":\"{id}\"}}"),
            " ".repeat(MAX_BYTES + 1),
        ] {
            assert!(decode(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
