use assay_attest::verify::{Check, Outcome, Report};

/// `success` or `failure`.
pub(super) fn status(success: bool) -> &'static str {
    if success { "success" } else { "failure" }
}

/// The outcome of the checks of one name in words: `good` when they passed, otherwise what came of them and why.
pub(super) fn words(report: &Report, name: &str, good: &str) -> String {
    let Some(outcome) = report.outcome(name) else {
        return "Not checked".to_owned();
    };
    let start = match outcome {
        Outcome::Passed => return good.to_owned(),
        Outcome::Failed => "Failed",
        Outcome::Absent => "Absent",
        Outcome::Skipped => "Not checked",
    };
    let mut of_name = report
        .checks
        .iter()
        .filter(|check| check.name == name && check.outcome == outcome);
    match of_name.next().and_then(|check| check.detail.as_deref()) {
        Some(detail) => format!("{start}: {detail}"),
        None => start.to_owned(),
    }
}

/// The message of a verification: `good` when everything passed, otherwise the check that decided it.
pub(super) fn message(report: &Report, good: &str) -> String {
    let severity = [Outcome::Failed, Outcome::Absent, Outcome::Skipped];
    let decided = severity
        .into_iter()
        .find_map(|outcome| report.not_passed().find(|check| check.outcome == outcome));
    match decided {
        None => good.to_owned(),
        Some(check) => {
            let detail = check.detail.as_deref().unwrap_or(&check.compared);
            format!("Verification failed: {}: {detail}", check.name)
        }
    }
}

/// A check that this service made beside those of the report.
pub(super) fn check(name: &str, compared: &str, result: Result<(), String>) -> Check {
    Check {
        name: name.to_owned(),
        outcome: if result.is_ok() {
            Outcome::Passed
        } else {
            Outcome::Failed
        },
        compared: compared.to_owned(),
        detail: result.err(),
    }
}
