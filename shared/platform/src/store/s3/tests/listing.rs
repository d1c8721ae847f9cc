//! Listings from servers that never end, or do not say what time it is.

use super::*;

#[tokio::test]
async fn listings_and_documents_have_an_end() {
    let page = |next: &str| {
        let body = format!(
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>\
             </ListBucketResult>"
        );
        let date = "Sat, 21 Nov 2026 12:00:00 GMT".to_owned();
        Answer::Plain(200, vec![("Date", date)], body.into())
    };
    let same = Server::start(move |_, _| page("again")).await;
    let (_base, s3) = store(&same.endpoint, at_once);
    let error = s3.objects_under("ab").await.unwrap_err();
    assert!(reason(&error).contains("does not go on"), "{error}");
    assert_eq!(same.asked().len(), 2);

    let new = Server::start(move |before, _| page(&before.to_string())).await;
    let (_base, s3) = store(&new.endpoint, |_, limits| limits.pages = 20);
    let error = s3.objects_under("ab").await.unwrap_err();
    assert!(reason(&error).contains("without end"), "{error}");
    assert_eq!(new.asked().len(), 20);

    for status in ["200 x", "403 x"] {
        let head = format!("HTTP/1.1 {status}\r\nTransfer-Encoding: identity\r\n\r\n<a>");
        let endless = Server::start(move |_, _| Answer::Endless(head.clone().into_bytes())).await;
        let (_base, s3) = store(&endless.endpoint, at_once);
        s3.objects_under("ab").await.unwrap_err();
        if status == "403 x" {
            s3.verify(Digest::of(b"x")).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn without_the_servers_time_nothing_is_old() {
    let server = Server::start(|_, asked| {
        assert!(!asked.is("DELETE", ""), "{}", asked.line);
        Answer::ok("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
    })
    .await;
    let (_base, s3) = store(&server.endpoint, at_once);
    let error = s3.sweep(Duration::ZERO).await.unwrap_err();
    assert!(reason(&error).contains("what time it is"), "{error}");
}
