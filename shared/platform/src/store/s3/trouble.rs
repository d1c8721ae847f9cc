//! What a server answers when it does not do as it is asked, and how long it is asked again.

use std::{error::Error, fmt, time::Duration};

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use tokio::time::{Instant, sleep, timeout};

use super::S3;
use crate::{store::StoreError, tls::refused_certificate};

/// The first pause before a request is made again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// Characters of a server's own words that are kept: it may be anybody's.
const KEPT_WORDS: usize = 200;

/// Why a request did not do what it should.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The HTTP status; 0 when there was no answer.
    pub(super) status: u16,
    /// The server's word for it, as `NoSuchKey`; empty when it gave none.
    pub(super) code: String,
    /// What was wrong, in words.
    words: String,
    /// Whether it may work later.
    passing: bool,
}

impl Refusal {
    /// Trouble on the way, or an answer that makes no sense.
    pub(super) fn passing(words: impl Into<String>) -> Self {
        Self {
            status: 0,
            code: String::new(),
            words: words.into(),
            passing: true,
        }
    }

    /// Whether there is no such object. A bucket that is absent is another matter.
    pub(super) fn is_missing(&self) -> bool {
        self.status == 404 && self.code != "NoSuchBucket"
    }

    /// What the person who set the store up can do about it.
    fn advice(&self) -> &'static str {
        match self.code.as_str() {
            "InvalidAccessKeyId" => {
                "; the store does not know this account: check store.access_key"
            }
            "SignatureDoesNotMatch" => {
                "; the secret is not that of store.access_key: check store.secret_key_file"
            }
            "AccessDenied" => {
                "; the account of store.access_key needs the right to list, get, put and delete there"
            }
            "NoSuchBucket" => {
                "; make the bucket with `assay prepare`, or set store.create_buckets = true"
            }
            "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
                "; check store.region and store.endpoint"
            }
            "RequestTimeTooSkewed" => "; the clocks of this machine and of the store differ",
            _ => "",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)?;
        f.write_str(self.advice())
    }
}

impl<E> From<SdkError<E>> for Refusal
where
    E: ProvideErrorMetadata + Error + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
        let code = clean(error.code().unwrap_or_default());
        let distrusted = refused_certificate(&error);
        let words = match &error {
            SdkError::ServiceError(_) if status < 300 && code.is_empty() => {
                format!("answered {status} with what cannot be understood")
            }
            SdkError::ServiceError(refused) => {
                let said = clean(refused.err().message().unwrap_or_default());
                format!("answered {status} {code} {said}")
                    .trim_end()
                    .to_owned()
            }
            SdkError::ResponseError(_) => {
                format!("answered {status} with what cannot be understood")
            }
            SdkError::DispatchFailure(_) => match &distrusted {
                Some(reason) => {
                    format!("{reason}; name the file of its authority in store.ca_file")
                }
                None => clean(&format!("cannot be reached: {}", innermost(&error))),
            },
            SdkError::TimeoutError(_) => "cannot be reached in time".to_owned(),
            other => clean(&DisplayErrorContext(other).to_string()),
        };
        let passing = match &error {
            SdkError::ConstructionFailure(_) => false,
            // The same server will show the same certificate.
            SdkError::DispatchFailure(_) => distrusted.is_none(),
            SdkError::ServiceError(_) => is_passing(status, &code),
            _ => true,
        };
        Self {
            status,
            code,
            words,
            passing,
        }
    }
}

fn is_passing(status: u16, code: &str) -> bool {
    // Some answer 200 and then an error.
    let overloaded = [
        "SlowDown",
        "InternalError",
        "RequestTimeout",
        "ServiceUnavailable",
    ];
    status >= 500
        || (status < 300 && code.is_empty())
        || matches!(status, 408 | 429)
        || overloaded.contains(&code)
}

/// What stands at the end of a chain of causes: `Connection refused`, not "client error".
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// Words of others, without what could disturb a log, and short.
fn clean(words: &str) -> String {
    words
        .chars()
        .filter(|c| !c.is_control())
        .take(KEPT_WORDS)
        .collect()
}

/// Pauses between attempts.
#[derive(Debug)]
pub(super) struct Pauses {
    until: Instant,
    next: Duration,
}

impl Pauses {
    /// Pauses until `patience` has passed.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            until: Instant::now() + patience,
            next: FIRST_PAUSE,
        }
    }

    /// Waits before the next attempt; `false` when patience has ended.
    pub(super) async fn wait(&mut self) -> bool {
        if Instant::now() + self.next > self.until {
            return false;
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        true
    }
}

impl S3 {
    /// Makes a request once, for at most `limit`.
    pub(super) async fn once<T, E, F>(limit: Duration, request: F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        // The library's futures are large; so that those of all who use the store are not, this one is on the heap.
        match timeout(limit, Box::pin(request)).await {
            Ok(answer) => answer.map_err(Refusal::from),
            Err(_) => Err(Refusal::passing(format!(
                "did not answer within {} s",
                limit.as_secs()
            ))),
        }
    }

    /// Makes a request, again and again while the trouble is a passing one and patience lasts.
    pub(super) async fn patiently<T, E, F>(
        &self,
        limit: Duration,
        mut request: impl FnMut() -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        let mut pauses = Pauses::new(self.0.limits.patience);
        loop {
            match Self::once(limit, request()).await {
                Err(refusal) if refusal.passing => {
                    tracing::debug!(%refusal, "a request to the store is made again");
                    if !pauses.wait().await {
                        return Err(refusal);
                    }
                }
                answer => return answer,
            }
        }
    }

    /// The error for a refusal that nothing can be made of.
    pub(super) fn failed(&self, bucket: &str) -> impl Fn(Refusal) -> StoreError {
        let place = format!("{} (bucket {bucket})", self.0.config.endpoint);
        move |refusal| StoreError::Remote {
            place: place.clone(),
            passing: refusal.passing,
            reason: refusal.to_string(),
        }
    }
}
