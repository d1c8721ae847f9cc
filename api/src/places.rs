use std::{sync::Arc, time::Duration};

use actix_web::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Places for requests whose bodies are read at a time. Who finds none free is told to come back, before anything of its
/// body is read.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    patience: Duration,
}

impl Places {
    /// So many places; a request waits for one for as long as `patience`.
    pub(crate) fn new(places: usize, patience: Duration) -> Self {
        Self {
            free: Arc::new(Semaphore::new(places)),
            patience,
        }
    }

    /// Takes a place; it is free again when the permit is dropped.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let free = Arc::clone(&self.free).acquire_owned();
        match tokio::time::timeout(self.patience, free).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                let detail =
                    "too many requests with files are being read at this moment; try again";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Err(Problem::new(status, "service.busy", detail).retry_after(10))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError as _;

    #[tokio::test]
    async fn who_finds_no_place_is_told_to_come_back() {
        let places = Places::new(2, Duration::ZERO);
        let held = (places.take().await.unwrap(), places.take().await.unwrap());
        let refused = places.take().await.unwrap_err().error_response();
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers().get("retry-after").unwrap(), "10");
        drop(held);
        assert!(places.take().await.is_ok());
    }
}
