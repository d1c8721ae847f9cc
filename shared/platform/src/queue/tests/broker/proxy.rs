use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
};

/// Stands between a client and a broker; can cut every connection, and can hold everything back.
pub(super) struct Proxy {
    address: SocketAddr,
    /// How often it was cut.
    cuts: watch::Sender<u64>,
    paused: watch::Sender<bool>,
}

impl Proxy {
    pub(super) async fn before(url: &str) -> Self {
        let target = place(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, paused) = (watch::Sender::new(0), watch::Sender::new(false));
        let (cut, pause) = (cuts.subscribe(), paused.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&target).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                for (from, to) in [(from_client, to_server), (from_server, to_client)] {
                    tokio::spawn(carry(from, to, cut.clone(), pause.clone()));
                }
            }
        });
        Self {
            address,
            cuts,
            paused,
        }
    }

    /// The same address, by way of this proxy.
    pub(super) fn through(&self, url: &str) -> String {
        url.replace(place(url), &self.address.to_string())
    }

    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(super) fn pause(&self, paused: bool) {
        self.paused.send_replace(paused);
    }
}

/// Host and port of an address.
fn place(url: &str) -> &str {
    let rest = url.split_once('@').unwrap().1;
    rest.split_once('/').unwrap().0
}

/// Carries bytes one way until either end closes, or the proxy is cut.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut cut: watch::Receiver<u64>,
    mut paused: watch::Receiver<bool>,
) {
    cut.mark_unchanged();
    let carry = async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let Ok(count @ 1..) = from.read(&mut buffer).await else {
                return;
            };
            if paused.wait_for(|paused| !paused).await.is_err() {
                return;
            }
            if to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = carry => {}
        _cut = cut.changed() => {}
    }
}
