//! An HTTP server that answers as a test says: well, badly, or not at all.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use tokio::{
    io::AsyncBufReadExt as _,
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request: method and target, headers in lower case, body.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn is(&self, method: &str, part: &str) -> bool {
        self.line.starts_with(method) && self.line.contains(part)
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Status, headers and body; the length is that of the body.
    Plain(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes as they are, and the end of the connection.
    Raw(Vec<u8>),
    /// These bytes as they are, and then nothing.
    Stall(Vec<u8>),
    /// These bytes as they are, and then others without end.
    Endless(Vec<u8>),
}

impl Answer {
    pub(super) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Plain(200, Vec::new(), body.into())
    }

    pub(super) fn error(status: u16, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>said\nso</Message></Error>");
        Self::Plain(status, Vec::new(), body.into())
    }
}

/// The server. It ends with this.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers the request, of which so many came before.
    pub(super) async fn start(
        answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, answer)
    }

    pub(super) fn on(
        listener: TcpListener,
        answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (asked.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move {
                    let _ended = serve(stream, |asked| {
                        let mut log = log.lock().unwrap();
                        log.push(asked);
                        answer(log.len() - 1, &log[log.len() - 1])
                    })
                    .await;
                });
            }
        });
        Self {
            endpoint,
            asked,
            task,
        }
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, mut answer: impl FnMut(Asked) -> Answer) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await?;
            let Some((name, value)) = header.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut asked = Asked {
            line: line.trim_end().to_owned(),
            headers,
            body: Vec::new(),
        };
        let length = asked
            .header("content-length")
            .map_or(0, |n| n.parse().unwrap());
        asked.body.resize(length, 0);
        stream.read_exact(&mut asked.body).await?;
        let head = asked.line.starts_with("HEAD");
        match answer(asked) {
            Answer::Plain(status, headers, body) => {
                let mut text = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    text.push_str(&format!("{name}: {value}\r\n"));
                }
                stream.write_all(format!("{text}\r\n").as_bytes()).await?;
                if !head {
                    stream.write_all(&body).await?;
                }
            }
            Answer::Raw(bytes) => return stream.write_all(&bytes).await,
            Answer::Stall(bytes) => {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
                pending::<()>().await;
            }
            Answer::Endless(bytes) => {
                stream.write_all(&bytes).await?;
                loop {
                    stream.write_all(&[b' '; 64 << 10]).await?;
                }
            }
        }
        stream.flush().await?;
    }
}
