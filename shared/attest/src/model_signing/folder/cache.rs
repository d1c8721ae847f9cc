use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{
    hash::Hashed,
    walk::{Found, Stamp},
};
use crate::{
    Digest,
    json::{JsonError, Limits, parse},
};

/// A file that was modified so shortly before it was hashed may be modified again within the same tick of the file
/// system's clock, and look the same.
const TICK: Duration = Duration::from_secs(2);

/// Digests of files that were hashed before, so that signing anew reads only what has changed.
///
/// A file counts as unchanged when device, inode, size, and the times of its last modification and change are the
/// same. That is good enough to sign one's own files with, and no proof: verification never asks it. A file in memory
/// only (tmpfs) that a program changes through a mapping keeps its times: do not keep digests of such files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DigestCache {
    /// By device and inode: what a file was before is of no more use.
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Size and times.
    stamp: String,
    sha256: Digest,
}

impl DigestCache {
    /// Reads what [`DigestCache::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`JsonError`]; the caller may then begin with an empty one.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let limits = Limits {
            max_bytes: 256 << 20,
            max_depth: 2,
            max_values: 2_000_000,
        };
        serde_json::from_value(parse(bytes, &limits)?)
            .map_err(|error| JsonError::Malformed(error.to_string()))
    }

    /// The cache as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Text keys and text values: nothing here can fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn find(&self, file: &Found) -> Option<Vec<u8>> {
        let entry = self.entries.get(&key(file))?;
        (entry.stamp == stamp(file)).then(|| entry.sha256.as_bytes().to_vec())
    }

    pub(super) fn keep(&mut self, file: &Found, hashed: &Hashed) {
        let Ok(digest) = <[u8; 32]>::try_from(hashed.digest.as_slice()) else {
            return;
        };
        if hashed.is_settled && is_settled(&file.stamp) {
            let entry = Entry {
                stamp: stamp(file),
                sha256: Digest::from_bytes(digest),
            };
            self.entries.insert(key(file), entry);
        }
    }
}

fn is_settled(stamp: &Stamp) -> bool {
    let (seconds, nanoseconds) = stamp.changed.max(stamp.modified);
    let at = u64::try_from(seconds)
        .ok()
        .zip(u32::try_from(nanoseconds).ok())
        .map(|(seconds, nanoseconds)| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds));
    at.and_then(|at| stamp.looked_at.duration_since(at).ok())
        .is_some_and(|age| age > TICK)
}

fn key(file: &Found) -> String {
    format!("{}:{}", file.stamp.device, file.stamp.inode)
}

fn stamp(file: &Found) -> String {
    let Stamp {
        modified, changed, ..
    } = file.stamp;
    format!(
        "{}:{}.{}:{}.{}",
        file.bytes, modified.0, modified.1, changed.0, changed.1
    )
}
