use assay_protocol::Task;
use serde_json::json;

use super::*;

pub(crate) fn started() -> Event {
    Event::Started {
        trainer: TrainerInfo {
            name: "assay-trainer".into(),
            version: "0.1.0".into(),
            candle: "0.11.1".into(),
            arithmetic: "cpu/x86-64".into(),
            threads: 1,
        },
        model: ModelSummary {
            name: "m".into(),
            class: "Sequential".into(),
            keras_version: None,
            input_shape: vec![2],
            output_shape: vec![1],
            layers: Vec::new(),
            trainable_parameters: 3,
            non_trainable_parameters: 0,
            optimizer: json!({}),
            loss: "mse".into(),
            metrics: Vec::new(),
            task: Task::Regression,
        },
        data: DataSummary {
            kind: "csv".into(),
            rows: 4,
            training_rows: 3,
            validation_rows: 1,
            input_shape: vec![2],
            features: Vec::new(),
            label: None,
            classes: Vec::new(),
            preprocessing: json!({}),
        },
    }
}

pub(crate) fn done() -> Event {
    Event::Done {
        outputs: Vec::new(),
        metrics: BTreeMap::from([("loss".to_owned(), 0.5)]),
        training_seconds: 0.1,
    }
}

fn epoch(epoch: u32) -> Event {
    Event::Epoch(EpochReport {
        epoch,
        of: 3,
        metrics: BTreeMap::new(),
        seconds: 0.1,
    })
}

fn log(message: &str) -> Event {
    Event::Log {
        level: LogLevel::Info,
        message: message.to_owned(),
    }
}

pub(crate) fn hear(events: impl IntoIterator<Item = Event>) -> Heard {
    let parameters = Parameters {
        epochs: 3,
        ..Parameters::default()
    };
    let mut heard = Heard::default();
    for event in events {
        heard.take(event, &parameters);
    }
    heard
}

#[test]
fn an_honest_run_is_heard_whole() {
    let heard = hear([
        started(),
        epoch(1),
        log("half way"),
        epoch(3),
        done(),
        log("bye"),
    ]);
    assert_eq!(heard.violation, None);
    assert_eq!(heard.last_epoch.as_ref().unwrap().epoch, 3);
    assert!(heard.done.is_some());
    assert_eq!(heard.log_tail(), "half way\nbye\n");
    assert_eq!(heard.events, 6);
}

#[test]
fn events_out_of_order_are_refused() {
    for events in [
        vec![epoch(1)],
        vec![done()],
        vec![started(), started()],
        vec![started(), epoch(2), epoch(2)],
        vec![started(), epoch(4)],
        vec![started(), done(), epoch(1)],
        vec![started(), done(), done()],
        vec![
            started(),
            Event::Failed(Fault::without_field("Not A Code", "x")),
        ],
    ] {
        assert!(hear(events.clone()).violation.is_some(), "{events:?}");
    }
}

#[test]
fn names_that_deceive_are_refused() {
    for name in ["acc\u{202e}ycaru", "a\nb", "\u{1b}[2J"] {
        let mut report = done();
        if let Event::Done { metrics, .. } = &mut report {
            metrics.insert(name.to_owned(), 1.0);
        }
        let heard = hear([started(), report]);
        assert!(
            heard.done.is_none() && heard.violation.is_some(),
            "{name:?}"
        );
    }
}

#[test]
fn a_failure_is_kept_without_what_may_not_be_shown() {
    let fault = Fault::of("shell", "dataset.x", "a\x1b[2Jb");
    let heard = hear([started(), Event::Failed(fault)]);
    let expected = Fault::without_field("dataset.x", "a [2Jb");
    assert_eq!(heard.failed, Some(expected));
}

#[test]
fn a_done_after_a_lie_does_not_count() {
    let heard = hear([started(), epoch(4), done()]);
    assert!(heard.done.is_none());
}

#[test]
fn floods_and_long_lines_are_cut() {
    let parameters = Parameters::default();
    let mut heard = Heard::default();
    let mut kept = 0;
    for number in 0..MAX_LOG_LINES + 500 {
        kept += u32::from(
            heard
                .take(log(&format!("line {number}")), &parameters)
                .is_some(),
        );
    }
    assert_eq!(kept, MAX_LOG_LINES + 1);
    assert!(heard.log_tail.len() <= 3 * MAX_TAIL_BYTES);
    assert!(heard.log_tail().ends_with("line 10499\n"));

    let long = "é".repeat(MAX_LINE_BYTES);
    let Some(Event::Log { message, .. }) = Heard::default().take(log(&long), &parameters) else {
        panic!("a long line is cut, not dropped");
    };
    assert!(
        message.ends_with("(cut; 8192 bytes)"),
        "{}",
        &message[4000..]
    );
    assert!(message.len() < MAX_LINE_BYTES + 64);
}

#[test]
fn only_the_checkpoint_in_the_room_is_gone_on_from() {
    let parameters = Parameters {
        epochs: 3,
        ..Parameters::default()
    };
    let take = |offered: Option<u32>, events: Vec<Event>| {
        let mut heard = Heard::offered(offered);
        for event in events {
            heard.take(event, &parameters);
        }
        heard
    };
    let resumed = || Event::Resumed { epoch: 2 };
    let good = take(Some(2), vec![started(), resumed(), epoch(3), done()]);
    assert_eq!((good.violation, good.resumed), (None, Some(2)));
    for (offered, events) in [
        (None, vec![started(), resumed()]),
        (Some(1), vec![started(), resumed()]),
        (Some(2), vec![resumed()]),
        (Some(2), vec![started(), resumed(), resumed()]),
        (Some(2), vec![started(), epoch(1), resumed()]),
        (Some(2), vec![started(), resumed(), epoch(2)]),
    ] {
        let heard = take(offered, events);
        assert!(heard.violation.is_some(), "{heard:?}");
    }
}

#[test]
fn a_checkpoint_is_of_the_epoch_that_just_ended() {
    let checkpoint = |epoch| Event::Checkpoint { epoch, bytes: 7 };
    let good = hear([started(), epoch(1), checkpoint(1), epoch(2), checkpoint(2)]);
    assert_eq!(good.violation, None);
    let newest = Written { epoch: 2, bytes: 7 };
    assert_eq!(good.checkpoint, Some(newest));
    for events in [
        vec![started(), checkpoint(1)],
        vec![started(), epoch(1), checkpoint(2)],
        vec![started(), epoch(1), checkpoint(1), checkpoint(1)],
    ] {
        let heard = hear(events);
        assert!(heard.violation.is_some(), "{heard:?}");
    }
}
