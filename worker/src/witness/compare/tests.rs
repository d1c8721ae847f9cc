use assay_attest::intoto::Link;
use assay_protocol::EpochReport;

use super::*;
use crate::hear::tests::started;

fn digest(epoch: u32) -> Digest {
    Digest::of(&epoch.to_be_bytes())
}

fn transcript(last: u32) -> Transcript {
    Transcript::new(0, (0..=last).map(digest).collect()).unwrap()
}

/// A comparison with a training of three epochs by this class of arithmetic.
fn comparison(arithmetic: &str) -> Comparison {
    let recorded = Recorded {
        link: Link::new("run_training", Vec::new()),
        job: "1".to_owned(),
        transcript: transcript(3).record(),
        arithmetic: arithmetic.to_owned(),
        program: Some("0a".to_owned()),
    };
    Comparison::new(&recorded, &Measured::Text("0a".to_owned()))
}

fn here() -> String {
    let Event::Started { trainer, .. } = started() else {
        unreachable!("it is how a run begins")
    };
    trainer.arithmetic
}

fn epoch(epoch: u32, weights: Digest) -> Event {
    Event::Epoch(EpochReport {
        epoch,
        of: 3,
        metrics: std::collections::BTreeMap::new(),
        seconds: 0.1,
        weights_sha256: Some(weights.to_string()),
    })
}

fn code(end: Result<(), Stop>) -> (String, String) {
    match end {
        Err(Stop::Failed(failure)) => (failure.fault.code.to_string(), failure.fault.message),
        other => panic!("{other:?}"),
    }
}

/// Follows these events; gives those that were passed on, and whether the run need not go on.
async fn follow(comparison: &mut Comparison, events: Vec<Event>) -> (usize, bool) {
    let (say, said) = mpsc::channel(9);
    let (pass, mut passed) = mpsc::channel(9);
    let (differs, differing) = watch::channel(false);
    for event in events {
        say.send(event).await.unwrap();
    }
    drop(say);
    comparison.follow(said, pass, differs).await;
    let mut count = 0;
    while passed.recv().await.is_some() {
        count += 1;
    }
    (count, *differing.borrow())
}

#[tokio::test]
async fn the_same_weights_are_the_same_training() {
    let mut same = comparison(&here());
    let mut events = vec![started()];
    events.extend((1..=3).map(|number| epoch(number, digest(number))));
    assert_eq!(follow(&mut same, events).await, (4, false));
    assert!(same.end(Some(&transcript(3))).is_ok());
    // Fewer epochs, or none told of.
    assert_eq!(
        code(same.end(Some(&transcript(2)))).0,
        "reproduction.differs"
    );
    assert_eq!(code(same.end(None)).0, "reproduction.differs");
}

#[tokio::test]
async fn the_first_epoch_that_differs_is_named() {
    let mut other = comparison(&here());
    let events = vec![started(), epoch(1, digest(1)), epoch(2, digest(9))];
    assert_eq!(follow(&mut other, events).await, (3, true));
    let (named, message) = code(other.check());
    assert_eq!(named, "reproduction.differs");
    assert!(message.contains("after epoch 2 are the first"), "{message}");
    assert!(!message.contains("another program"), "{message}");
    other.other_program = true;
    let (_, message) = code(other.check());
    assert!(message.contains("another program"), "{message}");
}

#[tokio::test]
async fn another_class_of_arithmetic_is_named() {
    let mut other = comparison("cpu/aarch64/neon/ftz");
    assert_eq!(follow(&mut other, vec![started()]).await, (1, true));
    let (named, message) = code(other.check());
    assert_eq!(named, "reproduction.other_arithmetic");
    assert!(
        message.contains(&here()) && message.contains("neon"),
        "{message}"
    );
}
