//! What is refused, by which code, and that the message names it.

use serde_json::{Value, json};

use super::*;

/// The configuration of a fixture, to be changed and read again.
fn config(name: &str) -> Value {
    serde_json::from_slice(&read_fixture(name).config).unwrap()
}

fn refused(config: &Value) -> Fault {
    model::read(config, None, &DataLimits::default()).unwrap_err()
}

/// The `config` of the layer with this name.
fn layer<'v>(config: &'v mut Value, name: &str) -> &'v mut Value {
    let layers = config["config"]["layers"].as_array_mut().unwrap();
    layers
        .iter_mut()
        .find(|l| l["config"]["name"] == name)
        .unwrap()
}

#[test]
fn a_lambda_layer_is_refused_by_name() {
    let fault = read(&fixture("lambda.keras"), &DataLimits::default()).unwrap_err();
    assert_eq!(fault.code, "model.custom_object");
    assert!(
        fault.message.contains("twice") && fault.message.contains("Lambda"),
        "{fault}"
    );
}

#[test]
fn custom_objects_are_refused_wherever_they_stand() {
    for (key, value) in [
        ("module", json!("my_package.layers")),
        ("registered_name", json!("Custom>Mine")),
        ("class_name", json!("TFOpLambda")),
        ("module", json!("kerasish.layers")),
    ] {
        let mut changed = config("table");
        layer(&mut changed, "hidden")[key] = value;
        let fault = refused(&changed);
        assert_eq!(fault.code, "model.custom_object", "{key}: {fault}");
        assert!(fault.message.contains("hidden"));
    }
    let mut activation = config("table");
    layer(&mut activation, "hidden")["config"]["activation"] = json!({"module": "builtins", "class_name": "function", "config": {"code": "x"}, "registered_name": "function"});
    assert_eq!(refused(&activation).code, "model.custom_object");
    for (key, value) in [
        ("loss", json!("Custom>loss")),
        (
            "optimizer",
            json!({"module": "mine", "class_name": "Adam", "config": {}}),
        ),
        (
            "metrics",
            json!([{"module": "mine", "class_name": "M", "config": {}}]),
        ),
    ] {
        let mut changed = config("table");
        changed["compile_config"][key] = value;
        assert_eq!(refused(&changed).code, "model.custom_object", "{key}");
    }
}

#[test]
fn a_metric_whose_name_deceives_is_refused() {
    let mut config = config("table");
    let metric = |name: &str| {
        json!([{"module": "keras.metrics", "class_name": "MeanSquaredError", "config": {"name": name},
                "registered_name": null}])
    };
    config["compile_config"]["metrics"] = metric("error");
    assert!(model::read(&config, None, &DataLimits::default()).is_ok());
    config["compile_config"]["metrics"] = metric("acc\u{202e}ycaru");
    let fault = model::read(&config, None, &DataLimits::default()).unwrap_err();
    assert!(fault.message.contains("writing direction"), "{fault:?}");
}

#[test]
fn an_unknown_layer_is_named_and_the_known_ones_are_listed() {
    let mut changed = config("table");
    layer(&mut changed, "hidden")["class_name"] = json!("LSTM");
    let fault = refused(&changed);
    assert_eq!(fault.code, "model.unsupported_layer");
    for part in ["hidden", "LSTM", "Conv2D", "ZeroPadding2D"] {
        assert!(fault.message.contains(part), "{fault}");
    }
    let mut operation = config("images");
    let add = layer(&mut operation, "add");
    add["module"] = json!("keras.src.ops.numpy");
    assert_eq!(refused(&operation).code, "model.unsupported_layer");
}

#[test]
fn settings_that_are_not_honoured_are_refused_by_name() {
    let l2 = json!({"module": "keras.regularizers", "class_name": "L2", "config": {"l2": 0.01}, "registered_name": null});
    for (name, key, value) in [
        ("first", "kernel_regularizer", l2.clone()),
        ("first", "activity_regularizer", l2),
        (
            "first",
            "bias_constraint",
            json!({"class_name": "NonNeg", "module": "keras.constraints", "config": {}}),
        ),
        ("first", "groups", json!(2)),
        ("first", "data_format", json!("channels_first")),
        ("first", "dtype", json!("mixed_float16")),
        (
            "first",
            "dtype",
            json!({"module": "keras", "class_name": "DTypePolicy", "config": {"name": "bfloat16"}}),
        ),
        ("first", "padding", json!("causal")),
        ("first", "no_such_setting", json!(5)),
        ("batch_normalization", "renorm", json!(true)),
        ("dropout", "noise_shape", json!([null, 1])),
        ("softmax", "axis", json!(1)),
        ("frozen", "quantization_config", json!({"mode": "int8"})),
    ] {
        let mut changed = config("images");
        layer(&mut changed, name)["config"][key] = value;
        let fault = refused(&changed);
        assert_eq!(
            fault.code, "model.unsupported_setting",
            "{name}.{key}: {fault}"
        );
        assert!(fault.message.contains(name), "{fault}");
    }
    let mut activation = config("images");
    layer(&mut activation, "first")["config"]["activation"] = json!("hard_sigmoid");
    assert_eq!(refused(&activation).code, "model.unsupported_activation");
}

