//! Buckets: made when they are absent and that is wanted; and whether they can be used.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
    CreateBucketConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter, NoncurrentVersionExpiration, ObjectLockEnabled,
};

use super::{S3, UPLOADS};
use crate::store::StoreError;

/// Days after which the server itself removes what uploads have left. Ours is quicker; this one works without us.
const LEFT_UPLOAD_DAYS: i32 = 7;

impl S3 {
    /// Whether the bucket of the objects can be reached and used with this account, and, with `reports`, those of the
    /// scan reports. Absent ones are made if the settings say so.
    ///
    /// # Errors
    /// [`StoreError::Remote`] names the server and the bucket and says what to do.
    pub(in crate::store) async fn check(&self, reports: bool) -> Result<(), StoreError> {
        let config = &self.0.config;
        if config.create_buckets {
            self.make_buckets().await?;
        }
        self.check_bucket(&config.bucket_jobs).await?;
        if reports {
            self.check_bucket(&config.bucket_worker_scans).await?;
            self.check_bucket(&config.bucket_scanner_scans).await?;
        }
        if config.lock_proofs_days > 0 {
            self.check_lock().await?;
        }
        Ok(())
    }

    /// Makes all buckets that are absent, and has the server remove abandoned uploads.
    pub(in crate::store) async fn make_buckets(&self) -> Result<(), StoreError> {
        let config = &self.0.config;
        self.make(&config.bucket_jobs, config.lock_proofs_days > 0)
            .await?;
        self.make(&config.bucket_worker_scans, false).await?;
        self.make(&config.bucket_scanner_scans, false).await?;
        self.set_lifecycle().await;
        Ok(())
    }

    /// Whether the server answers, asked once.
    pub(in crate::store) async fn answers(&self) -> Result<(), StoreError> {
        let bucket = self.bucket();
        let list = self.0.clients.plain.list_objects_v2();
        let list = list.bucket(bucket).max_keys(1).send();
        let answer = Self::once(self.0.limits.answer, list).await;
        answer.map(drop).map_err(self.failed(bucket))
    }

    async fn check_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        // Not the request that is made for it (HEAD): its answer has no words.
        let list = || {
            let request = self.0.clients.plain.list_objects_v2();
            request.bucket(bucket).max_keys(1).send()
        };
        let answer = self.patiently(self.0.limits.answer, list).await;
        answer.map(drop).map_err(self.failed(bucket))
    }

    async fn make(&self, bucket: &str, lock: bool) -> Result<(), StoreError> {
        let region = self.0.config.region.as_str();
        // The region that has no name of its own in this request.
        let location = (region != "us-east-1").then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
        let make = || {
            let request = self.0.clients.plain.create_bucket();
            request
                .bucket(bucket)
                .set_create_bucket_configuration(location.clone())
                .set_object_lock_enabled_for_bucket(lock.then_some(true))
                .send()
        };
        match self.patiently(self.0.limits.answer, make).await {
            Ok(_) => tracing::info!(bucket, "a bucket was made"),
            // Somebody else's is found out when it is used.
            Err(refusal)
                if ["BucketAlreadyOwnedByYou", "BucketAlreadyExists"]
                    .contains(&refusal.code.as_str()) => {}
            Err(refusal) => return Err(self.failed(bucket)(refusal)),
        }
        Ok(())
    }

    /// Has the server remove what uploads have left. Some servers know only a part of this, and none has to.
    async fn set_lifecycle(&self) {
        let kinds = [true, false];
        for abandoned_parts in kinds {
            let rules = rules(abandoned_parts, self.0.config.lock_proofs_days > 0);
            let Ok(lifecycle) = BucketLifecycleConfiguration::builder()
                .set_rules(Some(rules))
                .build()
            else {
                return;
            };
            let set = || {
                let request = self.0.clients.plain.put_bucket_lifecycle_configuration();
                request
                    .bucket(self.bucket())
                    .lifecycle_configuration(lifecycle.clone())
                    .send()
            };
            match self.patiently(self.0.limits.answer, set).await {
                Ok(_) => return,
                Err(refusal) => {
                    tracing::info!(%refusal, "the store does not take this rule for old uploads");
                }
            }
        }
    }

    async fn check_lock(&self) -> Result<(), StoreError> {
        let bucket = self.bucket();
        let ask = || {
            let request = self.0.clients.plain.get_object_lock_configuration();
            request.bucket(bucket).send()
        };
        let answer = self.patiently(self.0.limits.answer, ask).await;
        let enabled = match answer {
            Ok(answer) => answer
                .object_lock_configuration
                .and_then(|lock| lock.object_lock_enabled)
                .is_some_and(|enabled| enabled == ObjectLockEnabled::Enabled),
            Err(refusal) if matches!(refusal.status, 400 | 404) => false,
            Err(refusal) => return Err(self.failed(bucket)(refusal)),
        };
        if enabled {
            return Ok(());
        }
        Err(StoreError::Settings(format!(
            "store.lock_proofs_days is set, but the bucket {bucket} at {} has no object lock, which a bucket gets when \
             it is made; make another bucket with it, or set store.lock_proofs_days = 0",
            self.0.config.endpoint
        )))
    }
}

fn rules(abandoned_parts: bool, versions: bool) -> Vec<LifecycleRule> {
    let mut rules = Vec::new();
    let uploads = LifecycleRule::builder()
        .id("assay-uploads")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix(UPLOADS).build())
        .expiration(
            LifecycleExpiration::builder()
                .days(LEFT_UPLOAD_DAYS)
                .build(),
        );
    rules.extend(uploads.build());
    if abandoned_parts {
        let parts = LifecycleRule::builder()
            .id("assay-parts")
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .abort_incomplete_multipart_upload(
                AbortIncompleteMultipartUpload::builder()
                    .days_after_initiation(LEFT_UPLOAD_DAYS)
                    .build(),
            );
        rules.extend(parts.build());
    }
    if versions {
        // A bucket with object lock keeps what was removed or replaced as an older version.
        let older = LifecycleRule::builder()
            .id("assay-older-versions")
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .noncurrent_version_expiration(
                NoncurrentVersionExpiration::builder()
                    .noncurrent_days(1)
                    .build(),
            );
        rules.extend(older.build());
    }
    rules
}
