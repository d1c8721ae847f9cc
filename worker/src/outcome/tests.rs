use std::time::Duration;

use assay_platform::sandbox::{Isolation, Usage};
use assay_protocol::{Event, Fault};

use super::*;
use crate::hear::tests::{done, hear, started};

fn finished(ended: Ended) -> Finished {
    Finished {
        ended,
        isolation: Isolation::default(),
        usage: Usage {
            wall: Duration::from_millis(5),
            ..Usage::default()
        },
        stderr_tail: "the last words\n".to_owned(),
        garbage_lines: 0,
    }
}

const AT: (OffsetDateTime, OffsetDateTime) =
    (OffsetDateTime::UNIX_EPOCH, OffsetDateTime::UNIX_EPOCH);

fn code(ended: Ended, events: Vec<Event>) -> String {
    match judge(finished(ended), hear(events), AT) {
        Err(Stop::Failed(failure)) => {
            assert_eq!(failure.detail.as_deref(), Some("the last words"));
            failure.fault.code.into_owned()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_done_with_status_zero_is_success() {
    let trained = judge(finished(Ended::Exited(0)), hear([started(), done()]), AT).unwrap();
    assert_eq!(trained.events, 2);

    let both = || vec![started(), done()];
    assert_eq!(code(Ended::Exited(1), both()), "trainer.exit_status");
    assert_eq!(code(Ended::Crashed(11), both()), "trainer.crashed");
    assert_eq!(code(Ended::OverLimit(LimitHit::Wall), both()), "limit.time");
    assert_eq!(
        code(Ended::Exited(0), vec![started()]),
        "trainer.exit_status"
    );
    assert_eq!(code(Ended::Exited(0), vec![done()]), "trainer.protocol");
}

#[test]
fn the_trainers_own_reason_is_kept() {
    let fault = Fault::dataset("dataset.empty", "the CSV has no rows");
    let events = vec![Event::Failed(fault)];
    assert_eq!(code(Ended::Exited(1), events.clone()), "dataset.empty");
    assert_eq!(code(Ended::Exited(0), events), "dataset.empty");
}

#[test]
fn a_kill_by_wish_is_no_failure() {
    let judged = judge(finished(Ended::Cancelled), hear([started()]), AT);
    assert!(matches!(judged, Err(Stop::Cancelled)), "{judged:?}");
}

#[test]
fn what_the_user_cannot_help_is_tried_again() {
    let judged = judge(finished(Ended::Crashed(9)), hear([started()]), AT);
    assert!(matches!(judged, Err(Stop::Infrastructure(_))), "{judged:?}");
    let full = Fault::without_field("trainer.output", "no space left on device");
    let events = [started(), Event::Failed(full)];
    let judged = judge(finished(Ended::Exited(1)), hear(events), AT);
    assert!(matches!(judged, Err(Stop::Unavailable(_))), "{judged:?}");
}
