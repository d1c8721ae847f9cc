use serde_json::{Value, json};

use super::{
    Facts, ResumedFrom, component,
    property::{Properties, instant},
    request,
};
use crate::{INGEST, OUTPUT_NAMES, RUN_TRAINING, ingest_command, training_command};

/// How the model came to be: one workflow with the layout's two steps as its tasks.
pub(super) fn formulation(facts: &Facts) -> Value {
    let (queued, started, finished) = (
        instant(facts.times.queued),
        instant(facts.times.started),
        instant(facts.times.finished),
    );
    let reference = |name: &str| json!({"resource": {"ref": name}});
    let inputs = ["input-model", "dataset", "definition", "parameters"].map(reference);
    let produced = OUTPUT_NAMES.map(|name| {
        let kind = match name {
            "logs.txt" => "log",
            "metrics.json" => "metrics",
            _ => "artifact",
        };
        json!({"type": kind, "resource": {"ref": component::output_ref(name)}})
    });
    let mut with_parameters = inputs.to_vec();
    with_parameters.push(json!({"source": {"ref": "parameters"}, "parameters": parameters(facts)}));
    let task = |name: &str, command: Vec<String>| {
        json!({
            "bom-ref": format!("task/{name}"),
            "uid": format!("{}/{name}", facts.job_id),
            "name": name,
            "taskTypes": [if name == INGEST { "copy" } else { "build" }],
            "steps": [{"name": name, "commands": [{"executed": command.join(" ")}]}],
        })
    };
    let mut ingest = task(INGEST, ingest_command());
    let mut training = task(RUN_TRAINING, training_command());
    ingest["timeEnd"] = queued.clone().into();
    training["timeStart"] = started.into();
    training["timeEnd"] = finished.clone().into();
    training["inputs"] = json!(inputs);
    training["outputs"] = json!(produced);
    json!([{
        "bom-ref": "formulation",
        "workflows": [{
            "bom-ref": "workflow",
            "uid": facts.job_id,
            "name": "Training job",
            "taskTypes": ["build"],
            "timeStart": queued,
            "timeEnd": finished,
            "inputs": with_parameters,
            "outputs": produced,
            "tasks": [ingest, training],
            "taskDependencies": [
                {"ref": format!("task/{RUN_TRAINING}"), "dependsOn": [format!("task/{INGEST}")]},
            ],
            "properties": trained_by(facts).into_value(),
        }],
    }])
}

fn trained_by(facts: &Facts) -> Properties {
    let trainer = &facts.trainer;
    let asked = facts.request.get("framework").and_then(Value::as_str);
    Properties::new()
        .with(
            "trained-by",
            format!(
                "{} {} with candle {}",
                trainer.name, trainer.version, trainer.candle
            ),
        )
        .with_some("framework-requested", asked)
        .with_some("resumed-from", facts.resumed_from.as_ref().map(resumed))
}

/// One line; the same is in the `run_training` link, whose byproducts name it by parts.
fn resumed(from: &ResumedFrom) -> String {
    format!(
        "the checkpoint {} after epoch {} of attempt {}, signed by the worker {}",
        from.sha256, from.epoch, from.attempt, from.worker_keyid
    )
}

fn parameters(facts: &Facts) -> Vec<Value> {
    let parameter = |(name, value): (String, String)| json!({"name": name, "value": value});
    request::parameters(&facts.request)
        .into_iter()
        .map(parameter)
        .collect()
}
