use std::collections::{BTreeMap, BTreeSet};

use super::Sides;
use crate::intoto::{Artifact, Rule, fnmatch};

/// A rule that the artifacts of a step break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{side} of the step {step} break the rule {rule}: {}", .artifacts.join(", "))]
pub struct RuleError {
    /// The step.
    pub step: String,
    /// `materials` or `products`.
    pub side: &'static str,
    /// The rule, as `Display` writes it.
    pub rule: String,
    /// The artifacts it refuses (the first 20), or the one it misses.
    pub artifacts: Vec<String>,
}

/// A step's or an inspection's name and rules.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// Its name, under which the chain has its artifacts.
    pub name: &'a str,
    /// Rules for what it read, in order.
    pub materials: &'a [Rule],
    /// Rules for what it wrote, in order.
    pub products: &'a [Rule],
}

/// Applies every item's rules to its artifacts: each rule consumes some from a queue, and DISALLOW fails on what is
/// still there (in-toto specification 1.0 §4.3.3).
///
/// # Errors
/// [`RuleError`] for the first rule broken. An item that is not in the chain has no artifacts.
pub fn check_rules<D: PartialEq>(
    items: &[Item<'_>],
    chain: &BTreeMap<&str, Sides<'_, D>>,
) -> Result<(), RuleError> {
    for item in items {
        let Some(sides) = chain.get(item.name) else {
            continue;
        };
        for (side, artifacts, rules) in [
            ("materials", sides.materials, item.materials),
            ("products", sides.products, item.products),
        ] {
            let mut queue: BTreeSet<&str> = artifacts.keys().map(String::as_str).collect();
            for rule in rules {
                let refused = apply(rule, &mut queue, artifacts, sides, chain);
                if !refused.is_empty() {
                    let artifacts = refused.into_iter().take(20).map(str::to_owned).collect();
                    return Err(RuleError {
                        step: item.name.to_owned(),
                        side,
                        rule: rule.to_string(),
                        artifacts,
                    });
                }
            }
        }
    }
    Ok(())
}

/// Takes from the queue what the rule consumes; gives the artifacts that break it.
fn apply<'a, D: PartialEq>(
    rule: &'a Rule,
    queue: &mut BTreeSet<&'a str>,
    artifacts: &BTreeMap<String, D>,
    own: &Sides<'_, D>,
    chain: &BTreeMap<&str, Sides<'_, D>>,
) -> Vec<&'a str> {
    let (materials, products) = (own.materials, own.products);
    match rule {
        Rule::Require(path) if !queue.contains(path.as_str()) => return vec![path],
        Rule::Require(_) => {}
        Rule::Disallow(pattern) => {
            return queue
                .iter()
                .copied()
                .filter(|path| fnmatch(path, pattern))
                .collect();
        }
        Rule::Allow(pattern) => queue.retain(|path| !fnmatch(path, pattern)),
        Rule::Create(pattern) => {
            queue.retain(|&path| {
                !(fnmatch(path, pattern)
                    && products.contains_key(path)
                    && !materials.contains_key(path))
            });
        }
        Rule::Delete(pattern) => {
            queue.retain(|&path| {
                !(fnmatch(path, pattern)
                    && materials.contains_key(path)
                    && !products.contains_key(path))
            });
        }
        Rule::Modify(pattern) => queue.retain(|&path| {
            let changed = materials
                .get(path)
                .zip(products.get(path))
                .is_some_and(|(before, after)| before != after);
            !(fnmatch(path, pattern) && changed)
        }),
        Rule::Match { .. } => return apply_match(rule, queue, artifacts, chain),
    }
    Vec::new()
}

/// As [`apply`], for a rule that compares with another step; others take nothing.
fn apply_match<'a, D: PartialEq>(
    rule: &'a Rule,
    queue: &mut BTreeSet<&'a str>,
    artifacts: &BTreeMap<String, D>,
    chain: &BTreeMap<&str, Sides<'_, D>>,
) -> Vec<&'a str> {
    let Rule::Match {
        pattern,
        source_prefix,
        with,
        dest_prefix,
        from,
    } = rule
    else {
        return Vec::new();
    };
    let Some(other) = chain.get(from.as_str()) else {
        return Vec::new();
    };
    let theirs = if *with == Artifact::Materials {
        other.materials
    } else {
        other.products
    };
    // A path that a prefix takes apart and does not put together again, as one with a backslash.
    let twisted = |path: &&str| {
        below(path, source_prefix)
            .is_some_and(|name| fnmatch(name, pattern) && join(source_prefix, name) != **path)
    };
    if let Some(path) = queue.iter().copied().find(twisted) {
        return vec![path];
    }
    queue.retain(|&path| {
        let Some(name) = below(path, source_prefix) else {
            return true;
        };
        let same = theirs
            .get(&join(dest_prefix, name))
            .is_some_and(|digest| artifacts.get(path) == Some(digest));
        !(fnmatch(name, pattern) && same)
    });
    Vec::new()
}

/// The rest of a path below a folder; all of it when there is no folder.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    if prefix.is_empty() {
        return Some(path);
    }
    path.strip_prefix(join(prefix, "").as_str())
}

/// A name in a folder as in-toto joins them: Python's `os.path.join`, then every backslash a slash.
fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        return name.to_owned();
    }
    let joined = match name {
        name if name.starts_with('/') => name.to_owned(),
        name if prefix.ends_with('/') => format!("{prefix}{name}"),
        name => format!("{prefix}/{name}"),
    };
    joined.replace('\\', "/")
}
