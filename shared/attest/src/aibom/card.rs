use serde_json::{Map, Value, json};

use super::{
    Facts, ModelFacts,
    energy::energy_consumption,
    property::{Properties, double, shape, text},
    request::{claim, lines},
};

/// The `bom-ref` of the model card.
pub(super) const MODEL_CARD: &str = "model-card";

/// The model card: what kind of model it is, what it was trained on, how well it did, what it is for.
pub(super) fn model_card(facts: &Facts) -> Value {
    let model = &facts.model;
    let properties = Properties::new()
        .with("class", &model.class)
        .with(
            "trainable-parameters",
            model.trainable_parameters.to_string(),
        )
        .with(
            "non-trainable-parameters",
            model.non_trainable_parameters.to_string(),
        )
        .with("optimizer", text(&model.optimizer))
        .with("loss", &model.loss)
        .with("compiled-metrics", model.metrics.join(", "));
    let mut card = json!({
        "bom-ref": MODEL_CARD,
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": model.task,
            "architectureFamily": family(model),
            "modelArchitecture": architecture(model),
            "datasets": [{"ref": "dataset"}],
            "inputs": [{"format": format!("float32 {}", shape(&model.input_shape))}],
            "outputs": [{"format": format!("float32 {}", shape(&model.output_shape))}],
        },
        "properties": properties.into_value(),
    });
    if let Some(members) = card.as_object_mut() {
        if !facts.metrics.is_empty() {
            members.insert(
                "quantitativeAnalysis".into(),
                json!({"performanceMetrics": metrics(facts)}),
            );
        }
        let considerations = considerations(facts);
        if !considerations.is_empty() {
            members.insert("considerations".into(), Value::Object(considerations));
        }
    }
    card
}

/// `val_…` is Keras' prefix for the validation split.
fn metrics(facts: &Facts) -> Vec<Value> {
    let metric = |(name, &value): (&String, &f64)| {
        let (kind, slice) = match name.strip_prefix("val_") {
            Some(kind) => (kind, "validation"),
            None => (name.as_str(), "training"),
        };
        json!({"type": kind, "value": double(value), "slice": slice})
    };
    facts.metrics.iter().map(metric).collect()
}

fn considerations(facts: &Facts) -> Map<String, Value> {
    let mut considerations = Map::new();
    let listed = |field| lines(&facts.request, field);
    let mut set = |key: &str, list: Vec<&str>| {
        (!list.is_empty()).then(|| considerations.insert(key.to_owned(), json!(list)))
    };
    set("users", listed("intended_users").collect());
    set("useCases", listed("intended_use").collect());
    // What a model is not for is a limit of it, too; CycloneDX has no other place.
    let limits = listed("technical_limitations").chain(listed("out_of_scope"));
    set("technicalLimitations", limits.collect());
    if let Some(text) = claim(&facts.request, "misuse_or_malicious") {
        considerations.insert("ethicalConsiderations".into(), json!([{"name": text}]));
    }
    if let Some(consumption) = facts.energy.as_ref().and_then(energy_consumption) {
        considerations.insert(
            "environmentalConsiderations".into(),
            json!({"energyConsumptions": [consumption]}),
        );
    }
    considerations
}

fn family(model: &ModelFacts) -> &'static str {
    let has = |word: &str| model.layers.iter().any(|layer| layer.class.contains(word));
    if has("Conv") {
        "convolutional neural network"
    } else {
        "feed-forward neural network"
    }
}

/// One line a layer: name, class, output shape, numbers.
fn architecture(model: &ModelFacts) -> String {
    let mut lines = vec![format!("{} {}", model.class, model.name)];
    lines.extend(model.layers.iter().map(|layer| {
        format!(
            "{} ({}) {} {} parameters",
            layer.name,
            layer.class,
            shape(&layer.output_shape),
            layer.parameters
        )
    }));
    lines.join("\n")
}
