use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The components of a document, sorted as the rules see them.
pub(super) struct Inventory<'a> {
    /// What the document is about.
    pub(super) primary: Option<&'a Value>,
    /// Components that are models or have a model card.
    pub(super) models: Vec<&'a Value>,
    /// Components with an entry under `data`.
    pub(super) datasets: Vec<&'a Value>,
    /// Components that look like models and are called something else.
    pub(super) untyped: Vec<&'a Value>,
    /// Whether a model is at either end of a dependency, or names a BOM of its own.
    pub(super) is_linked: bool,
    /// What tells those components that hold a data set.
    holders: BTreeSet<String>,
}

impl<'a> Inventory<'a> {
    /// Components with the same package URL are one thing; the last of them counts, as for sbom-tools.
    pub(super) fn of(document: &'a Value) -> Self {
        let subject = document.pointer("/metadata/component");
        let mut found = Found::default();
        if let Some(subject) = subject {
            found.add(subject);
        }
        for list in [subject.unwrap_or(&Value::Null), document] {
            found.add_below(list);
        }
        let keys: BTreeSet<&str> = found.edges(document);
        let components: Vec<(&str, &Value)> = found
            .order
            .iter()
            .filter_map(|key| Some((key.as_str(), *found.by_key.get(key)?)))
            .collect();
        let models: Vec<_> = components
            .iter()
            .filter(|(_, one)| is_model(one))
            .copied()
            .collect();
        let all = || components.iter().map(|(_, one)| *one);
        let primary = subject.map(key);
        let holds_data = |child: &String| {
            found
                .by_key
                .get(child)
                .is_some_and(|one| data(one).is_some())
        };
        let holders = found.nested.iter().filter(|(_, child)| holds_data(child));
        Self {
            primary: primary.and_then(|key| found.by_key.get(&key).copied()),
            datasets: all().filter(|one| data(one).is_some()).collect(),
            untyped: all()
                .filter(|one| !is_model(one) && data(one).is_none() && looks_like_model(one))
                .collect(),
            is_linked: models
                .iter()
                .any(|(key, one)| keys.contains(key) || has_reference(one, "bom")),
            holders: holders.map(|(holder, _)| holder.clone()).collect(),
            models: models.into_iter().map(|(_, one)| one).collect(),
        }
    }

    /// Whether a data set is nested in a component.
    pub(super) fn holds_data(&self, component: &Value) -> bool {
        self.holders.contains(&key(component))
    }

    /// Whether there is anything that the rules ask about.
    pub(super) fn is_applicable(&self) -> bool {
        !(self.models.is_empty() && self.datasets.is_empty() && self.untyped.is_empty())
    }
}

#[derive(Default)]
struct Found<'a> {
    order: Vec<String>,
    by_key: BTreeMap<String, &'a Value>,
    by_reference: BTreeMap<&'a str, String>,
    by_purl: BTreeMap<&'a str, String>,
    nested: Vec<(String, String)>,
}

impl<'a> Found<'a> {
    fn add(&mut self, component: &'a Value) -> String {
        let key = key(component);
        if self.by_key.insert(key.clone(), component).is_none() {
            self.order.push(key.clone());
        }
        self.by_reference.insert(reference(component), key.clone());
        if let Some(purl) = text(component, "purl") {
            self.by_purl.entry(purl).or_insert_with(|| key.clone());
        }
        key
    }

    /// Adds what is nested, the parser's limit on depth being the limit here.
    fn add_below(&mut self, parent: &'a Value) {
        let holder = parent.get("bomFormat").is_none().then(|| key(parent));
        for component in items(parent, "components") {
            let child = self.add(component);
            if let Some(holder) = &holder {
                self.nested.push((holder.clone(), child));
            }
            self.add_below(component);
        }
    }

    /// Every component at either end of a dependency or of a nesting.
    fn edges(&self, document: &Value) -> BTreeSet<&str> {
        let resolve = |reference: &Value| {
            let reference = reference.as_str()?;
            let key = self.by_reference.get(reference);
            key.or_else(|| self.by_purl.get(reference))
                .map(String::as_str)
        };
        let mut ends = BTreeSet::new();
        for dependency in items(document, "dependencies") {
            let Some(from) = dependency.get("ref").and_then(resolve) else {
                continue;
            };
            let to = items(dependency, "dependsOn").chain(items(dependency, "provides"));
            let known: Vec<&str> = to.filter_map(resolve).collect();
            if !known.is_empty() {
                ends.insert(from);
                ends.extend(known);
            }
        }
        let nested = self.nested.iter();
        ends.extend(nested.flat_map(|(one, other)| [one.as_str(), other.as_str()]));
        ends
    }
}

/// What tells a component from others: package URL, CPE, SWHID, or else its reference.
fn key(component: &Value) -> String {
    let swhid = items(component, "swhid").next().and_then(Value::as_str);
    text(component, "purl")
        .map(str::to_lowercase)
        .or_else(|| text(component, "cpe").map(str::to_owned))
        .or_else(|| swhid.map(str::to_owned))
        .unwrap_or_else(|| reference(component).to_owned())
}

fn reference(component: &Value) -> &str {
    text(component, "bom-ref").unwrap_or_else(|| name(component))
}

fn is_model(component: &Value) -> bool {
    component
        .get("type")
        .is_some_and(|kind| kind == "machine-learning-model")
        || component.get("modelCard").is_some_and(Value::is_object)
}

fn looks_like_model(component: &Value) -> bool {
    let purl = text(component, "purl").unwrap_or_default().to_lowercase();
    purl.starts_with("pkg:huggingface/") || has_reference(component, "model-card")
}

/// The first entry under `data`, which stands for a data set.
pub(super) fn data(component: &Value) -> Option<&Value> {
    match component.get("data")? {
        Value::Array(all) => all.first(),
        one @ Value::Object(_) => Some(one),
        _ => None,
    }
}

/// A component's name.
pub(super) fn name(component: &Value) -> &str {
    text(component, "name").unwrap_or_default()
}

/// A member that is text.
pub(super) fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

/// The items of a member that is a list.
pub(super) fn items<'a>(
    value: &'a Value,
    member: &str,
) -> impl Iterator<Item = &'a Value> + use<'a> {
    value
        .get(member)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Whether there is anything at a place below a component.
pub(super) fn is_filled(component: &Value, place: &str) -> bool {
    match component.pointer(place) {
        None | Some(Value::Null) => false,
        Some(Value::Array(all)) => !all.is_empty(),
        Some(Value::String(_)) => true,
        Some(_) => true,
    }
}

/// Whether a component has an external reference of a kind.
pub(super) fn has_reference(component: &Value, kind: &str) -> bool {
    items(component, "externalReferences").any(|one| text(one, "type") == Some(kind))
}

/// Whether it has a package URL, a CPE or an SWHID.
pub(super) fn has_identifier(component: &Value) -> bool {
    text(component, "purl").is_some()
        || text(component, "cpe").is_some()
        || items(component, "swhid").next().is_some()
}

/// Whether a component says who made it or hands it out.
pub(super) fn has_producer(component: &Value) -> bool {
    let organisation = |member: &str| {
        component
            .get(member)
            .is_some_and(|one| text(one, "name").is_some() || items(one, "url").next().is_some())
    };
    let named = |one: &Value| {
        ["name", "email"]
            .iter()
            .any(|part| text(one, part).is_some_and(|text| !text.trim().is_empty()))
    };
    organisation("supplier")
        || organisation("manufacturer")
        || text(component, "author").is_some()
        || items(component, "authors").any(named)
}
