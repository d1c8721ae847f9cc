//! Which elements an AIBoM has that guidance asks for, and which not and why.
//!
//! Two rule sets are those of sbom-tools 0.3.0, under its names: the G7's and BSI's "SBOM for AI, minimum elements"
//! (`bsi-ai`) and annex IV of the EU's AI Act (`ai-act`). They ask whether something stands there, not whether it is
//! true or well-formed; the third (`form`) asks for that. None of them replaces the schema, or a verified signature.

mod act;
mod bsi;
mod form;
mod inventory;

use serde::Serialize;
use serde_json::Value;

use inventory::Inventory;

/// Who asks for an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleSet {
    /// G7 and BSI, "SBOM for AI, minimum elements".
    BsiAi,
    /// The EU's AI Act (Regulation 2024/1689), annex IV.
    AiAct,
    /// That what stands there can be what it says it is.
    Form,
}

/// How much it matters that an element is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It must be there.
    Error,
    /// It should be.
    Warning,
    /// It may be.
    Info,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum State {
    /// It is there.
    Present,
    /// It is not; the text says where not, and how it gets there.
    Missing(String),
    /// No field of CycloneDX carries it for this rule, so the rule always speaks.
    NoField(String),
    /// There is something that the reader should know.
    Note(String),
    /// Nothing in the document is of the kind that the rule asks about.
    NotApplicable,
}

/// One element of a rule set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Element {
    /// Who asks.
    pub rules: RuleSet,
    /// The rule's name; sbom-tools' own for its two rule sets.
    pub rule: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is asked for.
    pub element: &'static str,
    /// What was found.
    #[serde(flatten)]
    pub state: State,
}

impl Element {
    /// Whether the rule has something to say, as sbom-tools would.
    pub fn fires(&self) -> bool {
        !matches!(self.state, State::Present | State::NotApplicable)
    }
}

/// Looks for every element of every rule set in a CycloneDX document (JSON, 1.5 or later). Signatures are not verified.
pub fn score(document: &Value) -> Vec<Element> {
    let inventory = Inventory::of(document);
    let mut all = Vec::new();
    if inventory.is_applicable() {
        bsi::look(document, &inventory, &mut all);
        act::look(&inventory, &mut all);
    } else {
        let none = "there is no model and no data set in it".to_owned();
        all.extend(
            [bsi::NOT_APPLICABLE, act::NOT_APPLICABLE].map(|(rules, rule)| Element {
                rules,
                rule,
                severity: Severity::Info,
                element: "something to ask about",
                state: State::Note(none.clone()),
            }),
        );
    }
    form::look(document, &mut all);
    all
}

/// The names of those of some components that lack something, for a reader; `None` when none does.
fn lacking<'a>(
    components: &[&'a Value],
    has: impl Fn(&'a Value) -> bool,
    hint: &str,
) -> Option<String> {
    let names: Vec<&str> = components
        .iter()
        .filter(|component| !has(component))
        .map(|component| inventory::name(component))
        .collect();
    (!names.is_empty()).then(|| format!("not for {}: {hint}", names.join(", ")))
}

/// Present or missing for all of some components; nothing to ask where there are none.
fn each<'a>(components: &[&'a Value], has: impl Fn(&'a Value) -> bool, hint: &str) -> State {
    if components.is_empty() {
        return State::NotApplicable;
    }
    lacking(components, has, hint).map_or(State::Present, State::Missing)
}

/// Present or missing.
fn once(is_there: bool, hint: &str) -> State {
    if is_there {
        State::Present
    } else {
        State::Missing(hint.to_owned())
    }
}
