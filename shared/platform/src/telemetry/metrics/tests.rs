use std::collections::BTreeMap;

use super::*;

#[test]
fn what_is_counted_is_rendered() {
    record();
    record();
    metrics::counter!(UPLOAD_BYTES).increment(3);
    metrics::histogram!(EPOCH_SECONDS).record(0.02);
    let text = render();
    assert!(text.contains("assay_upload_bytes_total"), "{text}");
    assert!(
        text.contains("assay_epoch_seconds_bucket{le=\"0.025\"}"),
        "{text}"
    );
    assert!(text.contains("# HELP assay_epoch_seconds"), "{text}");
}

/// The rows of the page's table of metrics: name to kind, labels and unit.
fn documented() -> BTreeMap<String, (String, Vec<String>, String)> {
    let page = include_str!("../../../../../docs/OBSERVABILITY.md");
    let plain = |cell: &str| cell.trim().replace('`', "");
    // The table of alerts, too, has rows that begin with a metric's name; it has two columns.
    page.lines()
        .filter(|line| line.starts_with("| `assay_"))
        .map(|line| line.split('|').map(plain).collect::<Vec<_>>())
        .filter(|cells| cells.len() == 7)
        .map(|cells| {
            let labels = cells[3].split(", ").filter(|label| !label.is_empty());
            let labels = labels.map(str::to_owned).collect();
            (
                cells[1].clone(),
                (cells[2].clone(), labels, cells[4].clone()),
            )
        })
        .collect()
}

#[test]
fn the_page_has_every_metric_and_no_other() {
    let declared: BTreeMap<_, _> = ALL
        .iter()
        .map(|metric| {
            let unit = match metric.unit {
                Unit::Seconds => "seconds",
                Unit::Bytes => "bytes",
                _ => "1",
            };
            let labels = metric.labels.iter().map(|label| (*label).to_owned());
            let row = (
                metric.kind.as_str().to_owned(),
                labels.collect(),
                unit.to_owned(),
            );
            (metric.name.to_owned(), row)
        })
        .collect();
    assert_eq!(documented(), declared);
    assert_eq!(declared.len(), ALL.len(), "a name is there twice");
}

#[test]
fn names_say_what_they_are() {
    for metric in ALL {
        let is_total = metric.name.ends_with("_total");
        assert_eq!(is_total, metric.kind == Kind::Counter, "{}", metric.name);
        let is_seconds = metric.name.ends_with("_seconds");
        assert_eq!(is_seconds, metric.unit == Unit::Seconds, "{}", metric.name);
    }
}
