//! CycloneDX 1.7's `citations`: who each fact of the document is from.
//!
//! The platform measured it (digests, times, environment), the trainer in the sandbox reported it (the model's
//! architecture, the rows, the metrics), or the submitter said it. Only places that are in the document are named.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Facts, declarations::SUBMITTER, property::instant, request, supplied};
use crate::{INGEST, RUN_TRAINING};

/// Says of the finished document who its facts are from.
pub(super) fn citations(document: &Value, facts: &Facts) -> Value {
    let model = "/components/0";
    let dataset = index(document, "dataset").unwrap_or_default();
    let times = &facts.times;
    let mut all: Vec<Value> = [
        cited(
            document,
            given(document, facts, model, &dataset),
            SUBMITTER,
            INGEST,
            times.queued,
            "Given by the submitter with the job; not measured and not checked",
        ),
        cited(
            document,
            reported(document, model, &dataset),
            "trainer",
            RUN_TRAINING,
            times.finished,
            "Reported by the trainer in the sandbox",
        ),
        cited(
            document,
            measured(document, model),
            "producer",
            RUN_TRAINING,
            times.documented,
            "Measured by the worker outside the sandbox",
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    let scan = vec!["/vulnerabilities".to_owned()];
    let note = "Found by the scanner in the image that trained";
    let found = cited(
        document,
        scan,
        "producer",
        RUN_TRAINING,
        times.documented,
        note,
    );
    all.extend(found);
    Value::Array(all)
}

/// The place of a component.
fn index(document: &Value, reference: &str) -> Option<String> {
    let all = document.get("components")?.as_array()?;
    let at = all
        .iter()
        .position(|one| one.get("bom-ref").is_some_and(|one| one == reference))?;
    Some(format!("/components/{at}"))
}

/// A citation of those places that there are; `None` where there is none.
fn cited(
    document: &Value,
    places: Vec<String>,
    by: &str,
    task: &str,
    at: OffsetDateTime,
    note: &str,
) -> Option<Value> {
    let places: Vec<String> = places
        .into_iter()
        .filter(|place| document.pointer(place).is_some())
        .collect();
    (!places.is_empty()).then(|| {
        json!({
            "pointers": places,
            "timestamp": instant(at),
            "attributedTo": by,
            "process": format!("task/{task}"),
            "note": note,
        })
    })
}

/// What the submitter said, field by field.
fn given(document: &Value, facts: &Facts, model: &str, dataset: &str) -> Vec<String> {
    let subject = "/metadata/component";
    let mut places = Vec::new();
    for (field, _) in request::claims(&facts.request) {
        let of_model = |part: &str| vec![format!("{model}/{part}"), format!("{subject}/{part}")];
        let of_card = |part: &str| vec![format!("{model}/modelCard/considerations/{part}")];
        let of_data = |part: &str| vec![format!("{dataset}/{part}")];
        places.extend(match field.as_str() {
            "model_name" => of_model("name"),
            "model_version" => of_model("version"),
            "model_description" => of_model("description"),
            "author" => of_model("authors"),
            "license_name" => of_model("licenses"),
            "manufacturer" => of_model("manufacturer"),
            "supplier" => of_model("supplier"),
            "base_model" | "base_model_source" => vec![format!("{model}/pedigree/ancestors/1")],
            "intended_use" => of_card("useCases"),
            "intended_users" => of_card("users"),
            "out_of_scope" | "technical_limitations" => of_card("technicalLimitations"),
            "misuse_or_malicious" => of_card("ethicalConsiderations"),
            "dataset_name" => of_data("name"),
            "dataset_version" => of_data("version"),
            "dataset_description" => of_data("description"),
            "dataset_license" => of_data("licenses"),
            "dataset_source" => of_data("externalReferences"),
            "dataset_sensitivity" => of_data("data/0/sensitiveData"),
            "dataset_owner" => of_data("data/0/governance/owners"),
            "dataset_steward" => of_data("data/0/governance/stewards"),
            _ => Vec::new(),
        });
    }
    let supplied = index(document, supplied::REFERENCE);
    places.extend(supplied.map(|at| format!("{at}/components")));
    let list = format!("{subject}/properties");
    places.extend(properties(document, &list, |name| {
        name.starts_with("assay:claimed:")
    }));
    places.sort();
    places.dedup();
    places
}

/// The places of those properties of a list whose name fits.
fn properties(document: &Value, list: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let all = document.pointer(list).and_then(Value::as_array);
    let named = all.into_iter().flatten().enumerate();
    let fitting =
        named.filter(|(_, one)| one.get("name").and_then(Value::as_str).is_some_and(&fits));
    fitting.map(|(at, _)| format!("{list}/{at}")).collect()
}

/// What the program that read the user's files says of them.
fn reported(document: &Value, model: &str, dataset: &str) -> Vec<String> {
    let mut places = vec![
        format!("{model}/modelCard/modelParameters"),
        format!("{model}/modelCard/quantitativeAnalysis"),
        format!("{model}/modelCard/properties"),
        format!("{dataset}/data/0/contents"),
    ];
    if let Some(trainer) = index(document, "trainer") {
        let list = format!("{trainer}/properties");
        places.extend(properties(document, &list, |name| {
            matches!(name, "assay:arithmetic" | "assay:threads")
        }));
    }
    places
}

/// What the worker measured itself: digests, purls made of them, the machine, the times.
fn measured(document: &Value, model: &str) -> Vec<String> {
    let mut places = vec![
        format!("{model}/modelCard/considerations/environmentalConsiderations"),
        "/metadata/timestamp".into(),
        "/externalReferences".into(),
        "/formulation/0/workflows/0/timeStart".into(),
        "/formulation/0/workflows/0/timeEnd".into(),
        "/declarations/claims".into(),
    ];
    let components = document.pointer("/components").and_then(Value::as_array);
    for (at, component) in components.into_iter().flatten().enumerate() {
        places.push(format!("/components/{at}/hashes"));
        if component
            .get("bom-ref")
            .is_some_and(|reference| reference == "environment")
        {
            places.push(format!("/components/{at}/properties"));
        }
    }
    places
}
