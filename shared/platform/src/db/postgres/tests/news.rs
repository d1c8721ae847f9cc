use std::time::Duration;

use tokio::{sync::broadcast::Receiver, time::timeout};

use super::{contract, support::Server};
use crate::{db::Db, ids::JobId};

const LEASE: Duration = Duration::from_secs(60);
/// Far longer than it takes; only a failure waits for it.
const LONG: Duration = Duration::from_secs(60);

/// Waits until `listener` hears of this job. Its connection may only be coming: so it is told of again and again.
async fn heard(teller: &Db, news: &mut Receiver<JobId>, id: JobId) {
    let heard = async {
        loop {
            teller
                .log(id, 1, &[contract::epoch_event(1)])
                .await
                .unwrap();
            let told = timeout(Duration::from_millis(200), news.recv()).await;
            if told == Ok(Ok(id)) {
                return;
            }
        }
    };
    timeout(LONG, heard).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_reach_other_processes_and_do_so_again_after_a_cut() {
    let server = Server::new().await;
    let (one, other) = (server.open().await, server.open().await);
    let mut news = other.subscribe();
    let claim = contract::claimed(&one, "w").await;
    let id = claim.job.id;
    heard(&one, &mut news, id).await;
    server
        .ask_here("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'")
        .await;
    heard(&one, &mut news, id).await;
    assert_eq!(
        other.heartbeat(id, 1, LEASE).await.unwrap(),
        crate::db::Lease::Held
    );
    one.close().await;
    server.remove(other).await;
}
