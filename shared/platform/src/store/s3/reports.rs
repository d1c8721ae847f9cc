//! Scan reports: small, named, in buckets of their own.

use assay_attest::Digest;
use bytes::Bytes;

use super::{S3, put::Lock};
use crate::store::{ReportBucket, StoreError};

impl S3 {
    fn report_bucket(&self, bucket: ReportBucket) -> &str {
        match bucket {
            ReportBucket::Worker => &self.0.config.bucket_worker_scans,
            ReportBucket::Scanner => &self.0.config.bucket_scanner_scans,
        }
    }

    pub(in crate::store) async fn put_scan(
        &self,
        bucket: ReportBucket,
        name: &str,
        data: Vec<u8>,
    ) -> Result<(), StoreError> {
        let digest = Digest::of(&data);
        let bucket = self.report_bucket(bucket);
        self.put(bucket, name, Bytes::from(data), digest, Lock::Free)
            .await
    }

    pub(in crate::store) async fn scan(
        &self,
        bucket: ReportBucket,
        name: &str,
        limit: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let (client, bucket) = (&self.0.clients.streams, self.report_bucket(bucket));
        let get = || client.get_object().bucket(bucket).key(name).send();
        let got = self.patiently(self.0.limits.answer, get).await;
        let mut got = got.map_err(|refusal| {
            if refusal.is_missing() {
                return StoreError::NoReport(name.to_owned());
            }
            self.failed(bucket)(refusal)
        })?;
        let mut data = Vec::new();
        loop {
            let chunk = tokio::time::timeout(self.0.limits.stall, got.body.next());
            let Ok(chunk) = chunk.await else {
                return Err(self.nonsense("stopped in the middle of a report"));
            };
            match chunk {
                None => return Ok(data),
                Some(Err(error)) => return Err(self.nonsense(&format!("broke off: {error}"))),
                Some(Ok(chunk)) => data.extend_from_slice(&chunk),
            }
            if data.len() as u64 > limit {
                return Err(StoreError::TooLarge { limit });
            }
        }
    }

    pub(in crate::store) async fn scans(
        &self,
        bucket: ReportBucket,
        prefix: &str,
    ) -> Result<Vec<String>, StoreError> {
        let mut pages = self.pages(self.report_bucket(bucket), prefix);
        let mut names = Vec::new();
        while let Some(page) = self.next_page(&mut pages).await? {
            names.extend(page.listed.into_iter().map(|listed| listed.key));
        }
        names.sort_unstable();
        Ok(names)
    }
}
