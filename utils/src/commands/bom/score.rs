//! `assay bom score`: which elements guidance asks for are in an AIBoM, and which not and why.

use std::{fs::File, io::Read, path::Path, process::ExitCode};

use anyhow::{Context, bail};
use assay_attest::{
    aibom::score::{Element, RuleSet, Severity, State, score},
    json::{Limits, parse},
};
use comfy_table::{Cell, Color};
use serde_json::{Value, json};

use crate::output::{Output, shown};

pub(crate) fn run(output: Output, path: &Path) -> anyhow::Result<ExitCode> {
    let document = read(path).with_context(|| path.display().to_string())?;
    let elements = score(&document);
    let sets = [
        (RuleSet::BsiAi, "G7/BSI minimum elements (bsi-ai)"),
        (RuleSet::AiAct, "EU AI Act, annex IV (ai-act)"),
        (RuleSet::Form, "form"),
    ];
    let counts: Vec<Value> = sets
        .iter()
        .map(|(rules, _)| Count::of(&elements, *rules).to_json())
        .collect();
    output.value(&json!({
        "spec_version": document["specVersion"], "rule_sets": counts, "elements": elements,
    }))?;
    output.table(
        &["rule", "element", "result", ""],
        elements.iter().map(row).collect(),
    );
    for (rules, title) in sets {
        output.say(format!("{title}: {}", Count::of(&elements, rules).say()));
    }
    let failed = elements
        .iter()
        .any(|one| one.severity == Severity::Error && one.fires());
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Reads no more than a document may have.
fn read(path: &Path) -> anyhow::Result<Value> {
    let mut bytes = Vec::new();
    let most = Limits::BOM.max_bytes as u64 + 1;
    let file = File::open(path).context("cannot be read")?;
    file.take(most)
        .read_to_end(&mut bytes)
        .context("cannot be read")?;
    let document = parse(&bytes, &Limits::BOM)?;
    if document.get("bomFormat") != Some(&json!("CycloneDX")) {
        bail!("it is no CycloneDX document in JSON");
    }
    Ok(document)
}

fn row(one: &Element) -> Vec<Cell> {
    let (word, colour, why) = match (&one.state, one.severity) {
        (State::Present, _) => ("present", Color::Green, ""),
        (State::NotApplicable, _) => ("not applicable", Color::Grey, ""),
        (State::Missing(why), Severity::Error) => ("MISSING", Color::Red, why.as_str()),
        (State::Missing(why), Severity::Warning) => ("missing", Color::Yellow, why.as_str()),
        (State::Missing(why), Severity::Info) => ("missing (optional)", Color::Grey, why.as_str()),
        (State::NoField(why), _) => ("no field", Color::Grey, why.as_str()),
        (State::Note(why), _) => ("note", Color::Cyan, why.as_str()),
    };
    vec![
        Cell::new(one.rule),
        Cell::new(one.element),
        Cell::new(word).fg(colour),
        Cell::new(shown(why)),
    ]
}

/// How many elements of a rule set are there.
#[derive(Default)]
struct Count {
    rules: Option<RuleSet>,
    present: usize,
    asked: usize,
    errors: usize,
    warnings: usize,
}

impl Count {
    /// Counts those that a document can have at all.
    fn of(elements: &[Element], rules: RuleSet) -> Self {
        let mut count = Self {
            rules: Some(rules),
            ..Self::default()
        };
        for one in elements.iter().filter(|one| one.rules == rules) {
            match one.state {
                State::Present => count.present += 1,
                State::Missing(_) => {}
                _ => continue,
            }
            count.asked += 1;
            count.errors += usize::from(one.fires() && one.severity == Severity::Error);
            count.warnings += usize::from(one.fires() && one.severity == Severity::Warning);
        }
        count
    }

    fn say(&self) -> String {
        format!(
            "{} of {} present, {} errors, {} warnings",
            self.present, self.asked, self.errors, self.warnings
        )
    }

    fn to_json(&self) -> Value {
        json!({
            "rules": self.rules, "present": self.present, "asked": self.asked,
            "errors": self.errors, "warnings": self.warnings,
        })
    }
}
