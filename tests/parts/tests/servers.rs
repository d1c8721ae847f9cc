//! The servers themselves: what they keep over a kill, and that nothing of them is left.

#![cfg(feature = "outside-parts")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use assay_test_parts::{Buckets, Database, OpenBao, Postgres, Rabbit, S3, Transit, Vhost, until};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

#[tokio::test]
async fn postgres_keeps_what_it_confirmed_over_a_kill() {
    let mut server = Postgres::start().unwrap();
    let database = Database::create_on(&server.url()).unwrap();
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept (n integer); INSERT INTO kept VALUES (7)")
        .execute(&mut connection)
        .await
        .unwrap();
    server.kill();
    assert!(PgConnection::connect(&database.url()).await.is_err());
    server.restart().unwrap();
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let kept: i32 = sqlx::query_scalar("SELECT n FROM kept")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(kept, 7);
    server.stop();
    server.cont();
    let still: i32 = sqlx::query_scalar("SELECT n FROM kept")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(still, 7);
}

#[test]
fn rabbit_keeps_its_hosts_over_a_kill() {
    let mut server = Rabbit::start().unwrap();
    let host = Vhost::create_on(&server.url(), &server.management_url()).unwrap();
    assert!(host.url().ends_with(host.name()));
    let path = format!("/api/queues/{}/kept", host.name());
    let queue = json!({"durable": true, "arguments": {"x-queue-type": "quorum"}});
    host.ask(reqwest::Method::PUT, &path, Some(queue)).unwrap();
    server.kill();
    assert!(host.ask(reqwest::Method::GET, &path, None).is_err());
    server.restart().unwrap();
    host.ask(reqwest::Method::GET, &path, None).unwrap();
}

#[tokio::test]
async fn s3_keeps_its_objects_over_a_kill() {
    let mut server = S3::start().unwrap();
    let buckets = Buckets::create_on(&server.url(), &["one"]).unwrap();
    let client = buckets.client();
    client
        .put_object()
        .bucket(buckets.name("one"))
        .key("kept")
        .body(b"bytes".to_vec().into())
        .send()
        .await
        .unwrap();
    server.kill();
    server.restart().unwrap();
    let object = client.get_object().bucket(buckets.name("one")).key("kept");
    let object = object.send().await.unwrap();
    let body = object.body.collect().await.unwrap();
    assert_eq!(body.into_bytes().as_ref(), b"bytes");
}

#[test]
fn servers_end_with_a_killed_starter() {
    let mut starter = Command::new(env!("CARGO_BIN_EXE_with-parts"))
        .args(["postgres", "--", "sh", "-c"])
        .arg("echo \"$ASSAY_TEST_POSTGRES\"; exec sleep 1000")
        .env_remove("ASSAY_TEST_POSTGRES")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(starter.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().rsplit_once('@').unwrap().1;
    let address = address.strip_suffix("/postgres").unwrap().to_owned();
    std::net::TcpStream::connect(&address).unwrap();
    starter.kill().unwrap();
    starter.wait().unwrap();
    until("the server's end", || {
        std::net::TcpStream::connect(&address).is_err()
    })
    .unwrap();
}

#[test]
fn openbao_signs_and_has_nothing_to_lose() {
    let mut server = OpenBao::start().unwrap();
    let transit = Transit::create_on(&server.url()).unwrap();
    let key = format!("{}/keys/one", transit.mount());
    let kind = Some(json!({"type": "ecdsa-p256"}));
    transit.ask(reqwest::Method::POST, &key, kind).unwrap();
    server.stop();
    server.cont();
    let made = transit.ask(reqwest::Method::GET, &key, None).unwrap();
    assert_eq!(made["data"]["type"], "ecdsa-p256");
    let token = transit
        .token_file("nobody", "path \"none\" { capabilities = [\"deny\"] }")
        .unwrap();
    assert!(!std::fs::read_to_string(token).unwrap().is_empty());
    server.kill();
    assert!(transit.ask(reqwest::Method::GET, &key, None).is_err());
}
