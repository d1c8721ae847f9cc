//! Links, and the secret that they are signed with.

use super::*;

#[tokio::test]
async fn links_lead_to_the_address_that_people_reach() {
    let (_base, s3) = store("http://127.0.0.1:1", |config, _| {
        config.public_endpoint = "https://files.example:9000/".to_owned();
    });
    let store = Store::S3(s3);
    let digest = Digest::of(b"x");
    let ttl = Duration::from_secs(3600);
    let url = store.signed_url(digest, "a\"b.json", ttl).await.unwrap();
    let start = format!("https://files.example:9000/jobs/{}?", object_key(digest));
    assert!(url.starts_with(&start), "{url}");
    assert!(
        url.contains("X-Amz-Expires=3600") && url.contains("X-Amz-Signature="),
        "{url}"
    );
    assert!(url.contains("a_b.json") && !url.contains(SECRET), "{url}");
    // The longest that the way of signing allows.
    let long = store
        .signed_url(digest, "x", Duration::from_secs(1 << 30))
        .await
        .unwrap();
    assert!(long.contains("X-Amz-Expires=604800"), "{long}");
}

#[test]
fn a_secret_is_one_line_of_a_file() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("secret");
    let open = || {
        let (_kept, s3) = store("http://127.0.0.1:1", |_, _| {});
        let config = StoreConfig {
            secret_key_file: file.clone(),
            ..s3.0.config.clone()
        };
        S3::open(config, base.path().join("rooms"))
    };
    let absent = open().unwrap_err().to_string();
    assert!(absent.contains("store.secret_key_file"), "{absent}");
    for wrong in ["", "\n", "two\nlines", &"x".repeat(5000)] {
        fs::write(&file, wrong).unwrap();
        assert!(open().is_err(), "{wrong:?}");
    }
    fs::write(&file, "good\r\n").unwrap();
    open().unwrap();
}
