use std::time::Duration;

use assay_test_parts::Corner;

use crate::{
    check::Outcome,
    load::Client,
    phase::Phase,
    say::say,
    strike::{Histogram, Kind},
};

/// Prints what struck where, what became of the jobs, and everything that is wrong.
pub(crate) fn print(
    seed: u64,
    took: Duration,
    histogram: &Histogram,
    client: &Client,
    outcome: &Outcome,
) {
    let mut head = format!("{:16}", "strikes");
    for phase in Phase::ALL {
        head.push_str(&format!("{:>9}", phase.as_str()));
    }
    say(head);
    for kind in Kind::ALL {
        let mut row = format!("{:16}", kind.as_str());
        for phase in Phase::ALL {
            let times = histogram.get(&(kind, phase)).copied().unwrap_or(0);
            row.push_str(&format!("{times:>9}"));
        }
        say(row);
    }
    say(format!(
        "seed {seed}, {} s: {} jobs accepted, {} submissions without an answer ({} of them became jobs)",
        took.as_secs(),
        client.accepted.len(),
        client.unanswered,
        outcome.beside
    ));
    say(format!(
        "{} completed with one proof each, {} failed by their user's fault; {} attempts",
        outcome.completed, outcome.failed, outcome.attempts
    ));
    for wrong in &outcome.wrong {
        say(format!("WRONG {wrong}"));
    }
    say(if outcome.wrong.is_empty() {
        "nothing is wrong: none lost, none doubled, every proof verifies"
    } else {
        "this is not as it must be"
    });
}

/// Uploads in the store that are not finished, and will not be.
pub(crate) async fn uploads(corner: &Corner) -> anyhow::Result<usize> {
    let buckets = corner.buckets();
    let (client, bucket) = (buckets.client(), buckets.name("training-jobs"));
    let parts = client
        .list_multipart_uploads()
        .bucket(&bucket)
        .send()
        .await?;
    let whole = client
        .list_objects_v2()
        .bucket(&bucket)
        .prefix("uploads/")
        .send()
        .await?;
    Ok(parts.uploads().len() + whole.contents().len())
}
