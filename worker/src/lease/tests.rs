use assay_platform::Config;

use super::*;

/// Long enough for any machine; only a failure waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

/// A lease of a job that is not there, so that only `shutdown` and the first look end it.
async fn keeper(shutdown: watch::Receiver<bool>) -> (tempfile::TempDir, LeaseKeeper) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::in_dir(folder.path().join("assay")).unwrap();
    config.lease = Duration::from_secs(3600);
    let platform = Platform::open(config).await.unwrap();
    let claimed = Claimed {
        job: JobId::new(),
        attempt: 1,
        asked: BootInstant::now(),
    };
    (folder, LeaseKeeper::start(platform, claimed, shutdown))
}

#[tokio::test]
async fn work_is_given_up_half_way_when_the_worker_is_to_stop() {
    let (stop, stopped) = watch::channel(false);
    let (_folder, lease) = keeper(stopped).await;
    let quick = lease.during(async { Ok(7) }).await;
    assert!(matches!(quick, Ok(7)), "{quick:?}");
    stop.send_replace(true);
    let endless = lease.during(std::future::pending::<Result<(), Stop>>());
    let ended = timeout(DEADLINE, endless).await.unwrap();
    assert!(matches!(ended, Err(Stop::Stopping)), "{ended:?}");
}

#[test]
fn no_answer_is_waited_for_longer_than_the_lease_is_surely_ours() {
    let (beat, now) = (Duration::from_secs(10), BootInstant::now());
    let left = Duration::from_secs(5);
    assert!(patience(now.after(left), beat) <= left);
    assert_eq!(patience(now, beat), LAST_ASK);
}
