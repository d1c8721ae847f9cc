//! Scan reports as files: `scans/<bucket>/<image digest>/<time>.json`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{Folder, blocking, private_folder};
use crate::store::{ReportBucket, StoreError};

impl Folder {
    fn reports(&self, bucket: ReportBucket) -> PathBuf {
        self.0.scans.join(match bucket {
            ReportBucket::Worker => "worker-scans",
            ReportBucket::Scanner => "scanner-scans",
        })
    }

    pub(in crate::store) async fn put_scan(
        &self,
        bucket: ReportBucket,
        name: &str,
        data: Vec<u8>,
    ) -> Result<(), StoreError> {
        let to = self.reports(bucket).join(name);
        let draft = self.0.uploads.join(Uuid::new_v4().simple().to_string());
        blocking(move || {
            let folder = to.parent().unwrap_or_else(|| Path::new("."));
            private_folder(folder)?;
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o400)
                .open(&draft)?;
            let written = file
                .write_all(&data)
                .and_then(|()| file.sync_all())
                .and_then(|()| fs::rename(&draft, &to));
            if written.is_err() {
                fs::remove_file(&draft)?;
            }
            written?;
            Ok(File::open(folder)?.sync_all()?)
        })
        .await
    }

    pub(in crate::store) async fn scan(
        &self,
        bucket: ReportBucket,
        name: &str,
        limit: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let (path, name) = (self.reports(bucket).join(name), name.to_owned());
        blocking(move || {
            let file = File::open(path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => StoreError::NoReport(name),
                _ => error.into(),
            })?;
            let mut data = Vec::new();
            file.take(limit.saturating_add(1)).read_to_end(&mut data)?;
            if data.len() as u64 > limit {
                return Err(StoreError::TooLarge { limit });
            }
            Ok(data)
        })
        .await
    }

    pub(in crate::store) async fn scans(
        &self,
        bucket: ReportBucket,
        prefix: &str,
    ) -> Result<Vec<String>, StoreError> {
        let (root, prefix) = (self.reports(bucket), prefix.to_owned());
        blocking(move || {
            let (mut names, mut folders) = (Vec::new(), vec![root.join(&prefix)]);
            while let Some(folder) = folders.pop() {
                let entries = match fs::read_dir(&folder) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    entries => entries?,
                };
                for entry in entries {
                    let entry = entry?;
                    if entry.file_type()?.is_dir() {
                        folders.push(entry.path());
                    } else if let Ok(name) = entry.path().strip_prefix(&root) {
                        names.extend(name.to_str().map(str::to_owned));
                    }
                }
            }
            names.sort_unstable();
            Ok(names)
        })
        .await
    }
}
