//! The G7's and BSI's minimum elements, as sbom-tools 0.3.0 reads them.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    Element, RuleSet,
    Severity::{self, Error, Info, Warning},
    State, each,
    inventory::{
        Inventory, data, has_identifier, has_producer, has_reference, is_filled, items, name, text,
    },
    once,
};

/// What is said of a document without models and data sets.
pub(super) const NOT_APPLICABLE: (RuleSet, &str) = (RuleSet::BsiAi, "SBOM-BSIAI-NA");

/// Algorithms that are strong enough for weights.
const STRONG: [&str; 10] = [
    "SHA-256",
    "SHA-384",
    "SHA-512",
    "SHA3-256",
    "SHA3-384",
    "SHA3-512",
    "BLAKE2B-256",
    "BLAKE2B-384",
    "BLAKE2B-512",
    "BLAKE3",
];

pub(super) fn look(document: &Value, inventory: &Inventory<'_>, all: &mut Vec<Element>) {
    let mut add = |rule, severity: Severity, element, state| {
        all.push(Element {
            rules: RuleSet::BsiAi,
            rule,
            severity,
            element,
            state,
        });
    };
    let untyped: Vec<&str> = inventory.untyped.iter().map(|one| name(one)).collect();
    let hint = format!(
        "{} look like models; type them as machine-learning-model",
        untyped.join(", ")
    );
    let typed = once(untyped.is_empty(), &hint);
    add(
        "SBOM-BSIAI-UNTYPED-ML",
        Warning,
        "models are typed as models",
        typed,
    );
    metadata(document, &mut add);
    system(document, inventory, &mut add);
    identity(&inventory.models, &mut add);
    card(inventory, &mut add);
    datasets(&inventory.datasets, &mut add);
    dataset_rights(&inventory.datasets, &mut add);
    infrastructure(inventory, &mut add);
}

fn metadata(document: &Value, add: &mut impl FnMut(&'static str, Severity, &'static str, State)) {
    let null = Value::Null;
    let metadata = document.get("metadata").unwrap_or(&null);
    let tools = match metadata.get("tools") {
        Some(Value::Array(all)) => !all.is_empty(),
        Some(tools) => items(tools, "components")
            .chain(items(tools, "services"))
            .next()
            .is_some(),
        None => false,
    };
    let authors = items(metadata, "authors").next().is_some();
    let maker = ["manufacturer", "manufacture"]
        .iter()
        .any(|member| metadata.get(member).is_some());
    let state = once(
        tools || authors || maker,
        "metadata names no tool, author or manufacturer",
    );
    add(
        "SBOM-BSIAI-META-AUTHOR",
        Error,
        "who wrote the document",
        state,
    );
    let format = text(document, "specVersion").is_some_and(|version| !version.is_empty());
    let state = once(format, "specVersion is empty");
    add(
        "SBOM-BSIAI-META-FORMAT",
        Error,
        "version of the format",
        state,
    );
    let at =
        text(metadata, "timestamp").and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let known = at.is_some_and(|at| at != OffsetDateTime::UNIX_EPOCH);
    let state = once(known, "metadata.timestamp is no time (RFC 3339)");
    add(
        "SBOM-BSIAI-META-TIMESTAMP",
        Error,
        "time of the document",
        state,
    );
    let state = once(tools, "metadata.tools is empty");
    add(
        "SBOM-BSIAI-META-TOOL",
        Warning,
        "program that wrote the document",
        state,
    );
    let signed = document.get("signature").is_some_and(Value::is_object);
    let state = once(
        signed,
        "there is no signature (whether one holds is `assay verify`'s to say)",
    );
    add("SBOM-BSIAI-META-SIGNATURE", Info, "signature", state);
}

fn system(
    document: &Value,
    inventory: &Inventory<'_>,
    add: &mut impl FnMut(&'static str, Severity, &'static str, State),
) {
    let kind = inventory.primary.and_then(|one| text(one, "type"));
    let is_system = matches!(kind, Some("application" | "machine-learning-model"));
    let state = once(
        is_system || !inventory.models.is_empty(),
        "metadata.component is neither a model nor an application",
    );
    add(
        "SBOM-BSIAI-SYS-PRIMARY",
        Warning,
        "the system it is about",
        state,
    );
    let maker = ["manufacturer", "manufacture"]
        .iter()
        .any(|member| document.pointer(&format!("/metadata/{member}")).is_some());
    let known = maker
        || inventory.primary.is_some_and(has_producer)
        || inventory.models.iter().any(|one| has_producer(one));
    let state = once(
        known,
        "nobody says who made it: give manufacturer, supplier or author",
    );
    add(
        "SBOM-BSIAI-SYS-PRODUCER",
        Warning,
        "who made the system",
        state,
    );
    let none = "sbom-tools reads no field for it; formulation and the model card's inputs and outputs describe it";
    let state = State::NoField(none.into());
    add(
        "SBOM-BSIAI-SYS-DATAFLOW",
        Info,
        "data flow and usage",
        state,
    );
}

