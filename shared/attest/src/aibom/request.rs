use serde_json::Value;

use super::property::text;

/// The training parameters of a job's request (the content of `parameters.json`), as name and text, in the order of
/// their names, the framework first. An absent one (`null`) is left out.
pub fn parameters(request: &Value) -> Vec<(String, String)> {
    let framework = request
        .get("framework")
        .map(|value| ("framework".to_owned(), text(value)));
    framework
        .into_iter()
        .chain(members(request, "parameters"))
        .collect()
}

/// What the submitter said of the model, as name and text; empty fields are left out.
pub fn claims(request: &Value) -> Vec<(String, String)> {
    members(request, "metadata")
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// One of the submitter's statements.
pub(super) fn claim<'a>(request: &'a Value, field: &str) -> Option<&'a str> {
    request
        .get("metadata")?
        .get(field)?
        .as_str()
        .filter(|text| !text.is_empty())
}

/// One of the submitter's lists, an item a line.
pub(super) fn lines<'a>(
    request: &'a Value,
    field: &str,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let text = claim(request, field).unwrap_or_default();
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn members<'a>(
    request: &'a Value,
    group: &str,
) -> impl Iterator<Item = (String, String)> + use<'a> {
    let members = request.get(group).and_then(Value::as_object);
    let given = members
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null());
    let mut list: Vec<_> = given
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    list.sort();
    list.into_iter()
}
