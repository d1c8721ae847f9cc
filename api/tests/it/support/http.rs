//! HTTP/1.1 by hand, so that what no well-behaved client sends can be sent too.

use std::{fmt::Write as _, net::SocketAddr};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::LONG;

/// Between the parts of a form.
pub(crate) const BOUNDARY: &str = "7d1f0c2b9a";

/// A part of a form.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) field: &'a str,
    pub(crate) file_name: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

impl<'a> Part<'a> {
    pub(crate) fn text(field: &'a str, value: &'a str) -> Self {
        Self {
            field,
            file_name: None,
            body: value.as_bytes(),
        }
    }

    pub(crate) fn file(field: &'a str, name: &'a str, body: &'a [u8]) -> Self {
        Self {
            field,
            file_name: Some(name),
            body,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of an answer that must have this status.
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Code and field of a problem that must have this status and every member.
    pub(crate) fn problem(&self, status: u16) -> (String, Option<String>) {
        let problem = self.json(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "detail", "instance"] {
            assert!(!problem[member].as_str().unwrap().is_empty(), "{problem}");
        }
        let text = |member: &str| problem[member].as_str().map(str::to_owned);
        (text("code").unwrap(), text("field"))
    }
}

/// The body of a form with these parts.
pub(crate) fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let mut head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"",
            part.field
        );
        if let Some(name) = part.file_name {
            write!(
                head,
                "; filename=\"{}\"",
                name.replace('\\', "\\\\").replace('"', "\\\"")
            )
            .unwrap();
            head.push_str("\r\nContent-Type: application/octet-stream");
        }
        head.push_str("\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(part.body);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

pub(crate) async fn post(address: SocketAddr, path: &str, parts: &[Part<'_>]) -> Answer {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    ask(
        address,
        "POST",
        path,
        &[("Content-Type", &kind)],
        &form(parts),
    )
    .await
}

pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if !body.is_empty() {
        write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    head.push_str("\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body).await.unwrap();
    read(&mut socket).await
}

/// Reads an answer up to the end of the connection.
pub(crate) async fn read(socket: &mut TcpStream) -> Answer {
    let mut all = Vec::new();
    tokio::time::timeout(LONG, socket.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    let mut answer = Answer {
        status,
        head,
        body: all.split_off(end + 4),
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = dechunk(&answer.body);
    }
    answer
}

fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    body
}
