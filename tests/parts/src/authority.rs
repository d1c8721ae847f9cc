//! An authority of a test's own, which gives servers on this machine their certificates.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::folder;

/// What openssl is told of the authority's certificate and of a server's.
const SETTINGS: &str = "\
[req]
distinguished_name = name
prompt = no
[name]
CN = NAME
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// An authority whose certificate lies in a file. Its servers are called `localhost` and `127.0.0.1`.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
}

impl Authority {
    /// Makes one, with the machine's openssl.
    pub fn new() -> anyhow::Result<Self> {
        let this = Self {
            folder: folder::temporary("authority")?,
        };
        // Two of one name would be taken for each other.
        let name = format!("authority {}", uuid::Uuid::new_v4().simple());
        let settings = SETTINGS.replace("NAME", &name);
        fs::write(this.path("settings"), settings).context("writing settings for openssl")?;
        this.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -extensions authority",
            &[
                ("-config", "settings"),
                ("-keyout", "ca.key"),
                ("-out", "ca.pem"),
            ],
        )?;
        Ok(this)
    }

    /// The file of its certificate, for those who are to trust it.
    pub fn file(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Writes `server.pem` and `server.key` into a server's folder.
    pub(crate) fn issue(&self, to: &Path) -> anyhow::Result<()> {
        self.openssl(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost",
            &[
                ("-config", "settings"),
                ("-keyout", "server.key"),
                ("-out", "server.csr"),
            ],
        )?;
        self.openssl(
            "x509 -req -days 30 -CAcreateserial -extensions server",
            &[
                ("-in", "server.csr"),
                ("-CA", "ca.pem"),
                ("-CAkey", "ca.key"),
                ("-extfile", "settings"),
                ("-out", "server.pem"),
            ],
        )?;
        for name in ["server.pem", "server.key"] {
            fs::copy(self.path(name), to.join(name)).with_context(|| format!("copying {name}"))?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, words: &str, files: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut command = Command::new(folder::program("openssl", &[])?);
        command.args(words.split(' ')).current_dir(&self.folder);
        command.args(
            files
                .iter()
                .flat_map(|(option, file)| [option, file])
                .map(OsStr::new),
        );
        let output = command.output().context("starting openssl")?;
        ensure!(
            output.status.success(),
            "openssl {words}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}
