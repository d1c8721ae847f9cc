//! `GET /job_status` over many connections.
//!
//! The load generator writes fixed requests on kept-open sockets and reads answers by their length, so that it
//! costs little beside the server on the same two cores.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    data, print,
    server::{Server, http, submit},
    summary,
};

const JOBS: usize = 1000;

pub(crate) fn run(connections: usize, seconds: u64) -> anyhow::Result<()> {
    let inputs = data::table()?;
    let server = Server::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let jobs = mixed_jobs(&server, &inputs).await?;
        let address = server.url.trim_start_matches("http://").to_owned();
        let until = Instant::now() + Duration::from_secs(seconds);
        let tasks: Vec<_> = (0..connections)
            .map(|number| {
                let requests: Vec<Vec<u8>> = jobs
                    .iter()
                    .cycle()
                    .skip(number * 37)
                    .take(jobs.len())
                    .map(|job| {
                        format!("GET /job_status/{job} HTTP/1.1\r\nHost: {address}\r\n\r\n")
                            .into_bytes()
                    })
                    .collect();
                let address = address.clone();
                tokio::spawn(async move { one_connection(&address, &requests, until).await })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        let rate = times.len() as f64 / seconds as f64;
        let (median, slowest) = summary(&mut times);
        print(format!(
            "job_status: {rate:.0} requests/s on {connections} connections over {} jobs, \
             median {median:.2} ms, p99 {slowest:.2} ms",
            jobs.len()
        ));
        Ok(())
    })
}

/// Completed, failed, cancelled and queued jobs; a few are trained, the rest wait behind them or are cancelled.
async fn mixed_jobs(server: &Server, inputs: &data::Inputs) -> anyhow::Result<Vec<String>> {
    let http = http()?;
    let mut jobs = Vec::with_capacity(JOBS);
    for number in 0..JOBS {
        // One job that trains long keeps those behind it queued while we measure.
        let epochs = if number == JOBS / 2 { "100000" } else { "1" };
        let job = submit(&http, &server.url, inputs, &[("epochs", epochs)]).await?;
        if number > JOBS / 2 && number % 3 == 0 {
            http.delete(format!("{}/jobs/{job}", server.url))
                .send()
                .await?;
        }
        jobs.push(job);
    }
    Ok(jobs)
}

async fn one_connection(
    address: &str,
    requests: &[Vec<u8>],
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let mut times = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    for request in requests.iter().cycle() {
        let begun = Instant::now();
        if begun >= until {
            break;
        }
        socket.write_all(request).await?;
        read_answer(&mut socket, &mut buffer).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// Reads one answer: its head, then as many bytes as `content-length` says.
async fn read_answer(socket: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let mut filled = 0;
    loop {
        let free = buffer.get_mut(filled..).context("an answer too long")?;
        let count = socket.read(free).await?;
        if count == 0 {
            bail!("the server closed the connection");
        }
        filled += count;
        let have = buffer.get(..filled).unwrap_or_default();
        let Some(head) = have.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(have.get(..head).unwrap_or_default())?;
        if !text.starts_with("HTTP/1.1 200") {
            bail!("{text}");
        }
        let length: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .context("an answer without length")?
            .parse()?;
        if filled >= head + 4 + length {
            return Ok(());
        }
    }
}
