//! Annex IV of the EU's AI Act, as sbom-tools 0.3.0 reads it.

use serde_json::Value;

use super::{
    Element, RuleSet,
    Severity::{self, Info, Warning},
    State,
    bsi::sensitivity,
    each,
    inventory::{Inventory, has_reference, is_filled, items, name, text},
    once,
};

/// What is said of a document without models and data sets.
pub(super) const NOT_APPLICABLE: (RuleSet, &str) = (RuleSet::AiAct, "SBOM-AIACT-NA");

/// Words after which a data set counts as one of persons, wherever they stand.
const PERSONAL: [&str; 4] = ["personal", "pii", "sensitive", "confidential"];

pub(super) fn look(inventory: &Inventory<'_>, all: &mut Vec<Element>) {
    let mut add = |rule, severity: Severity, element, state| {
        all.push(Element {
            rules: RuleSet::AiAct,
            rule,
            severity,
            element,
            state,
        });
    };
    let (models, datasets) = (&inventory.models, &inventory.datasets);
    let untyped: Vec<&str> = inventory.untyped.iter().map(|one| name(one)).collect();
    let hint = format!(
        "{} look like models; type them as machine-learning-model",
        untyped.join(", ")
    );
    let typed = once(untyped.is_empty(), &hint);
    add(
        "SBOM-AIACT-UNTYPED-ML",
        Warning,
        "models are typed as models",
        typed,
    );

    description(models, &mut add);
    data(models, datasets, &mut add);
    quality(models, &mut add);
}

/// Whether a model card has something at a place.
fn card(model: &Value, place: &str) -> bool {
    is_filled(model, &format!("/modelCard/{place}"))
}

/// § 1.
fn description(
    models: &[&Value],
    add: &mut impl FnMut(&'static str, Severity, &'static str, State),
) {
    let described = |one: &Value| {
        text(one, "description").is_some()
            || has_reference(one, "model-card")
            || card(one, "modelParameters/architectureFamily")
            || card(one, "modelParameters/modelArchitecture")
    };
    let state = each(models, described, "give model_description");
    add(
        "SBOM-AIACT-ANNEX-IV-1-DESCRIPTION",
        Warning,
        "description of the model (§ 1)",
        state,
    );
    let state = each(
        models,
        |one| card(one, "considerations/useCases"),
        "give intended_use",
    );
    add(
        "SBOM-AIACT-ANNEX-IV-1-PURPOSE",
        Warning,
        "intended purpose (§ 1)",
        state,
    );
}

/// § 2 d.
fn data(
    models: &[&Value],
    datasets: &[&Value],
    add: &mut impl FnMut(&'static str, Severity, &'static str, State),
) {
    let state = each(
        models,
        |one| card(one, "modelParameters/datasets"),
        "the model card names no data set",
    );
    add(
        "SBOM-AIACT-ANNEX-IV-2D-DATASETS",
        Warning,
        "training data (§ 2 d)",
        state,
    );
    let state = each(
        datasets,
        |one| sensitivity(one).next().is_some(),
        "give dataset_sensitivity (`none` where nothing is)",
    );
    add(
        "SBOM-AIACT-ANNEX-IV-2D-SENSITIVITY",
        Warning,
        "what is sensitive in the data (§ 2 d)",
        state,
    );
    add(
        "SBOM-AIACT-ANNEX-IV-2D-PERSONAL-DATA",
        Info,
        "data of persons (§ 2 d)",
        personal(datasets),
    );
}

/// § 2 c, § 2 g and § 3.
fn quality(models: &[&Value], add: &mut impl FnMut(&'static str, Severity, &'static str, State)) {
    let state = each(
        models,
        |one| card(one, "quantitativeAnalysis/performanceMetrics"),
        "there are no metrics",
    );
    add(
        "SBOM-AIACT-ANNEX-IV-2G-METRICS",
        Warning,
        "metrics (§ 2 g)",
        state,
    );
    let limited = |one: &Value| {
        [
            "technicalLimitations",
            "ethicalConsiderations",
            "fairnessAssessments",
        ]
        .iter()
        .any(|part| card(one, &format!("considerations/{part}")))
    };
    let state = each(
        models,
        limited,
        "give technical_limitations or out_of_scope",
    );
    add(
        "SBOM-AIACT-ANNEX-IV-3-LIMITATIONS",
        Info,
        "limits and risks (§ 3)",
        state,
    );
    let state = if models.is_empty() {
        State::NotApplicable
    } else {
        let spent = models.iter().any(|one| training_energy(one) > 0.0);
        once(spent, "the energy of the training was not measured")
    };
    add(
        "SBOM-AIACT-ANNEX-IV-2C-ENERGY",
        Info,
        "energy of the training (§ 2 c)",
        state,
    );
}

fn personal(datasets: &[&Value]) -> State {
    let says = |one: &&&Value| {
        sensitivity(one).filter_map(Value::as_str).any(|text| {
            let text = text.to_lowercase();
            PERSONAL.iter().any(|word| text.contains(word))
        })
    };
    let names: Vec<&str> = datasets.iter().filter(says).map(|one| name(one)).collect();
    if names.is_empty() {
        State::Present
    } else {
        State::Note(format!(
            "{}: document what the GDPR asks of data of persons",
            names.join(", ")
        ))
    }
}

/// The sum over the activities of training, in whatever unit: only whether it is more than nothing is asked.
fn training_energy(model: &Value) -> f64 {
    let considerations = model.pointer("/modelCard/considerations/environmentalConsiderations");
    let all = considerations
        .into_iter()
        .flat_map(|one| items(one, "energyConsumptions"));
    all.filter(|one| text(one, "activity") == Some("training"))
        .filter_map(|one| one.pointer("/activityEnergyCost/value")?.as_f64())
        .sum()
}
