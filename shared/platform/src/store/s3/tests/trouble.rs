//! Servers that are in trouble, away, or refuse.

use super::*;

#[tokio::test]
async fn trouble_that_passes_is_waited_for() {
    let server = Server::start(|before, _| match before {
        0 => Answer::error(503, "SlowDown"),
        1 => Answer::Raw(Vec::new()),
        2 => Answer::error(500, "InternalError"),
        3 => Answer::error(429, "TooManyRequests"),
        _ => Answer::ok(""),
    })
    .await;
    let (_base, s3) = store(&server.endpoint, |_, _| {});
    s3.put_bytes(b"x".to_vec(), Lock::Free).await.unwrap();
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    // The address is taken, and nobody listens.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let (_base, s3) = store(&endpoint, |_, _| {});
    let put = tokio::spawn(async move { s3.put_bytes(b"x".to_vec(), Lock::Free).await });
    let (_base, impatient) = store(&endpoint, at_once);
    let error = impatient.answers().await.unwrap_err();
    assert!(
        error.is_passing() && reason(&error).contains(&endpoint),
        "{error}"
    );
    let _server = Server::on(socket.listen(8).unwrap(), |_, _| Answer::ok(""));
    put.await.unwrap().unwrap();
}

#[tokio::test]
async fn refusals_are_told_apart_and_say_what_to_do() {
    for (status, code, word) in [
        (403, "InvalidAccessKeyId", "store.access_key"),
        (403, "SignatureDoesNotMatch", "store.secret_key_file"),
        (403, "AccessDenied", "right"),
        (404, "NoSuchBucket", "assay prepare"),
        (301, "PermanentRedirect", "store.region"),
        (403, "RequestTimeTooSkewed", "clocks"),
    ] {
        let server = Server::start(move |_, _| Answer::error(status, code)).await;
        let (_base, s3) = store(&server.endpoint, |_, _| {});
        let error = s3.check(false).await.unwrap_err();
        let text = reason(&error);
        assert!(
            text.contains(word) && text.contains("bucket jobs"),
            "{text}"
        );
        assert!(!error.is_passing());
        // Asked once: nothing changes by asking again.
        assert_eq!(server.asked().len(), 1, "{code}");
        // An absent bucket is no absent object.
        let read = s3.verify(Digest::of(b"x")).await.unwrap_err();
        assert!(matches!(read, StoreError::Remote { .. }), "{read}");
    }
    let server = Server::start(|_, _| Answer::error(404, "NoSuchKey")).await;
    let (_base, s3) = store(&server.endpoint, |_, _| {});
    let read = s3.verify(Digest::of(b"x")).await.unwrap_err();
    assert!(matches!(read, StoreError::Missing(_)), "{read}");
}
