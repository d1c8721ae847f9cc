//! OpenBao, with its keys in memory.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;
use nix::sys::signal::Signal;

use crate::{
    authority::Authority, blocking, folder, guard::Launch, names, ports::Port, server::Server,
};

/// The token that may do everything.
const TOKEN: &str = "assaytest";

/// An OpenBao server of the test's own. What it holds is gone when it ends.
#[derive(Debug)]
pub struct OpenBao {
    server: Server,
    port: Port,
    /// For requests over TLS.
    tls: Option<Port>,
}

impl OpenBao {
    /// Starts one.
    pub fn start() -> anyhow::Result<Self> {
        Self::with(None)
    }

    /// Starts one with a certificate of this authority: it can be reached with and without TLS.
    pub fn start_tls(authority: &Authority) -> anyhow::Result<Self> {
        Self::with(Some(authority))
    }

    fn with(authority: Option<&Authority>) -> anyhow::Result<Self> {
        let folder = folder::temporary("openbao")?;
        let port = Port::take()?;
        let mut command = vec![
            names::of(names::BAO)?.into(),
            "server".into(),
            "-dev".into(),
        ];
        let mut options = vec![
            format!("-dev-root-token-id={TOKEN}"),
            format!("-dev-listen-address=127.0.0.1:{}", port.number),
            "-dev-no-store-token".to_owned(),
        ];
        let mut tls = None;
        if let Some(authority) = authority {
            authority.issue(folder.path())?;
            let port = Port::take()?;
            let file = folder.path().join("listener.hcl");
            fs::write(&file, listener(folder.path(), port.number)).context("listener.hcl")?;
            options.push(format!("-config={}", file.display()));
            tls = Some(port);
        }
        command.extend(options.into_iter().map(std::ffi::OsString::from));
        let launch = Launch {
            command,
            environment: vec![("HOME".to_owned(), folder.path().into())],
            folder: folder.path().to_owned(),
            log: folder.path().join("log"),
            ending: Signal::SIGKILL,
        };
        let mut server = Server::new("OpenBao", launch, folder, ready);
        server.start(&[port.number])?;
        Ok(Self { server, port, tls })
    }

    /// Its address, with the token that may do everything.
    pub fn url(&self) -> String {
        format!("http://{TOKEN}@127.0.0.1:{}", self.port.number)
    }

    /// Its port for requests over TLS, if it has a certificate.
    pub fn tls_port(&self) -> Option<u16> {
        self.tls.as_ref().map(|port| port.number)
    }

    /// Ends it at once with SIGKILL; its keys go with it.
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
}

fn listener(folder: &Path, port: u16) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    format!(
        "listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_cert_file = {:?}\n  tls_key_file = {:?}\n}}\n",
        path("server.pem"),
        path("server.key")
    )
}

fn ready(ports: &[u16], _launch: &Launch) -> bool {
    let url = format!("http://127.0.0.1:{}/v1/sys/health", ports[0]);
    blocking::run(async {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()?;
        Ok(client.get(&url).send().await?.status().is_success())
    })
    .unwrap_or(false)
}
