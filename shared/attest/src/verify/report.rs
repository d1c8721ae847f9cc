use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// What was to be checked is not there.
    Absent,
    /// It was not made, because something that it builds on failed or is absent.
    Skipped,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Stable name: `layout-signature`. A name stands once for every thing that it was made on.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was compared with what.
    pub compared: String,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// All checks, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The checks.
    pub checks: Vec<Check>,
    /// The id of the job that everything verified is of; `None` unless the check `job-identity` passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl Report {
    /// Whether everything that must be was there and everything holds.
    pub fn is_verified(&self) -> bool {
        !self.checks.is_empty() && self.not_passed().next().is_none()
    }

    /// Whether a check failed; absent files are no failure here.
    pub fn has_failed(&self) -> bool {
        self.not_passed()
            .any(|check| check.outcome == Outcome::Failed)
    }

    /// The checks that did not pass.
    pub fn not_passed(&self) -> impl Iterator<Item = &Check> {
        self.checks
            .iter()
            .filter(|check| check.outcome != Outcome::Passed)
    }

    /// The worst outcome of the checks of this name; `None` when there are none.
    pub fn outcome(&self, name: &str) -> Option<Outcome> {
        let of_name = || {
            self.checks
                .iter()
                .filter(|check| check.name == name)
                .map(|check| check.outcome)
        };
        let severity = [
            Outcome::Failed,
            Outcome::Absent,
            Outcome::Skipped,
            Outcome::Passed,
        ];
        severity
            .into_iter()
            .find(|outcome| of_name().any(|one| one == *outcome))
    }

    /// Notes a check that was made; whether it passed.
    pub(super) fn made(
        &mut self,
        name: &str,
        compared: impl Into<String>,
        result: Result<(), impl Display>,
    ) -> bool {
        let detail = result.err().map(|error| error.to_string());
        let outcome = if detail.is_none() {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        self.push(name, outcome, compared, detail);
        outcome == Outcome::Passed
    }

    /// Notes that what was to be checked is not there.
    pub(super) fn absent(
        &mut self,
        name: &str,
        compared: impl Into<String>,
        what: impl Into<String>,
    ) {
        self.push(name, Outcome::Absent, compared, Some(what.into()));
    }

    /// Notes that a check was not made.
    pub(super) fn skipped(
        &mut self,
        name: &str,
        compared: impl Into<String>,
        why: impl Into<String>,
    ) {
        self.push(name, Outcome::Skipped, compared, Some(why.into()));
    }

    fn push(
        &mut self,
        name: &str,
        outcome: Outcome,
        compared: impl Into<String>,
        detail: Option<String>,
    ) {
        self.checks.push(Check {
            name: name.to_owned(),
            outcome,
            compared: compared.into(),
            detail,
        });
    }
}
