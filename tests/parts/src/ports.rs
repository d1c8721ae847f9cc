//! Free ports, each given to one process only.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process,
};

use anyhow::{Context as _, bail};
use nix::unistd::Uid;

/// Below the ports that the system gives to outgoing connections, so that a server which was killed finds its port
/// free again; and 10,000 above still below 32,768, since one of the servers takes a second port there.
const FIRST: u16 = 20_000;
const COUNT: u16 = 2_700;
/// The distance of that second port.
const SECOND: u16 = 10_000;

/// A port on 127.0.0.1 that no other test has, nor the one 10,000 above it.
#[derive(Debug)]
pub(crate) struct Port {
    /// Its number.
    pub(crate) number: u16,
    /// Locked as long as the port is ours.
    _lock: File,
}

impl Port {
    /// Takes one.
    pub(crate) fn take() -> anyhow::Result<Self> {
        let folder = folder();
        fs::create_dir_all(&folder).context("a folder for the locks of ports")?;
        let start = u16::try_from(process::id() % u32::from(COUNT)).unwrap_or(0);
        for step in 0..COUNT {
            let number = FIRST + (start + step * 7) % COUNT;
            let lock = File::create(folder.join(number.to_string())).context("a lock of a port")?;
            if lock.try_lock().is_ok() && free(number) && free(number + SECOND) {
                return Ok(Self {
                    number,
                    _lock: lock,
                });
            }
        }
        bail!("no free port from {FIRST} on")
    }
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("assay-ports-{}", Uid::current()))
}

fn free(number: u16) -> bool {
    TcpListener::bind(("127.0.0.1", number)).is_ok()
}
