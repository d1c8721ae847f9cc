//! The stream of a job's events.

use assay_platform::job::JobEvent;
use assay_protocol::{EpochReport, Event, LogLevel};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Bench, LONG};

fn epoch(epoch: u32) -> JobEvent {
    JobEvent::Trainer {
        event: Event::Epoch(EpochReport {
            epoch,
            of: 2,
            metrics: [("loss".to_owned(), 0.5)].into(),
            seconds: 0.1,
        }),
    }
}

/// Ids and names of the events in a stream.
fn told(text: &str) -> Vec<(i64, String)> {
    let blocks = text.split("\n\n").filter(|block| block.starts_with("id: "));
    blocks
        .map(|block| {
            let mut lines = block.lines();
            let id = lines.next().unwrap()[4..].parse().unwrap();
            let name = lines.next().unwrap()[7..].to_owned();
            let data: serde_json::Value =
                serde_json::from_str(&lines.next().unwrap()[6..]).unwrap();
            assert_eq!(data["id"], id);
            (id, name)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_all_ends_with_the_job_and_can_be_resumed() {
    let bench = Bench::new().await;
    let db = &bench.platform.db;
    let (id, _) = bench.submit().await;
    let claim = db.claim(id, "tester", LONG).await.unwrap().unwrap();
    let log = JobEvent::Trainer {
        event: Event::Log {
            level: LogLevel::Info,
            message: "hello".into(),
        },
    };
    db.log(id, claim.attempt, &[epoch(1), log]).await.unwrap();

    // A client that is there while the job still runs.
    let mut socket = TcpStream::connect(bench.address).await.unwrap();
    let head =
        format!("GET /jobs/{id}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.contains("hello") {
        let mut buffer = [0; 4096];
        let count = tokio::time::timeout(LONG, socket.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert_ne!(count, 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    db.log(id, claim.attempt, &[epoch(2)]).await.unwrap();
    assert!(db.cancelled(id, claim.attempt).await.unwrap());
    let mut rest = String::new();
    tokio::time::timeout(LONG, socket.read_to_string(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(
        rest.contains("\"epoch\":2") && rest.contains("cancelled"),
        "{rest}"
    );

    // One that comes later gets the same, and one that resumes gets the rest.
    let path = format!("/jobs/{id}/events");
    let answer = bench.get(&path).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let all = told(&answer.text());
    let names: Vec<&str> = all.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(
        names,
        ["status", "status", "epoch", "log", "epoch", "status"]
    );
    assert!(all.is_sorted());
    for (position, (event, _)) in all.iter().enumerate() {
        let resumed = bench
            .ask("GET", &path, &[("Last-Event-ID", &event.to_string())])
            .await;
        assert_eq!(told(&resumed.text()), all[position + 1..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_cannot_be_is_a_problem() {
    let bench = Bench::new().await;
    let (id, _) = bench.submit().await;
    let path = format!("/jobs/{id}/events");
    for wrong in ["x", "-1", "1.5", "99999999999999999999"] {
        bench
            .ask("GET", &path, &[("Last-Event-ID", wrong)])
            .await
            .problem(400);
    }
    bench.get("/jobs/no-such-job/events").await.problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_do_not_keep_the_service_from_stopping() {
    let bench = Bench::new().await;
    let (id, _) = bench.submit().await;
    let mut socket = TcpStream::connect(bench.address).await.unwrap();
    let head = format!("GET /jobs/{id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 1];
    socket.read_exact(&mut first).await.unwrap();
    bench.stop().await;
    // The service ended the stream itself. One that it had waited for in vain would be cut off.
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "{}", rest.escape_ascii());
}
