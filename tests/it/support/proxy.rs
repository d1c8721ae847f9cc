//! A way to a server that can fall silent: nothing passes, and nothing is closed.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// Stands between a service and a server.
pub(crate) struct Proxy {
    address: SocketAddr,
    door: Arc<Door>,
}

#[derive(Default)]
struct Door {
    silent: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    /// Waits while nothing may pass.
    fn pass(&self) {
        let mut silent = self.silent.lock().unwrap();
        while *silent {
            silent = self.opened.wait(silent).unwrap();
        }
    }
}

impl Proxy {
    /// Opens one before the server at `server`, host and port. Its threads end with the process.
    pub(crate) fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (door, server) = (Arc::new(Door::default()), server.to_owned());
        let held = Arc::clone(&door);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(there)) = (client, TcpStream::connect(&server)) else {
                    continue;
                };
                carry(&client, &there, &held);
                carry(&there, &client, &held);
            }
        });
        Self { address, door }
    }

    /// Host and port of the way in.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Holds everything back, or lets it pass again, what was held back too.
    pub(crate) fn silence(&self, silent: bool) {
        *self.door.silent.lock().unwrap() = silent;
        self.door.opened.notify_all();
    }
}

/// Carries bytes one way until an end closes.
fn carry(from: &TcpStream, to: &TcpStream, door: &Arc<Door>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let door = Arc::clone(door);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            door.pass();
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _closed = to.shutdown(std::net::Shutdown::Both);
    });
}
