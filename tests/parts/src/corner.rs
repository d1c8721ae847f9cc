//! Everything that one deployment keeps on the servers.

use std::path::PathBuf;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::{Buckets, Database, Vhost, names, vhost::account};

/// The buckets of a deployment.
const BUCKETS: [&str; 3] = ["training-jobs", "worker-scans", "scanner-scans"];

/// A database, a virtual host and buckets of one deployment's own, and the files with their passwords; all removed when
/// dropped.
#[derive(Debug)]
pub struct Corner {
    database: Database,
    vhost: Vhost,
    buckets: Buckets,
    broker_user: String,
    secrets: TempDir,
}

impl Corner {
    /// Makes one on the servers that the environment names.
    pub fn create() -> anyhow::Result<Self> {
        Self::create_on(
            &names::of(names::POSTGRES)?,
            &names::of(names::AMQP)?,
            &names::of(names::AMQP_MANAGEMENT)?,
            &names::of(names::S3)?,
        )
    }

    /// Makes one on these servers, whose addresses hold an account each that may do so.
    pub fn create_on(
        postgres: &str,
        amqp: &str,
        management: &str,
        s3: &str,
    ) -> anyhow::Result<Self> {
        let secrets = tempfile::tempdir()?;
        let vhost = Vhost::create_on(amqp, management)?;
        let (_, user) = account(amqp);
        let (user, password) = user.context("the broker's address has no account")?;
        let buckets = Buckets::create_on(s3, &BUCKETS)?;
        let this = Self {
            database: Database::create_on(postgres)?,
            broker_user: user.to_owned(),
            vhost,
            buckets,
            secrets,
        };
        this.write("broker", password)?;
        this.write("store", this.buckets.secret())?;
        Ok(this)
    }

    /// The settings that make `assay` work here, as environment variables.
    pub fn environment(&self) -> Vec<(String, String)> {
        let (broker, _) = account(&self.vhost.url());
        let user = &self.broker_user;
        let path = |name: &str| self.secret(name).display().to_string();
        let buckets = &self.buckets;
        [
            ("DATABASE__URL", self.database.url()),
            (
                "QUEUE__URL",
                broker.replacen("://", &format!("://{user}@"), 1),
            ),
            ("QUEUE__PASSWORD_FILE", path("broker")),
            ("STORE__ENDPOINT", buckets.endpoint().to_owned()),
            ("STORE__ACCESS_KEY", buckets.key().to_owned()),
            ("STORE__SECRET_KEY_FILE", path("store")),
            ("STORE__BUCKET_JOBS", buckets.name("training-jobs")),
            ("STORE__BUCKET_WORKER_SCANS", buckets.name("worker-scans")),
            ("STORE__BUCKET_SCANNER_SCANS", buckets.name("scanner-scans")),
        ]
        .map(|(name, value)| (format!("ASSAY__{name}"), value))
        .into()
    }

    /// Its database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Its virtual host.
    pub fn vhost(&self) -> &Vhost {
        &self.vhost
    }

    /// Its buckets.
    pub fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    fn secret(&self, name: &str) -> PathBuf {
        self.secrets.path().join(name)
    }

    fn write(&self, name: &str, secret: &str) -> anyhow::Result<()> {
        use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
        let mut file = std::fs::OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(self.secret(name))?;
        Ok(file.write_all(secret.as_bytes())?)
    }
}
