use super::*;

/// Long enough for any machine; only a failure waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_breaks_down_makes_a_worker_unfit_and_what_a_user_did_does_not() {
    let fitness = Fitness::default();
    for end in [
        Ok(()),
        Err(Stop::ours("trainer.crashed", "x")),
        Err(Stop::Held("x".to_owned())),
        Err(Stop::Cancelled),
        Err(Stop::LeaseLost),
        Err(Stop::Stopping),
    ] {
        fitness.ended(&end);
        timeout(DEADLINE, fitness.until_fit()).await.unwrap();
    }
    for end in [
        Err(Stop::Unavailable("x".to_owned())),
        Err(Stop::Infrastructure("x".to_owned())),
    ] {
        fitness.ended(&end);
        timeout(DEADLINE, fitness.until_unfit()).await.unwrap();
        fitness.recover();
        timeout(DEADLINE, fitness.until_fit()).await.unwrap();
    }
}

#[test]
fn the_pause_grows_until_an_attempt_goes_well() {
    let fitness = Fitness::default();
    let broken = Err(Stop::Unavailable("x".to_owned()));
    fitness.ended(&broken);
    assert!(fitness.pause() <= PAUSE.least);
    for _ in 0..10 {
        fitness.recover();
        fitness.ended(&broken);
    }
    assert!(fitness.pause() >= PAUSE.most / 2);
    fitness.recover();
    fitness.ended(&Ok(()));
    fitness.ended(&broken);
    assert!(fitness.pause() <= PAUSE.least);
}
