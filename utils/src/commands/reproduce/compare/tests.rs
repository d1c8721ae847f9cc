use assay_protocol::EpochReport;

use super::*;

const CLASS: &str = "cpu/x86-64/fma/ftz";

fn digest(epoch: u32) -> Digest {
    Digest::of(&epoch.to_be_bytes())
}

fn recorded() -> RecordedTranscript {
    Transcript::new(0, (0..4).map(digest).collect())
        .unwrap()
        .record()
}

fn started(class: &str) -> Event {
    let said = serde_json::json!({
        "event": "started",
        "trainer": {"name": "t", "version": "1", "candle": "1", "arithmetic": class, "threads": 1},
        "model": {"name": "m", "class": "Sequential", "keras_version": null, "input_shape": [1], "output_shape": [1],
            "layers": [], "trainable_parameters": 1, "non_trainable_parameters": 0, "optimizer": {}, "loss": "mse",
            "metrics": [], "task": "regression"},
        "data": {"type": "csv", "rows": 4, "training_rows": 3, "validation_rows": 1, "input_shape": [1], "features": [],
            "label": null, "classes": [], "preprocessing": {}},
    });
    serde_json::from_value(said).unwrap()
}

fn handed_in() -> Event {
    Event::Weights {
        epoch: 0,
        sha256: digest(0).to_string(),
    }
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

/// What becomes of these events, and the last answer.
fn after(
    class: &str,
    segment: Option<Segment>,
    events: impl IntoIterator<Item = Event>,
) -> (Comparison, Next) {
    let mut comparison = Comparison::new(Some(recorded()), CLASS.to_owned(), segment);
    let mut next = comparison.hear(&started(class));
    for event in events {
        assert_eq!(next, Next::Train, "{event:?} comes too late");
        next = comparison.hear(&event);
    }
    (comparison, next)
}

#[test]
fn the_same_weights_are_counted_and_the_chain_ends_alike() {
    let events = [handed_in()].into_iter();
    let events = events.chain((1..=3).map(|number| epoch(number, digest(number))));
    let (comparison, next) = after(CLASS, None, events);
    assert_eq!(next, Next::Train);
    assert_eq!((comparison.equal, comparison.differs), (4, None));
    assert_eq!(comparison.same_head(), Some(true));
}

#[test]
fn the_first_epoch_that_differs_ends_the_run_where_bytes_must_be_equal() {
    let events = [handed_in(), epoch(1, digest(1)), epoch(2, digest(9))];
    let (comparison, next) = after(CLASS, None, events.clone());
    assert_eq!(next, Next::Stop);
    assert_eq!((comparison.equal, comparison.differs), (2, Some(2)));
    assert_eq!(comparison.same_head(), Some(false));

    let (comparison, next) = after("cpu/aarch64/neon/ftz", None, events);
    assert_eq!(next, Next::Train);
    assert_eq!(comparison.differs, Some(2));
    assert!(!comparison.must_be_equal());
}

#[test]
fn graphics_processors_have_no_fixed_order_of_sums() {
    let class = "cuda/sm90".to_owned();
    let mut comparison = Comparison::new(None, class.clone(), None);
    comparison.hear(&started(&class));
    assert!(!comparison.must_be_equal());
}

#[test]
fn a_segment_ends_at_its_end_and_needs_its_beginning() {
    let segment = Some(Segment { from: 1, to: 2 });
    let resumed = || Event::Resumed { epoch: 1 };
    let before = || Event::Weights {
        epoch: 1,
        sha256: digest(1).to_string(),
    };
    let good = [handed_in(), resumed(), before(), epoch(2, digest(2))];
    let (comparison, next) = after(CLASS, segment, good);
    assert_eq!((next, comparison.equal), (Next::Stop, 3));

    let why = Event::Log {
        level: LogLevel::Warning,
        message: "it does not fit".to_owned(),
    };
    let (_, next) = after(CLASS, segment, [handed_in(), why, epoch(1, digest(1))]);
    assert!(matches!(next, Next::Refuse(reason) if reason.contains("does not fit")));
    let (_, next) = after("cpu/aarch64/neon/ftz", segment, []);
    assert!(matches!(next, Next::Refuse(reason) if reason.contains("neon")));
}

#[test]
fn proofs_without_a_transcript_have_nothing_to_compare_on_the_way() {
    let mut comparison = Comparison::new(None, CLASS.to_owned(), None);
    comparison.hear(&started(CLASS));
    assert_eq!(comparison.hear(&handed_in()), Next::Train);
    assert_eq!(comparison.hear(&epoch(1, digest(7))), Next::Train);
    assert_eq!((comparison.equal, comparison.differs), (0, None));
    assert_eq!(comparison.same_head(), None);
}
