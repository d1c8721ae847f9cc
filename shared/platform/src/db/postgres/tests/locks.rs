//! A lock that cannot be had in time.

use sqlx::{Connection as _, Executor as _, PgConnection};

use super::{contract, support::Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_had_in_time_leaves_no_connection_that_refuses_everything() {
    let server = Server::new().await;
    let db = server.open().await;
    let kept = contract::claimed(&db, "w").await.job.id;
    let mut other = PgConnection::connect(&server.url()).await.unwrap();
    other
        .execute("SELECT pg_advisory_lock(4711042)")
        .await
        .unwrap();
    // All connections of the pool, so that the calls below meet each of them.
    let tries = (0..8).map(|number| {
        let db = db.clone();
        async move {
            db.insert_job(&contract::new_job(&format!("m{number}")))
                .await
        }
    });
    for tried in contract::at_once(tries).await {
        assert!(tried.unwrap_err().is_passing());
    }
    other.close().await.unwrap();
    for _ in 0..32 {
        assert_eq!(db.job(kept).await.unwrap().unwrap().id, kept);
    }
    db.insert_job(&contract::new_job("after")).await.unwrap();
    server.remove(db).await;
}
