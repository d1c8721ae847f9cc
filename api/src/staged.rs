use assay_attest::Digest;
use assay_platform::{
    Platform,
    store::{StoreError, Stored, Upload},
};

use crate::problem::Problem;

/// Objects that were stored for a job that is not written yet. Whatever becomes of the request (a refusal, a client
/// that leaves, a panic), those that no job names are released again.
#[derive(Debug)]
pub(crate) struct Staged {
    platform: Platform,
    digests: Vec<Digest>,
}

impl Staged {
    pub(crate) fn new(platform: Platform) -> Self {
        Self {
            platform,
            digests: Vec::new(),
        }
    }

    /// Finishes an upload and answers for its object from then on.
    ///
    /// The upload is finished in a task of its own: a request that is given up meanwhile must not leave the object behind.
    pub(crate) async fn finish(&mut self, upload: Upload) -> Result<Stored, Problem> {
        self.store(async move { upload.finish().await }).await
    }

    /// Stores bytes that are in memory.
    pub(crate) async fn put(&mut self, bytes: Vec<u8>) -> Result<Stored, Problem> {
        let store = self.platform.store.clone();
        self.store(async move { store.put_bytes(&bytes).await })
            .await
    }

    /// Stores bytes that are in memory and a proof.
    pub(crate) async fn put_proof(&mut self, bytes: Vec<u8>) -> Result<Stored, Problem> {
        let store = self.platform.store.clone();
        self.store(async move { store.put_proof(&bytes).await })
            .await
    }

    async fn store(
        &mut self,
        storing: impl Future<Output = Result<Stored, StoreError>> + Send + 'static,
    ) -> Result<Stored, Problem> {
        let mut own = Self::new(self.platform.clone());
        let task = tokio::spawn(async move {
            let stored = storing.await?;
            own.digests.push(stored.digest);
            Ok::<_, StoreError>((stored, own))
        });
        let (stored, mut own) = task
            .await
            .map_err(|error| Problem::internal("service.task", error))??;
        self.digests.append(&mut own.digests);
        Ok(stored)
    }

    /// A job names the objects now.
    pub(crate) fn keep(mut self) {
        self.digests.clear();
    }

    /// Releases the objects now, so that nothing is left when the client reads the refusal.
    pub(crate) async fn release(mut self) {
        let digests = std::mem::take(&mut self.digests);
        let platform = self.platform.clone();
        // In a task of its own: a client that leaves now must not end it half way.
        let released = tokio::spawn(async move { release(&platform, digests).await });
        if let Err(error) = released.await {
            tracing::error!(%error, "the objects of a refused request could not be released");
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let digests = std::mem::take(&mut self.digests);
        if digests.is_empty() {
            return;
        }
        let platform = self.platform.clone();
        // Without a runtime the process is ending; the next one sweeps the store when it starts.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { release(&platform, digests).await });
        }
    }
}

async fn release(platform: &Platform, digests: Vec<Digest>) {
    for digest in digests {
        if let Err(error) = platform.release(digest).await {
            tracing::error!(%digest, %error, "an object of a refused request could not be released");
        }
    }
}
