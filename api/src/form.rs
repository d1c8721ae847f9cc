use std::time::{Duration, Instant};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{
    error::PayloadError,
    http::{StatusCode, header},
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::problem::Problem;

/// A client that sends nothing for this long is given up.
const STALL: Duration = Duration::from_secs(30);
/// After this long a client must have kept up at least [`SLOWEST`].
const GRACE: Duration = Duration::from_secs(60);
/// Bytes per second below which a client only holds a connection.
const SLOWEST: u64 = 1024;
/// A `multipart/form-data` body (RFC 7578), read part by part as it comes in.
pub(crate) struct Form {
    multipart: Multipart,
    pace: Pace,
}

/// One part of a form.
pub(crate) struct Part<'a> {
    /// The form field.
    pub(crate) name: String,
    /// The name of the file, if it is one.
    pub(crate) file_name: Option<String>,
    field: Field,
    pace: &'a mut Pace,
}

/// How fast a client sends.
struct Pace {
    begun: Instant,
    bytes: u64,
}

impl Form {
    pub(crate) fn new(multipart: Multipart) -> Self {
        let pace = Pace {
            begun: Instant::now(),
            bytes: 0,
        };
        Self { multipart, pace }
    }

    /// The next part; `None` after the last. Not to be asked again after that, nor after a problem.
    pub(crate) async fn next(&mut self) -> Result<Option<Part<'_>>, Problem> {
        let Some(field) = wait(self.multipart.next()).await? else {
            return Ok(None);
        };
        let field = field.map_err(malformed)?;
        let disposition = field.content_disposition();
        let is_escaped = has_backslash(&field);
        let name = disposition
            .and_then(|one| one.get_name())
            .unwrap_or_default();
        let file_name = disposition.and_then(|one| one.get_filename());
        if file_name.is_some() && is_escaped {
            let detail = format!("the file name of {name} has a backslash; leave it away");
            let problem = Problem::unprocessable("upload.file_name", detail);
            return Err(problem.field(name.to_owned()));
        }
        Ok(Some(Part {
            name: name.to_owned(),
            file_name: file_name.map(str::to_owned),
            field,
            pace: &mut self.pace,
        }))
    }
}

impl Part<'_> {
    /// The next bytes; `None` at the end of the part, after which it is not asked again.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(chunk) = wait(self.field.next()).await? else {
            return Ok(None);
        };
        let chunk = chunk.map_err(malformed)?;
        self.pace.passed(chunk.len())?;
        Ok(Some(chunk))
    }

    /// All bytes of the part, at most `limit`.
    pub(crate) async fn bytes(mut self, limit: usize) -> Result<Vec<u8>, Problem> {
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if all.len() + chunk.len() > limit {
                return Err(over_limit(&self.name, limit as u64));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.into())
    }

    /// The part as text, at most `limit` bytes.
    pub(crate) async fn text(self, limit: usize) -> Result<String, Problem> {
        let name = self.name.clone();
        String::from_utf8(self.bytes(limit).await?).map_err(|_| {
            Problem::unprocessable("form.not_text", format!("{name} is not UTF-8 text")).field(name)
        })
    }

    /// The problem of a part that nobody asked for.
    pub(crate) fn unknown(&self, expected: &str) -> Problem {
        let name: String = self.name.chars().take(80).collect();
        let detail = format!("there is no field {name:?}; expected {expected}");
        Problem::unprocessable("form.unknown_field", detail).field(name)
    }

    /// The problem of a part that was there already.
    pub(crate) fn repeated(&self) -> Problem {
        let detail = format!("{} is there more than once; send it once", self.name);
        Problem::unprocessable("form.repeated_field", detail).field(self.name.clone())
    }
}

impl Pace {
    fn passed(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes as u64;
        let elapsed = self.begun.elapsed();
        if elapsed > GRACE && self.bytes < SLOWEST.saturating_mul(elapsed.as_secs()) {
            return Err(too_slow());
        }
        Ok(())
    }
}

/// Whether the head of a part has a backslash. The parser takes it for an escape and drops it, so that a file would get
/// another name than it was sent under.
fn has_backslash(field: &Field) -> bool {
    let raw = field.headers().get(header::CONTENT_DISPOSITION);
    raw.is_some_and(|raw| raw.as_bytes().contains(&b'\\'))
}

/// The problem of a field with more than `limit` bytes.
pub(crate) fn over_limit(field: &str, limit: u64) -> Problem {
    let detail = format!("{field} has more than {limit} bytes, which is the limit");
    Problem::too_large("upload.too_large", detail).field(field.to_owned())
}

/// The problem of fields that are not there.
pub(crate) fn missing(fields: &[&'static str]) -> Problem {
    let problem = Problem::unprocessable(
        "form.missing_field",
        format!("the form lacks {}", fields.join(", ")),
    );
    match fields.first() {
        Some(first) => problem.field(*first),
        None => problem,
    }
}

async fn wait<T>(next: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::time::timeout(STALL, next)
        .await
        .map_err(|_| too_slow())
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "upload.too_slow",
        format!("the body came in slower than {SLOWEST} bytes a second, or stopped"),
    )
}

fn malformed(error: MultipartError) -> Problem {
    match error {
        MultipartError::ContentTypeIncompatible | MultipartError::ContentTypeMissing => {
            Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "form.media_type",
                "the body must be multipart/form-data",
            )
        }
        MultipartError::Payload(PayloadError::Incomplete(_)) | MultipartError::Incomplete => {
            Problem::bad_request("form.incomplete", "the body ended before its last boundary")
        }
        other => Problem::bad_request(
            "form.malformed",
            format!("the body is not well-formed multipart/form-data: {other}"),
        ),
    }
}
