//! Laying one layer of settings over another. Every name must be in the default layer.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::ConfigError;

/// What the names of environment variables begin with.
const PREFIX: &str = "ASSAY__";

pub(super) fn merge(
    default: &str,
    file: Option<(String, String)>,
    seed: &[(&str, &str, String)],
    variables: BTreeMap<String, String>,
    overrides: &[(&str, String)],
) -> Result<Table, ConfigError> {
    let mut merged = parse("the default configuration", default)?;
    if let Some((path, text)) = file {
        let layer = format!("configuration file {path}");
        overlay(&layer, &mut merged, parse(&layer, &text)?, &mut Vec::new())?;
    }
    for (variable, setting, text) in seed {
        let names: Vec<&str> = setting.split('.').collect();
        let layer = format!("environment variable {variable}");
        set(&layer, &mut merged, &names, text)?;
    }
    for (variable, text) in variables {
        let Some(name) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let names: Vec<String> = name.split("__").map(str::to_ascii_lowercase).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        set(
            &format!("environment variable {variable}"),
            &mut merged,
            &names,
            &text,
        )?;
    }
    for (name, text) in overrides {
        let names: Vec<&str> = name.split('.').collect();
        set("command line", &mut merged, &names, text)?;
    }
    Ok(merged)
}

fn parse(layer: &str, text: &str) -> Result<Table, ConfigError> {
    text.parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax {
            layer: layer.to_owned(),
            reason: error.to_string(),
        })
}

fn unknown(layer: &str, names: &[impl AsRef<str>]) -> ConfigError {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    ConfigError::Unknown {
        layer: layer.to_owned(),
        name: names.join("."),
    }
}

/// Recursion is as deep as the default file, not as the layer: unknown tables are refused before they are entered.
fn overlay(
    layer: &str,
    below: &mut Table,
    above: Table,
    path: &mut Vec<String>,
) -> Result<(), ConfigError> {
    for (name, value) in above {
        path.push(name.clone());
        match (below.get_mut(&name), value) {
            (None, _) => return Err(unknown(layer, path)),
            (Some(Value::Table(below)), Value::Table(above)) => overlay(layer, below, above, path)?,
            (Some(slot), value) => *slot = value,
        }
        path.pop();
    }
    Ok(())
}

/// Sets one value from text: as it is where a string belongs, otherwise read as TOML.
fn set(layer: &str, table: &mut Table, names: &[&str], text: &str) -> Result<(), ConfigError> {
    let mut slot = None;
    let mut table = Some(table);
    for name in names {
        slot = table.and_then(|table| table.get_mut(*name));
        let Some(found) = slot else {
            return Err(unknown(layer, names));
        };
        if let Value::Table(inner) = found {
            table = Some(inner);
            slot = None;
        } else {
            table = None;
            slot = Some(found);
        }
    }
    match slot {
        None => Err(unknown(layer, names)),
        Some(Value::String(string)) => {
            text.clone_into(string);
            Ok(())
        }
        Some(slot) => {
            let read = parse(layer, &format!("value = {text}"))?;
            *slot = read
                .get("value")
                .cloned()
                .ok_or_else(|| unknown(layer, names))?;
            Ok(())
        }
    }
}