#[test]
fn compile_settings_that_are_not_honoured_are_refused() {
    let schedule = json!({"module": "keras.optimizers.schedules", "class_name": "ExponentialDecay", "config": {}});
    let adam = |extra: Value| {
        let mut config = extra;
        config["name"] = json!("adam");
        json!({"module": "keras.optimizers", "class_name": "Adam", "config": config, "registered_name": null})
    };
    for (key, value, code) in [
        ("optimizer", json!("lion"), "model.unsupported_optimizer"),
        (
            "optimizer",
            adam(json!({"learning_rate": schedule})),
            "model.learning_rate_schedule",
        ),
        (
            "optimizer",
            adam(json!({"use_ema": true})),
            "model.unsupported_setting",
        ),
        (
            "optimizer",
            adam(json!({"gradient_accumulation_steps": 4})),
            "model.unsupported_setting",
        ),
        (
            "optimizer",
            adam(json!({"learning_rate": -1.0})),
            "model.malformed",
        ),
        (
            "optimizer",
            adam(json!({"clipnorm": 1.0, "clipvalue": 1.0})),
            "model.malformed",
        ),
        ("optimizer", Value::Null, "model.malformed"),
        ("loss", json!("poisson"), "model.unsupported_loss"),
        ("loss", json!(["mse", "mae"]), "model.malformed"),
        ("loss", json!({"other": "mse"}), "model.malformed"),
        ("loss", Value::Null, "model.malformed"),
        ("loss_weights", json!([0.5]), "model.unsupported_setting"),
        (
            "weighted_metrics",
            json!(["mae"]),
            "model.unsupported_setting",
        ),
        ("metrics", json!(["precision"]), "model.unsupported_metric"),
        ("metrics", json!([null]), "model.malformed"),
    ] {
        let mut changed = config("table");
        changed["compile_config"][key] = value.clone();
        let fault = refused(&changed);
        assert_eq!(fault.code, code, "{key} = {value}: {fault}");
    }
}

#[test]
fn compile_settings_are_needed_and_may_stand_under_the_outputs_name() {
    for none in [Value::Null, json!({})] {
        let mut changed = config("table");
        changed["compile_config"] = none;
        assert_eq!(refused(&changed).code, "model.not_compiled");
    }
    let mut named = config("table");
    named["compile_config"]["loss"] = json!({"dense_2": "bce"});
    named["compile_config"]["metrics"] = json!({"dense_2": ["mae", "mae"]});
    let spec = model::read(&named, None, &DataLimits::default()).unwrap();
    let names: Vec<&str> = spec
        .compile
        .metrics
        .iter()
        .map(|m| m.name.as_str())
        .collect();
    assert_eq!(names, ["mae", "mae_1"]);
}

/// The first tensor that a layer of the Functional fixture reads.
fn history<'v>(config: &'v mut Value, name: &str) -> &'v mut Value {
    let tensor = &mut layer(config, name)["inbound_nodes"][0]["args"][0];
    let tensor = if tensor.is_array() {
        &mut tensor[0]
    } else {
        tensor
    };
    &mut tensor["config"]["keras_history"]
}

