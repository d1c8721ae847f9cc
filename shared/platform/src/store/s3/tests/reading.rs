//! Objects from servers that break off, stall, lie and never end.

use super::*;

fn object(data: &[u8]) -> Answer {
    Answer::ok(data)
}

/// A part of an object from a byte on, as a server gives it.
fn rest(data: &[u8], from: usize) -> Answer {
    let range = format!("bytes {from}-{}/{}", data.len() - 1, data.len());
    Answer::Plain(206, vec![("Content-Range", range)], data[from..].to_vec())
}

#[tokio::test]
async fn a_stream_that_breaks_or_stalls_is_read_on() {
    let data: Vec<u8> = (0..900_000_u32).map(|i| (i % 251) as u8).collect();
    let digest = Digest::of(&data);
    let served = data.clone();
    let head = format!("HTTP/1.1 200 x\r\nContent-Length: {}\r\n\r\n", data.len()).into_bytes();
    let server = Server::start(move |before, asked| {
        let from = asked.header("range").map_or(0, |range| {
            let range = range.strip_prefix("bytes=").unwrap();
            range.split('-').next().unwrap().parse().unwrap()
        });
        match before {
            0 => Answer::Raw([&head[..], &served[..100_000]].concat()),
            1 => Answer::error(503, "SlowDown"),
            // Ignores what is asked for.
            2 => object(&served),
            3 => {
                let to = from + 200_000;
                let head = format!(
                    "HTTP/1.1 206 x\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\n\r\n",
                    served.len() - from,
                    served.len() - 1,
                    served.len()
                );
                Answer::Stall([head.as_bytes(), &served[from..to]].concat())
            }
            _ => rest(&served, from),
        }
    })
    .await;
    let (base, s3) = store(&server.endpoint, |_, limits| {
        limits.stall = Duration::from_millis(300);
    });
    let to = base.path().join("rooms/x");
    assert_eq!(s3.fetch(digest, &to).await.unwrap().bytes, 900_000);
    assert_eq!(fs::read(&to).unwrap(), data);
    assert!(server.asked().len() >= 5);
}

#[tokio::test]
async fn wrong_lengths_and_other_bytes_are_refused() {
    let digest = Digest::of(b"12345");
    let corrupt =
        |error| matches!(error, StoreError::Corrupt { expected, .. } if expected == digest);
    // More than it said: what is too much is cut off with the connection, and what is left is right.
    let raw = |text: &str| Answer::Raw(text.as_bytes().to_vec());
    let more =
        raw("HTTP/1.1 200 x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345 and more");
    let other = object(b"other bytes");
    let none = raw("HTTP/1.1 200 x\r\nConnection: close\r\n\r\n12345");
    let less = raw("HTTP/1.1 200 x\r\nContent-Length: 50\r\nConnection: close\r\n\r\n12345");
    for (case, answer) in [more, other, none, less].into_iter().enumerate() {
        let server = Server::start(move |_, _| answer.clone()).await;
        let (base, s3) = store(&server.endpoint, at_once);
        let read = s3.read(digest, 100).await;
        let to = base.path().join("rooms/x");
        let fetched = s3.fetch(digest, &to).await;
        assert_eq!(fetched.is_ok(), read.is_ok());
        assert_eq!(to.exists(), read.is_ok());
        match (case, read) {
            (0, Ok(data)) => assert_eq!(data, b"12345"),
            (1, Err(error)) => assert!(corrupt(error)),
            (2, Err(error)) => assert!(reason(&error).contains("how large"), "{error}"),
            (3, Err(error)) => assert!(error.is_passing(), "{error}"),
            (_, other) => panic!("{case}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_object_that_claims_to_be_huge_does_not_fill_disk_or_memory() {
    let server = Server::start(|_, _| {
        Answer::Endless(b"HTTP/1.1 200 x\r\nContent-Length: 4611686018427387904\r\n\r\n".to_vec())
    })
    .await;
    let (base, s3) = store(&server.endpoint, at_once);
    let digest = Digest::of(b"x");
    let limited = s3.read(digest, 100).await.unwrap_err();
    assert!(matches!(limited, StoreError::TooLarge { limit: 100 }));
    let full = s3
        .fetch(digest, &base.path().join("rooms/x"))
        .await
        .unwrap_err();
    assert!(matches!(full, StoreError::Io(error) if error.kind() == io::ErrorKind::StorageFull));
    assert!(!base.path().join("rooms/x").exists());
}
