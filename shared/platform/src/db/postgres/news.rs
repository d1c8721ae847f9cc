//! News of jobs, within this process at once, and to and from other processes through `LISTEN` and `NOTIFY`.
//!
//! News are hints: whoever waits for them looks by itself now and then. So they are sent in batches beside the
//! transactions that they tell of (a transaction that notifies keeps all others that do from committing), and those of a
//! time without connection are lost.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinHandle,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::ids::JobId;

/// The channel's name on the server.
const CHANNEL: &str = "assay_news";
/// News that a slow subscriber may be behind.
const BEHIND: usize = 1024;
/// News that wait to be sent; more are lost.
const UNSENT: usize = 4096;
/// What is told within this time is sent together.
const GATHER: Duration = Duration::from_millis(20);
/// Ids of one notification; it may have 8000 bytes, and an id takes 37.
const IDS: usize = 200;
/// When there are no news, one without ids is sent, so that listeners know that their connection holds.
const PULSE: Duration = Duration::from_secs(15);
/// A listener that hears nothing for so long connects anew.
const SILENCE: Duration = Duration::from_secs(45);
/// How long one sending or connecting may take.
const STEP: Duration = Duration::from_secs(10);
/// Before the listener connects anew.
const AGAIN: Duration = Duration::from_secs(1);

/// Tells and hears news.
#[derive(Debug)]
pub(super) struct News {
    here: broadcast::Sender<JobId>,
    elsewhere: mpsc::Sender<JobId>,
    tasks: [JoinHandle<()>; 2],
}

impl News {
    /// Starts to send and to listen.
    pub(super) fn start(pool: &PgPool, options: PgConnectOptions) -> Self {
        let here = broadcast::Sender::new(BEHIND);
        let (elsewhere, unsent) = mpsc::channel(UNSENT);
        let me = Uuid::new_v4().simple().to_string();
        let tasks = [
            tokio::spawn(send(pool.clone(), unsent, me.clone())),
            tokio::spawn(listen(options, here.clone(), me)),
        ];
        Self {
            here,
            elsewhere,
            tasks,
        }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<JobId> {
        self.here.subscribe()
    }

    pub(super) fn tell(&self, id: JobId) {
        // Nobody listening is no error, and neither is news that got lost.
        let _nobody = self.here.send(id);
        let _full = self.elsewhere.try_send(id);
    }

    pub(super) fn stop(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn send(pool: PgPool, mut unsent: mpsc::Receiver<JobId>, me: String) {
    loop {
        let mut ids = BTreeSet::new();
        match timeout(PULSE, unsent.recv()).await {
            Ok(Some(id)) => {
                ids.insert(id);
                sleep(GATHER).await;
                while ids.len() < IDS
                    && let Ok(id) = unsent.try_recv()
                {
                    ids.insert(id);
                }
            }
            Ok(None) => return,
            Err(_) => {}
        }
        let text = payload(&me, &ids);
        match timeout(STEP, publish(&pool, text)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "news of jobs were not sent"),
            Err(_) => tracing::debug!("news of jobs were not sent in time"),
        }
    }
}

/// Who sends, and the ids.
fn payload(me: &str, ids: &BTreeSet<JobId>) -> String {
    let mut text = me.to_owned();
    for id in ids {
        // Writing into a string cannot fail.
        let _written = write!(text, " {id}");
    }
    text
}

async fn publish(pool: &PgPool, text: String) -> Result<(), sqlx::Error> {
    let mut tx = pool
        .begin_with("BEGIN; SET LOCAL synchronous_commit = off")
        .await?;
    sqlx::query("SELECT pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(text)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

async fn listen(options: PgConnectOptions, here: broadcast::Sender<JobId>, me: String) {
    let mut heard_before = true;
    loop {
        let (heard, end) = listen_once(&options, &here, &me).await;
        // Once for each time that the connection is lost, not for each time that it cannot be had.
        if heard || heard_before {
            tracing::warn!(reason = %end, "news from other processes do not arrive for now; heartbeats find the same, later");
        }
        heard_before = heard;
        sleep(AGAIN).await;
    }
}

/// Hears until the connection is lost; whether there was one, and why it ended.
async fn listen_once(
    options: &PgConnectOptions,
    here: &broadcast::Sender<JobId>,
    me: &str,
) -> (bool, String) {
    let connected = timeout(STEP, async {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok::<_, sqlx::Error>(listener)
    });
    let mut listener = match connected.await {
        Ok(Ok(listener)) => listener,
        Ok(Err(error)) => return (false, error.to_string()),
        Err(_) => return (false, "no answer in time".to_owned()),
    };
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(news))) => pass_on(news.payload(), here, me),
            Ok(Ok(None)) => return (true, "the connection was lost".to_owned()),
            Ok(Err(error)) => return (true, error.to_string()),
            Err(_) => return (true, "nothing was heard for long".to_owned()),
        }
    }
}

/// Tells this process what another sent. What is no id is left out: anybody with an account may notify.
fn pass_on(payload: &str, here: &broadcast::Sender<JobId>, me: &str) {
    let mut words = payload.split(' ');
    if words.next() == Some(me) {
        return;
    }
    for id in words.filter_map(|word| word.parse().ok()) {
        let _nobody = here.send(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_send_is_heard_and_what_is_sent_from_here_is_not() {
        let here = broadcast::Sender::new(8);
        let mut heard = here.subscribe();
        let ids: BTreeSet<JobId> = [JobId::new(), JobId::new()].into();
        pass_on(&payload("me", &ids), &here, "me");
        assert!(heard.try_recv().is_err());
        pass_on(&payload("other", &ids), &here, "me");
        pass_on("other nonsense", &here, "me");
        pass_on("", &here, "me");
        for id in ids {
            assert_eq!(heard.try_recv(), Ok(id));
        }
        assert!(heard.try_recv().is_err());
    }
}