#[test]
fn a_graph_that_is_none_is_refused() {
    let refuse = |code: &str, change: &dyn Fn(&mut Value)| {
        let mut changed = config("images");
        change(&mut changed);
        let fault = refused(&changed);
        assert_eq!(fault.code, code, "{fault}");
    };
    refuse("model.malformed", &|c| {
        *history(c, "first") = json!(["no_such_layer", 0, 0])
    });
    refuse("model.malformed", &|c| {
        *history(c, "first") = json!(["image", 1, 0])
    });
    refuse("model.malformed", &|c| {
        *history(c, "rescaling") = json!(["softmax", 0, 0])
    });
    refuse("model.malformed", &|c| {
        layer(c, "first")["inbound_nodes"] = json!([])
    });
    refuse("model.shared_layer", &|c| {
        let nodes = layer(c, "first")["inbound_nodes"].as_array_mut().unwrap();
        let again = nodes[0].clone();
        nodes.push(again);
    });
    refuse("model.unsupported_setting", &|c| {
        layer(c, "batch_normalization")["inbound_nodes"][0]["kwargs"] = json!({"mask": [1]});
    });
    refuse("model.several_inputs_or_outputs", &|c| {
        c["config"]["output_layers"] = json!([["softmax", 0, 0], ["last", 0, 0]]);
    });
    // A layer that does not lead to the output.
    refuse("model.malformed", &|c| {
        c["config"]["output_layers"] = json!(["last", 0, 0])
    });
    // Two layers of a name.
    refuse("model.malformed", &|c| {
        layer(c, "last")["name"] = json!("frozen");
        layer(c, "last")["config"]["name"] = json!("frozen");
    });
    // Shapes that do not follow from the layers.
    refuse("model.malformed", &|c| {
        layer(c, "depthwise_conv2d")["config"]["kernel_size"] = json!([2, 99])
    });
    refuse("model.malformed", &|c| {
        layer(c, "frozen")["build_config"]["input_shape"] = json!([null, 3])
    });
    refuse("model.malformed", &|c| {
        layer(c, "first")["config"]["filters"] = json!(0)
    });
    refuse("model.malformed", &|c| {
        layer(c, "first")["config"]["filters"] = json!("many")
    });
    refuse("limit.model_values", &|c| {
        layer(c, "zero_padding2d")["config"]["padding"] = json!(1_000_000)
    });
}

#[test]
fn every_form_of_references_is_read() {
    let same = read_fixture("images").spec;
    let mut nested = config("images");
    nested["config"]["input_layers"] = json!([["image", 0, 0]]);
    nested["config"]["output_layers"] = json!([["softmax", 0, 0]]);
    let version = same.keras_version.clone();
    assert_eq!(
        model::read(&nested, version.clone(), &DataLimits::default()).unwrap(),
        same
    );
    // Any order of the list gives inputs before readers.
    let mut reversed = config("images");
    reversed["config"]["layers"]
        .as_array_mut()
        .unwrap()
        .reverse();
    let spec = model::read(&reversed, version, &DataLimits::default()).unwrap();
    assert!(
        spec.layers
            .iter()
            .enumerate()
            .all(|(i, l)| l.inputs.iter().all(|from| *from < i))
    );
    assert_eq!(spec.layers[spec.output].name, "softmax");
}

#[test]
fn inputs_must_be_fixed_and_of_floats() {
    for shape in [
        json!([null, null]),
        json!([8, 5]),
        json!([null]),
        json!([null, 0]),
        Value::Null,
    ] {
        let mut changed = config("table");
        changed["config"]["layers"][0]["config"]["batch_shape"] = shape;
        assert_eq!(refused(&changed).code, "model.input_shape");
    }
    let mut whole = config("table");
    whole["config"]["layers"][0]["config"]["dtype"] = json!("int32");
    assert_eq!(refused(&whole).code, "model.unsupported_setting");
    let mut no_input = config("table");
    no_input["config"]["layers"]
        .as_array_mut()
        .unwrap()
        .remove(0);
    let spec = model::read(&no_input, None, &DataLimits::default()).unwrap();
    assert_eq!(
        (
            spec.layers[0].kind.clone(),
            spec.layers[0].output_shape.clone()
        ),
        (LayerKind::Input, vec![5])
    );
}

#[test]
fn limits_are_limits() {
    let limits = |change: &dyn Fn(&mut DataLimits)| {
        let mut limits = DataLimits::default();
        change(&mut limits);
        read(&fixture("table.keras"), &limits).unwrap_err().code
    };
    assert_eq!(limits(&|l| l.model_layers = 3), "limit.model_layers");
    assert_eq!(
        limits(&|l| l.model_parameters = 100),
        "limit.model_parameters"
    );
    assert_eq!(limits(&|l| l.model_config_bytes = 100), "limit.model_bytes");
    let mut frozen = config("table");
    frozen["config"]["trainable"] = json!(false);
    assert_eq!(refused(&frozen).code, "model.nothing_to_train");
}

#[test]
fn archives_of_keras_2_are_refused() {
    let archive = read_fixture("sgd");
    let h5 = container::Container::open(&fixture("sgd.keras"))
        .unwrap()
        .read(container::WEIGHTS, 1 << 20)
        .unwrap();
    let old = container::pack(br#"{"keras_version": "2.15.0"}"#, &archive.config, &h5).unwrap();
    assert_eq!(
        read(&old, &DataLimits::default()).unwrap_err().code,
        "model.keras_version"
    );
}
