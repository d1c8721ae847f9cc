//! A server that falls silent: a proxy between it and us stops forwarding, and closes nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use super::{
    contract,
    support::{Server, open},
};
use crate::db::{DbError, Lease};

/// Forwards bytes until it is told to hold them.
struct Proxy {
    address: String,
    silent: Arc<AtomicBool>,
    speak: Arc<Notify>,
}

impl Proxy {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (silent, speak) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let (quiet, wake) = (Arc::clone(&silent), Arc::clone(&speak));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let there = TcpStream::connect(&server).await.unwrap();
                let ((client_in, client_out), (there_in, there_out)) =
                    (client.into_split(), there.into_split());
                for (mut from, mut to) in [(client_in, there_out), (there_in, client_out)] {
                    let (quiet, wake) = (Arc::clone(&quiet), Arc::clone(&wake));
                    tokio::spawn(async move {
                        let mut bytes = vec![0; 16 << 10];
                        while let Ok(count @ 1..) = from.read(&mut bytes).await {
                            let spoken = wake.notified();
                            if quiet.load(Ordering::SeqCst) {
                                spoken.await;
                            }
                            if to.write_all(&bytes[..count]).await.is_err() {
                                return;
                            }
                        }
                    });
                }
            }
        });
        Self {
            address,
            silent,
            speak,
        }
    }

    fn hold(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    fn forward(&self) {
        self.silent.store(false, Ordering::SeqCst);
        self.speak.notify_waiters();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_holds_no_call_and_is_used_again_when_it_speaks() {
    let server = Server::new().await;
    let proxy = Proxy::to(server.address()).await;
    let db = open(server.url_at(&proxy.address)).await;
    let claim = contract::claimed(&db, "w").await;
    let (id, done) = (claim.job.id, contract::completion(claim.job.unique_dir));

    proxy.hold();
    let begun = Instant::now();
    let (read, beaten, completed) = tokio::join!(
        db.job(id),
        db.heartbeat(id, 1, Duration::from_secs(60)),
        db.complete(id, 1, &done)
    );
    for error in [
        read.unwrap_err(),
        beaten.unwrap_err(),
        completed.unwrap_err(),
    ] {
        assert!(error.is_passing(), "{error}");
        assert!(!matches!(error, DbError::CommitUnknown), "{error}");
    }
    // Each call has its own limit of 20 s; a loaded machine may be slow to notice.
    assert!(begun.elapsed() < Duration::from_secs(60));

    proxy.forward();
    // Connections that were waited for in vain are gone, new ones are made: at the latest after some tries.
    let deadline = Instant::now() + Duration::from_secs(60);
    let lease = loop {
        match db.heartbeat(id, 1, Duration::from_secs(60)).await {
            Ok(lease) => break lease,
            Err(error) => assert!(error.is_passing() && Instant::now() < deadline, "{error}"),
        }
    };
    assert_eq!(lease, Lease::Held);
    assert!(db.complete(id, 1, &done).await.unwrap());
    server.remove(db).await;
}

/// The answer to the commit does not arrive. The same call again says what became of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_without_an_answer_is_said_again() {
    let server = Server::new().await;
    let db = server.open().await;
    let claim = contract::claimed(&db, "w").await;
    let (id, done) = (claim.job.id, contract::completion(claim.job.unique_dir));
    // What is left to do at the commit ends the connection.
    server
        .ask_here(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER cut AFTER UPDATE ON jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()",
        )
        .await;
    let error = db.complete(id, 1, &done).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    server.ask_here("DROP TRIGGER cut ON jobs").await;
    assert!(db.complete(id, 1, &done).await.unwrap());
    assert!(db.complete(id, 1, &done).await.unwrap());
    assert_eq!(db.artifacts(id).await.unwrap().len(), 3 + 7);
    server.remove(db).await;
}