fn identity(models: &[&Value], add: &mut impl FnMut(&'static str, Severity, &'static str, State)) {
    let says =
        |one: &Value, member: &str| text(one, member).is_some_and(|text| !text.trim().is_empty());
    let hashed = |one: &Value| items(one, "hashes").next().is_some();
    let strong = |one: &Value| {
        let mut algorithms = items(one, "hashes").filter_map(|hash| text(hash, "alg"));
        !hashed(one) || algorithms.any(|alg| STRONG.contains(&alg.to_uppercase().as_str()))
    };
    let state = each(models, |one| says(one, "name"), "it has no name");
    add("SBOM-BSIAI-MODEL-NAME", Error, "name of the model", state);
    let state = each(models, |one| says(one, "version"), "give model_version");
    add(
        "SBOM-BSIAI-MODEL-VERSION",
        Error,
        "version of the model",
        state,
    );
    let state = each(models, has_identifier, "it has no purl, CPE or SWHID");
    add(
        "SBOM-BSIAI-MODEL-IDENTIFIER",
        Error,
        "unique name of the model",
        state,
    );
    let state = each(models, hashed, "it has no hashes");
    add(
        "SBOM-BSIAI-MODEL-HASH",
        Error,
        "digest of the weights",
        state,
    );
    let state = each(models, strong, "no hash is SHA-256 or stronger");
    add(
        "SBOM-BSIAI-MODEL-HASH-ALGO",
        Error,
        "a strong digest",
        state,
    );
}

fn card(
    inventory: &Inventory<'_>,
    add: &mut impl FnMut(&'static str, Severity, &'static str, State),
) {
    let models = &inventory.models;
    let parameters = "/modelCard/modelParameters";
    let has = |one: &Value, part: &str| is_filled(one, &format!("{parameters}/{part}"));
    let shaped = |one: &Value| has(one, "architectureFamily") || has(one, "modelArchitecture");
    let limits = "/modelCard/considerations/technicalLimitations";
    let state = each(
        models,
        |one| has_reference(one, "model-card"),
        "give model_card_url",
    );
    add("SBOM-BSIAI-MODEL-CARD", Warning, "model card", state);
    let state = each(models, shaped, "the model card names no architecture");
    add(
        "SBOM-BSIAI-MODEL-ARCHITECTURE",
        Warning,
        "architecture",
        state,
    );
    let state = each(
        models,
        |one| has(one, "datasets") || inventory.holds_data(one),
        "the model card names no data set",
    );
    add("SBOM-BSIAI-MODEL-DATASETS", Warning, "training data", state);
    let state = each(
        models,
        |one| is_filled(one, limits),
        "give technical_limitations or out_of_scope",
    );
    add(
        "SBOM-BSIAI-MODEL-LIMITATIONS",
        Warning,
        "limits of the model",
        state,
    );
    let state = each(
        models,
        |one| is_filled(one, "/licenses"),
        "give license_name",
    );
    add(
        "SBOM-BSIAI-MODEL-LICENSE",
        Warning,
        "licence of the model",
        state,
    );
}

fn datasets(
    datasets: &[&Value],
    add: &mut impl FnMut(&'static str, Severity, &'static str, State),
) {
    let state = each(
        datasets,
        |one| !name(one).trim().is_empty(),
        "it has no name",
    );
    add(
        "SBOM-BSIAI-DATASET-NAME",
        Error,
        "name of the data set",
        state,
    );
    let state = each(datasets, has_identifier, "it has no purl, CPE or SWHID");
    add(
        "SBOM-BSIAI-DATASET-IDENTIFIER",
        Error,
        "unique name of the data set",
        state,
    );
    let state = each(
        datasets,
        |one| is_filled(one, "/hashes"),
        "it has no hashes",
    );
    add(
        "SBOM-BSIAI-DATASET-HASH",
        Warning,
        "digest of the data set",
        state,
    );
}

fn dataset_rights(
    datasets: &[&Value],
    add: &mut impl FnMut(&'static str, Severity, &'static str, State),
) {
    let state = each(
        datasets,
        |one| is_filled(one, "/licenses"),
        "give dataset_license",
    );
    add(
        "SBOM-BSIAI-DATASET-LICENSE",
        Warning,
        "licence of the data set",
        state,
    );
    let state = each(
        datasets,
        |one| sensitivity(one).next().is_some(),
        "give dataset_sensitivity (`none` where nothing is)",
    );
    add(
        "SBOM-BSIAI-DATASET-SENSITIVITY",
        Warning,
        "what is sensitive in the data",
        state,
    );
    let state = each(datasets, has_owner, "give dataset_owner");
    add(
        "SBOM-BSIAI-DATASET-PROVENANCE",
        Warning,
        "who the data are from",
        state,
    );
}

/// What a data set says of sensitive data.
pub(super) fn sensitivity(dataset: &Value) -> impl Iterator<Item = &Value> {
    let member = |name| {
        data(dataset)
            .into_iter()
            .flat_map(move |entry| items(entry, name))
    };
    member("sensitiveData").chain(member("sensitivityData"))
}

fn has_owner(dataset: &Value) -> bool {
    let governance = data(dataset).and_then(|entry| entry.get("governance"));
    let named = |party: &Value| {
        party.is_string()
            || ["/organization/name", "/contact/name", "/contact/email"]
                .iter()
                .any(|place| is_filled(party, place))
    };
    governance.is_some_and(|governance| {
        ["owners", "custodians", "stewards"]
            .iter()
            .any(|role| items(governance, role).any(named))
    })
}

fn infrastructure(
    inventory: &Inventory<'_>,
    add: &mut impl FnMut(&'static str, Severity, &'static str, State),
) {
    let state = if inventory.models.is_empty() {
        State::NotApplicable
    } else {
        once(
            inventory.is_linked,
            "no dependency leads to or from a model",
        )
    };
    add("SBOM-BSIAI-INFRA-RUNTIME", Info, "what it ran with", state);
    let controls = "sbom-tools reads no field for it; the component environment lists the sandbox's mechanisms";
    let state = State::NoField(controls.into());
    add("SBOM-BSIAI-SEC-CONTROLS", Info, "security controls", state);
    let exploits =
        "sbom-tools reads no field for it; vulnerabilities lists what a scan of the image found";
    let state = State::NoField(exploits.into());
    add(
        "SBOM-BSIAI-SEC-EXPLOITABILITY",
        Info,
        "exploitability",
        state,
    );
}
