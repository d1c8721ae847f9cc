//! RabbitMQ.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nix::sys::signal::Signal;

use crate::{
    authority::Authority,
    blocking, folder,
    guard::{Guard, Launch},
    ports::Port,
    server::Server,
};

/// A RabbitMQ server of the test's own, with its management API.
#[derive(Debug)]
pub struct Rabbit {
    server: Server,
    amqp: Port,
    management: Port,
    /// For messages over TLS.
    tls: Option<Port>,
    /// Erlang's nodes find each other through this; one started by itself would stay behind.
    _names: Guard,
    _more_ports: [Port; 2],
}

impl Rabbit {
    /// Starts one.
    pub fn start() -> anyhow::Result<Self> {
        Self::with(None)
    }

    /// Starts one with a certificate of this authority: it can be reached with and without TLS.
    pub fn start_tls(authority: &Authority) -> anyhow::Result<Self> {
        Self::with(Some(authority))
    }

    fn with(authority: Option<&Authority>) -> anyhow::Result<Self> {
        let folder = folder::temporary("rabbitmq")?;
        let ports = [Port::take()?, Port::take()?, Port::take()?, Port::take()?];
        let [amqp, management, nodes, names] = ports;
        let mut settings = settings(amqp.number, management.number);
        let mut tls = None;
        if let Some(authority) = authority {
            authority.issue(folder.path())?;
            let port = Port::take()?;
            settings.push_str(&tls_settings(folder.path(), &authority.file(), port.number));
            tls = Some(port);
        }
        write_settings(folder.path(), &settings)?;
        let naming = Guard::start(&naming(folder.path(), names.number)?)?;
        let launch = Launch {
            command: vec![program()?.into()],
            environment: environment(folder.path(), amqp.number, nodes.number, names.number),
            folder: folder.path().to_owned(),
            log: folder.path().join("log.txt"),
            ending: Signal::SIGTERM,
        };
        let server = Server::new("RabbitMQ", launch, folder, ready);
        let mut this = Self {
            server,
            amqp,
            management,
            tls,
            _names: naming,
            _more_ports: [nodes, names],
        };
        this.restart()?;
        Ok(this)
    }

    /// Its address for messages, with the account that may do everything.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.amqp.number)
    }

    /// Its port for messages over TLS, if it has a certificate.
    pub fn tls_port(&self) -> Option<u16> {
        self.tls.as_ref().map(|port| port.number)
    }

    /// The address of its management API, with the same account.
    pub fn management_url(&self) -> String {
        format!("http://guest:guest@127.0.0.1:{}", self.management.number)
    }

    /// Its port for messages on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.amqp.number
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Ends it at once with SIGKILL.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Ends it in order.
    pub fn end(&mut self) {
        self.server.end();
    }

    /// Pauses it with SIGSTOP: connections stay open and nothing answers.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// Lets it go on after [`Self::stop`].
    pub fn cont(&self) {
        self.server.cont();
    }

    /// Starts it again over the same data and ports, after [`Self::kill`] or [`Self::end`].
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.server
            .start(&[self.management.number, self.amqp.number])
    }
}

/// The server itself: the commands of the same name in PATH refuse every account but two.
fn program() -> anyhow::Result<PathBuf> {
    folder::program("rabbitmq-server", &[PathBuf::from("/usr/lib/rabbitmq/bin")])
}

fn write_settings(folder: &Path, settings: &str) -> anyhow::Result<()> {
    fs::write(folder.join("plugins"), "[rabbitmq_management].\n").context("writing plugins")?;
    fs::write(folder.join("rabbitmq.conf"), settings).context("writing rabbitmq.conf")
}

fn tls_settings(folder: &Path, authority: &Path, port: u16) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    format!(
        "listeners.ssl.1 = 127.0.0.1:{port}\n\
         ssl_options.cacertfile = {}\n\
         ssl_options.certfile = {}\n\
         ssl_options.keyfile = {}\n\
         ssl_options.verify = verify_none\n",
        authority.display(),
        path("server.pem"),
        path("server.key")
    )
}

fn settings(amqp: u16, management: u16) -> String {
    format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {management}\n\
         disk_free_limit.absolute = 50MB\n\
         log.console = true\n\
         log.console.level = warning\n\
         log.file = false\n"
    )
}

fn naming(folder: &Path, port: u16) -> anyhow::Result<Launch> {
    let epmd = folder::program("epmd", &[])?;
    Ok(Launch {
        command: vec![
            epmd.into(),
            "-port".into(),
            port.to_string().into(),
            "-address".into(),
            "127.0.0.1".into(),
        ],
        environment: vec![],
        folder: folder.to_owned(),
        log: folder.join("epmd.txt"),
        ending: Signal::SIGKILL,
    })
}

fn environment(
    folder: &Path,
    amqp: u16,
    nodes: u16,
    names: u16,
) -> Vec<(String, std::ffi::OsString)> {
    let path = |name: &str| folder.join(name).into_os_string();
    [
        ("HOME", path("")),
        ("ERL_EPMD_PORT", names.to_string().into()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("RABBITMQ_NODENAME", format!("n{amqp}@localhost").into()),
        ("RABBITMQ_NODE_PORT", amqp.to_string().into()),
        ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".into()),
        ("RABBITMQ_DIST_PORT", nodes.to_string().into()),
        ("RABBITMQ_MNESIA_BASE", path("data")),
        ("RABBITMQ_LOG_BASE", path("logs")),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq")),
        ("RABBITMQ_CONF_ENV_FILE", path("none")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins")),
        ("RABBITMQ_PID_FILE", path("pid")),
        // Its threads spin while they wait, which costs the other programs of a small machine their processor.
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "+sbwt none +sbwtdcpu none +sbwtdio none".into(),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// The management API answers, and says that the listener for messages is there.
fn ready(ports: &[u16], _launch: &Launch) -> bool {
    let &[management, amqp] = ports else {
        return false;
    };
    let url = format!("http://127.0.0.1:{management}/api/health/checks/port-listener/{amqp}");
    blocking::run(async {
        let answer = reqwest::Client::new()
            .get(url)
            .basic_auth("guest", Some("guest"))
            .timeout(std::time::Duration::from_secs(10))
            .send()
            .await?;
        Ok(answer.status().is_success())
    })
    .unwrap_or(false)
}
