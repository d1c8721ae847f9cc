//! What people and machines get to read: text and tables on a terminal, JSON with `--json`.

use std::io::{IsTerminal, Write};

use assay_attest::verify::{Check, Outcome, Report};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use serde::Serialize;

/// Writes results to standard output, in the form that was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// `json`: one JSON document a line, nothing else.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether machines read it.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// A line for people; machines do not get it.
    pub(crate) fn say(self, line: impl AsRef<str>) {
        if !self.json {
            write_line(line.as_ref());
        }
    }

    /// A value for machines; people do not get it.
    pub(crate) fn value(self, value: &impl Serialize) -> anyhow::Result<()> {
        if self.json {
            write_line(&serde_json::to_string(value)?);
        }
        Ok(())
    }

    /// A table for people.
    pub(crate) fn table(self, header: &[&str], rows: Vec<Vec<Cell>>) {
        if self.json {
            return;
        }
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(
                header
                    .iter()
                    .map(|text| Cell::new(text).add_attribute(Attribute::Bold)),
            )
            .add_rows(rows);
        write_line(&table.to_string());
    }

    /// The checks of a verification, a row each.
    pub(crate) fn report(self, report: &Report) {
        // What did not pass comes last, where a person's eyes are.
        let passed = report.checks.iter();
        let passed = passed.filter(|check| check.outcome == Outcome::Passed);
        let rows = passed.chain(report.not_passed()).map(|check| {
            let (word, colour) = match check.outcome {
                Outcome::Passed => ("passed", Color::Green),
                Outcome::Failed => ("FAILED", Color::Red),
                Outcome::Absent => ("ABSENT", Color::Red),
                Outcome::Skipped => ("skipped", Color::Yellow),
            };
            vec![
                Cell::new(&check.name),
                Cell::new(word).fg(colour),
                Cell::new(told(check)),
            ]
        });
        self.table(&["check", "result", "what was compared"], rows.collect());
    }

    /// A verification in few lines: how often each check passed, and whatever did not.
    pub(crate) fn report_in_short(self, report: &Report) {
        let mut names: Vec<(&str, usize)> = Vec::new();
        for check in report
            .checks
            .iter()
            .filter(|c| c.outcome == Outcome::Passed)
        {
            match names.iter_mut().find(|(name, _)| *name == check.name) {
                Some((_, count)) => *count += 1,
                None => names.push((&check.name, 1)),
            }
        }
        let passed: Vec<String> = names
            .iter()
            .map(|(name, count)| match count {
                1 => (*name).to_owned(),
                count => format!("{name} ×{count}"),
            })
            .collect();
        for line in passed.chunks(4) {
            self.say(format!("  ✓ {}", line.join(", ")));
        }
        for check in report.not_passed() {
            self.say(format!("  ✗ {}: {}", check.name, told(check)));
        }
    }

    /// An error: what went wrong and what led to it.
    pub(crate) fn error(self, error: &anyhow::Error) {
        if self.json {
            let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
            write_line(
                &serde_json::json!({"error": error.to_string(), "causes": causes}).to_string(),
            );
        }
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: {}", shown(&format!("{error:#}")));
    }
}

/// What was compared and, where it did not pass, what was found.
fn told(check: &Check) -> String {
    match &check.detail {
        Some(detail) => shown(&format!("{}: {detail}", check.compared)),
        None => shown(&check.compared),
    }
}

/// Whether a person sits before standard output.
pub(crate) fn on_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Text from elsewhere, safe for a terminal: control characters (escape sequences) are shown, not obeyed.
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let keep = !c.is_control() || c == '\n';
            let kept = keep.then_some(c);
            let escaped = (!keep).then(|| c.escape_default());
            kept.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect()
}

fn write_line(line: &str) {
    // A closed pipe (`assay … | head`) is the reader's wish, not an error.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
