use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::config::hours;

/// The least that S3 takes as a part of a larger upload, except the last.
const LEAST_PART: u64 = 5 << 20;
/// The most that is held in memory for one part.
const LARGEST_PART: u64 = 1 << 30;

/// Where objects are kept: section `[store]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// Address of an S3 server, with scheme and without a path; empty for a local folder.
    pub endpoint: String,
    /// A file of authorities (PEM) to trust beside those of this machine; empty for none.
    pub ca_file: PathBuf,
    /// The region that requests are signed for.
    pub region: String,
    /// The account's name.
    pub access_key: String,
    /// A file that holds the account's secret; empty while `endpoint` is.
    pub secret_key_file: PathBuf,
    /// Whether the bucket stands in the path of a request (`true`) or in its host name.
    pub path_style: bool,
    /// The bucket of all objects.
    pub bucket_jobs: String,
    /// The bucket of scan reports on worker and trainer images.
    pub bucket_worker_scans: String,
    /// The bucket of all other scan reports.
    pub bucket_scanner_scans: String,
    /// The address under which people reach the server; empty when they do not, and the API serves the bytes.
    pub public_endpoint: String,
    /// The key under which the server encrypts what it is given (SSE-KMS); empty for the bucket's own way.
    pub sse_kms_key_id: String,
    /// Days in which nobody can remove a proof (object lock, COMPLIANCE); 0 for none.
    pub lock_proofs_days: u32,
    /// Bytes of one part of an upload.
    pub part_bytes: u64,
    /// How old an object must be before it is removed because nothing names it.
    #[serde(rename = "keep_unnamed_hours", deserialize_with = "hours")]
    pub keep_unnamed: Duration,
    /// Whether absent buckets are made at start.
    pub create_buckets: bool,
}

impl StoreConfig {
    /// Whether objects are kept on an S3 server.
    pub fn is_remote(&self) -> bool {
        !self.endpoint.is_empty()
    }

    /// Refuses values that no store can be used with, in words for whoever set them.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.is_remote() {
            return Ok(());
        }
        let addresses = [
            ("store.endpoint", &self.endpoint),
            ("store.public_endpoint", &self.public_endpoint),
        ];
        for (name, address) in addresses {
            if let Some(fault) = address_fault(address) {
                return Err(format!("{name} {fault}"));
            }
        }
        let buckets = [
            ("store.bucket_jobs", &self.bucket_jobs),
            ("store.bucket_worker_scans", &self.bucket_worker_scans),
            ("store.bucket_scanner_scans", &self.bucket_scanner_scans),
        ];
        for (name, bucket) in buckets {
            if !is_bucket_name(bucket) {
                return Err(format!(
                    "{name} = {bucket:?} is no name of a bucket: 3 to 63 of a-z, 0-9, '-' and '.'"
                ));
            }
        }
        let rule = |ok: bool, text: &str| ok.then_some(()).ok_or_else(|| text.to_owned());
        rule(
            !self.region.is_empty(),
            "store.region must not be empty; most servers take us-east-1",
        )?;
        rule(
            !self.access_key.is_empty() && !self.secret_key_file.as_os_str().is_empty(),
            "store.endpoint is set, so store.access_key and store.secret_key_file must be, too",
        )?;
        rule(
            (LEAST_PART..=LARGEST_PART).contains(&self.part_bytes),
            "store.part_bytes must be between 5242880 and 1073741824",
        )?;
        rule(
            !self.keep_unnamed.is_zero(),
            "store.keep_unnamed_hours must be at least 1: what is just being handed in has no name yet",
        )
    }
}

/// What keeps an address from being one; nothing for an empty one.
fn address_fault(address: &str) -> Option<String> {
    if address.is_empty() {
        return None;
    }
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme));
    let Some(rest) = rest else {
        return Some(format!(
            "= {address:?} needs a scheme: write http://{address} or https://{address}"
        ));
    };
    // Not shown: what stands before the mark may be a password.
    if rest.contains('@') {
        return Some(
            "must not hold a name or password; set store.access_key and store.secret_key_file"
                .to_owned(),
        );
    }
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return Some(format!(
            "= {address:?} must be scheme, host and port alone, as http://127.0.0.1:9000"
        ));
    }
    None
}

fn is_bucket_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| plain(b) || b == b'-' || b == b'.')
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_scheme_host_and_port() {
        for good in [
            "",
            "http://127.0.0.1:9000",
            "https://s3.eu-central-1.amazonaws.com/",
            "http://[::1]:9000",
            "http://minio:9000",
        ] {
            assert_eq!(address_fault(good), None, "{good}");
        }
        let bare = address_fault("minio:9000").unwrap();
        assert!(bare.contains("write http://minio:9000"), "{bare}");
        let secret = address_fault("http://user:hidden@minio:9000").unwrap();
        assert!(!secret.contains("hidden"), "{secret}");
        for bad in [
            "http://",
            "http://h/bucket",
            "http://h?x",
            "ftp://h",
            "http://h h",
        ] {
            assert!(address_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn buckets_have_names() {
        for good in ["training-jobs", "a.b", "0aa"] {
            assert!(is_bucket_name(good), "{good}");
        }
        for bad in ["", "ab", "Upper", "-ab", "ab-", "a/b", "a b", "a\n.."] {
            assert!(!is_bucket_name(bad), "{bad:?}");
        }
    }
}
