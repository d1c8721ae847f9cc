//! An S3 server: SeaweedFS.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::{authority::Authority, blocking, folder, guard::Launch, ports::Port, server::Server};

const KEY: &str = "assaytest";
const SECRET: &str = "assaytestsecret";

/// An S3 server of the test's own.
#[derive(Debug)]
pub struct S3 {
    server: Server,
    ports: [Port; 4],
    /// For S3 over TLS.
    tls: Option<Port>,
}

impl S3 {
    /// Starts one.
    pub fn start() -> anyhow::Result<Self> {
        Self::with(None)
    }

    /// Starts one with a certificate of this authority: it can be reached with and without TLS.
    pub fn start_tls(authority: &Authority) -> anyhow::Result<Self> {
        Self::with(Some(authority))
    }

    fn with(authority: Option<&Authority>) -> anyhow::Result<Self> {
        let weed = folder::program("weed", &python())?;
        let folder = folder::temporary("s3")?;
        let ports = [Port::take()?, Port::take()?, Port::take()?, Port::take()?];
        let accounts = folder.path().join("accounts.json");
        // Without this file everyone may do everything.
        let text = json!({"identities": [{
            "name": "test",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]});
        fs::write(&accounts, text.to_string()).context("writing accounts.json")?;
        let data = folder.path().join("data");
        fs::create_dir(&data).context("a folder for its data")?;
        let mut command = vec![weed.into(), "server".into()];
        let options = options(&data, &accounts, &ports);
        command.extend(options.map(std::ffi::OsString::from));
        let mut tls = None;
        if let Some(authority) = authority {
            authority.issue(folder.path())?;
            let port = Port::take()?;
            let path = |name: &str| folder.path().join(name).display().to_string();
            command.extend([
                format!("-s3.port.https={}", port.number).into(),
                format!("-s3.cert.file={}", path("server.pem")).into(),
                format!("-s3.key.file={}", path("server.key")).into(),
            ]);
            tls = Some(port);
        }
        let launch = Launch {
            command,
            // Encryption at rest needs a key; any will do.
            environment: vec![("WEED_S3_SSE_KEK".to_owned(), "5a".repeat(32).into())],
            folder: folder.path().to_owned(),
            log: folder.path().join("log"),
            // It takes half a minute to end in order.
            ending: Signal::SIGKILL,
        };
        let server = Server::new("SeaweedFS", launch, folder, ready);
        let mut this = Self { server, ports, tls };
        this.restart()?;
        Ok(this)
    }

    /// Its address, with the key that may do everything.
    pub fn url(&self) -> String {
        format!("http://{KEY}:{SECRET}@127.0.0.1:{}", self.port())
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        let [_, _, _, s3] = &self.ports;
        s3.number
    }

    /// Its port for S3 over TLS, if it has a certificate.
    pub fn tls_port(&self) -> Option<u16> {
        self.tls.as_ref().map(|port| port.number)
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Ends it at once with SIGKILL.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Pauses it with SIGSTOP: connections stay open and nothing answers.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// Lets it go on after [`Self::stop`].
    pub fn cont(&self) {
        self.server.cont();
    }

    /// Starts it again over the same data and ports, after [`Self::kill`].
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let ports = self.ports.each_ref().map(|port| port.number);
        self.server.start(&ports)
    }
}

fn options(data: &Path, accounts: &Path, ports: &[Port; 4]) -> [String; 16] {
    let [master, volume, filer, s3] = ports;
    [
        format!("-dir={}", data.display()),
        "-ip=127.0.0.1".to_owned(),
        "-ip.bind=127.0.0.1".to_owned(),
        format!("-master.port={}", master.number),
        format!("-volume.port={}", volume.number),
        "-filer".to_owned(),
        format!("-filer.port={}", filer.number),
        "-s3".to_owned(),
        format!("-s3.port={}", s3.number),
        "-s3.iam=false".to_owned(),
        // These two listen on fixed ports unless told not to.
        "-s3.port.iceberg=0".to_owned(),
        "-s3.port.lance=0".to_owned(),
        format!("-s3.config={}", accounts.display()),
        "-master.volumeSizeLimitMB=64".to_owned(),
        "-master.peers=none".to_owned(),
        // As many as the disk holds: each bucket takes several.
        "-volume.max=0".to_owned(),
    ]
}

/// Where ./test has put Python's packages, the server among them.
fn python() -> Vec<PathBuf> {
    std::env::var_os("ASSAY_TEST_PYTHON")
        .map(PathBuf::from)
        .into_iter()
        .collect()
}

/// It refuses strangers, and has a place for an object: a volume server has registered, and the file index answers.
fn ready(ports: &[u16], _launch: &Launch) -> bool {
    let &[master, _, filer, s3] = ports else {
        return false;
    };
    blocking::run(async {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()?;
        let status = async |port: u16, path: &str| {
            let url = format!("http://127.0.0.1:{port}{path}");
            anyhow::Ok(client.get(url).send().await?)
        };
        let strangers = status(s3, "/").await?.status().as_u16();
        let place: serde_json::Value = status(master, "/dir/assign").await?.json().await?;
        let index = status(filer, "/").await?.status().as_u16();
        Ok(strangers == 403 && place["fid"].is_string() && index < 500)
    })
    .unwrap_or(false)
}
