use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tracing_subscriber::layer::SubscriberExt as _;

use super::{context::parse, *};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn only_what_the_standard_says_is_a_trace() {
    assert!(parse(PARENT).is_some());
    for bad in [
        "",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    ] {
        assert!(parse(bad).is_none(), "{bad:?}");
        assert_eq!(traceparent(&Span::none(), Some(bad)), None);
    }
    // Nothing is collected here, so the caller's goes on as it is.
    assert_eq!(
        traceparent(&Span::none(), Some(PARENT)).as_deref(),
        Some(PARENT)
    );
}

/// Takes one request and gives everything that came with it.
async fn collector(listener: TcpListener) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        received.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&received).to_lowercase();
        let Some(end) = text.find("\r\n\r\n") else {
            continue;
        };
        let length = text.split("content-length:").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
        // Lower case changes no length of what is ASCII, and the head is.
        if received.len() >= end + 4 + length {
            break;
        }
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    received
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_reach_the_collector_in_the_callers_trace() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let received = tokio::spawn(collector(listener));
    let provider = provider(&endpoint, Service::Worker).unwrap();
    let subscriber = tracing_subscriber::registry().with(spans(&provider));
    let own = tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("a part of a job", trace = tracing::field::Empty);
        continue_trace(&span, Some(PARENT));
        let _entered = span.enter();
        let child = tracing::debug_span!("its child");
        child.in_scope(|| tracing::error!("a line of the log"));
        failed(&child, "trainer.crashed");
        traceparent(&Span::current(), None).unwrap()
    });
    assert!(
        own.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
        "{own}"
    );
    assert_ne!(own, PARENT);
    let flushed = tokio::task::spawn_blocking(move || provider.force_flush());
    flushed.await.unwrap().unwrap();
    let received = received.await.unwrap();
    let holds = |part: &[u8]| received.windows(part.len()).any(|window| window == part);
    assert!(holds(b"POST /v1/traces"));
    assert!(holds(b"a part of a job") && holds(b"its child"));
    assert!(holds(b"assay-worker") && holds(b"host.name") && holds(b"service.version"));
    assert!(holds(b"trainer.crashed"), "the reason of a failure");
    assert!(!holds(b"a line of the log"));
    let trace = hex::decode("0af7651916cd43dd8448eb211c80319c").unwrap();
    assert!(holds(&trace));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_holds_nothing_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    drop(listener);
    let provider = provider(&endpoint, Service::Worker).unwrap();
    let subscriber = tracing_subscriber::registry().with(spans(&provider));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("a part of a job").in_scope(|| ());
    });
    let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_DELIVERY));
    // It may fail; it returns.
    let _failed = ended.await.unwrap();
}

#[test]
fn an_endpoint_that_is_no_address_is_refused() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    for bad in [
        "not an address",
        "https://collector:4318/v1/traces",
        "http://",
    ] {
        assert!(provider(bad, Service::All).is_err(), "{bad}");
    }
}
