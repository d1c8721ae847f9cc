use std::borrow::Cow;

use assay_platform::{
    Platform,
    job::{Artifact, Claim, Job, Status},
};

use crate::{layout::changed, stop::Stop};

/// The job whose training an attempt runs: the claimed one, or the one that it reproduces.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) job: Cow<'a, Job>,
    pub(crate) artifacts: Cow<'a, [Artifact]>,
}

impl<'a> Source<'a> {
    pub(crate) async fn of(platform: &Platform, claim: &'a Claim) -> Result<Self, Stop> {
        let Some(id) = claim.job.reproduces else {
            return Ok(Self {
                job: Cow::Borrowed(&claim.job),
                artifacts: Cow::Borrowed(&claim.artifacts),
            });
        };
        let job = platform.db.job(id).await?;
        let Some(job) = job.filter(|job| job.status == Status::Completed) else {
            return Err(changed(format!(
                "the job {id}, which is to be reproduced, is not completed"
            )));
        };
        let artifacts = platform.db.artifacts(id).await?;
        Ok(Self {
            job: Cow::Owned(job),
            artifacts: Cow::Owned(artifacts),
        })
    }
}
