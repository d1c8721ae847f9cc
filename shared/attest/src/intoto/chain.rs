use std::collections::{BTreeMap, BTreeSet};

use super::{Artifact, Artifacts, Layout, Link, MetadataError, Rule, Signed, fnmatch};
use crate::KeyId;

/// Why links do not make up what a layout asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The link's name is no step.
    #[error("the layout has no step {0:?}")]
    UnknownStep(String),
    /// The signer may not carry out this step.
    #[error("the key {keyid} is not a functionary of the step {step}")]
    Unauthorised {
        /// The step.
        step: String,
        /// The signer.
        keyid: KeyId,
    },
    /// The signature does not verify.
    #[error(transparent)]
    Signature(#[from] MetadataError),
    /// Too few functionaries signed a link of this step.
    #[error("the step {step} has links of {found} functionaries; {needed} needed")]
    Threshold {
        /// The step.
        step: String,
        /// Distinct functionaries with a verified link.
        found: usize,
        /// The step's threshold.
        needed: u32,
    },
    /// Functionaries of one step saw different artifacts.
    #[error("the links of the step {0} name different artifacts")]
    Disagreement(String),
}

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

/// Verifies that a link is signed by a functionary whom the layout names for the link's step.
///
/// The layout must have been verified with the owner's key, as the functionary's key is taken from it.
///
/// # Errors
/// [`ChainError`] but for `Threshold` and `Disagreement`.
pub fn check_signer<'a>(layout: &Layout, link: &'a Signed<Link>) -> Result<&'a Link, ChainError> {
    let (name, keyid) = (&link.unverified().name, link.keyid());
    let step = layout
        .step(name)
        .ok_or_else(|| ChainError::UnknownStep(name.chars().take(80).collect()))?;
    let key = layout
        .keys
        .get(&keyid)
        .filter(|_| step.pubkeys.contains(&keyid));
    let key = key.ok_or_else(|| ChainError::Unauthorised {
        step: step.name.clone(),
        keyid,
    })?;
    Ok(link.verify(key)?)
}

/// Verifies that enough functionaries signed for each step and agree; gives one link for each step.
///
/// `links` are verified ([`check_signer`]), each with its signer.
///
/// # Errors
/// [`ChainError::Threshold`], [`ChainError::Disagreement`].
pub fn check_thresholds<'a>(
    layout: &Layout,
    links: &[(KeyId, &'a Link)],
) -> Result<BTreeMap<String, &'a Link>, ChainError> {
    let mut chain = BTreeMap::new();
    for step in &layout.steps {
        let of_step: BTreeMap<KeyId, &Link> = links
            .iter()
            .filter(|(_, link)| link.name == step.name)
            .copied()
            .collect();
        let agreed = of_step
            .values()
            .next()
            .filter(|_| of_step.len() as u64 >= u64::from(step.threshold));
        let Some(&agreed) = agreed else {
            let needed = step.threshold.max(1);
            return Err(ChainError::Threshold {
                step: step.name.clone(),
                found: of_step.len(),
                needed,
            });
        };
        if links.iter().any(|(_, link)| {
            link.name == step.name
                && (link.materials != agreed.materials || link.products != agreed.products)
        }) {
            return Err(ChainError::Disagreement(step.name.clone()));
        }
        chain.insert(step.name.clone(), agreed);
    }
    Ok(chain)
}

/// Applies every step's rules to its link: each rule consumes artifacts from a queue, and DISALLOW fails on what is
/// still there (in-toto specification 1.0 §4.3.3).
///
/// # Errors
/// [`RuleError`] for the first rule broken. A step without a link has no artifacts.
pub fn check_rules(layout: &Layout, chain: &BTreeMap<String, &Link>) -> Result<(), RuleError> {
    for step in &layout.steps {
        let Some(link) = chain.get(&step.name) else {
            continue;
        };
        for (side, artifacts, rules) in [
            ("materials", &link.materials, &step.expected_materials),
            ("products", &link.products, &step.expected_products),
        ] {
            let mut queue: BTreeSet<&str> = artifacts.keys().map(String::as_str).collect();
            for rule in rules {
                let refused = apply(rule, &mut queue, artifacts, link, chain);
                if !refused.is_empty() {
                    let artifacts = refused.into_iter().take(20).map(str::to_owned).collect();
                    return Err(RuleError {
                        step: step.name.clone(),
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
fn apply<'a>(
    rule: &'a Rule,
    queue: &mut BTreeSet<&'a str>,
    artifacts: &Artifacts,
    link: &Link,
    chain: &BTreeMap<String, &Link>,
) -> Vec<&'a str> {
    let (materials, products) = (&link.materials, &link.products);
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
        Rule::Match {
            pattern,
            source_prefix,
            with,
            dest_prefix,
            from,
        } => {
            let Some(other) = chain.get(from) else {
                return Vec::new();
            };
            let theirs = if *with == Artifact::Materials {
                &other.materials
            } else {
                &other.products
            };
            queue.retain(|&path| {
                let Some(name) = below(path, source_prefix) else {
                    return true;
                };
                let same = theirs
                    .get(&join(dest_prefix, name))
                    .is_some_and(|digest| artifacts.get(path) == Some(digest));
                !(fnmatch(name, pattern) && same)
            });
        }
    }
    Vec::new()
}

/// The rest of a path below a folder; all of it when there is no folder.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    if prefix.is_empty() {
        return Some(path);
    }
    path.strip_prefix(prefix.strip_suffix('/').unwrap_or(prefix))?
        .strip_prefix('/')
}

fn join(prefix: &str, name: &str) -> String {
    match prefix.strip_suffix('/').unwrap_or(prefix) {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

#[cfg(test)]
mod tests;
