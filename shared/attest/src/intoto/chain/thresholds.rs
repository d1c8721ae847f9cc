use std::collections::BTreeMap;

use super::ChainError;
use crate::{
    Digest, KeyId,
    intoto::{Layout, Link},
};

/// What went into a step and what came out, by path. `D` is what two artifacts are compared by.
#[derive(Debug)]
pub struct Sides<'a, D> {
    /// What it read.
    pub materials: &'a BTreeMap<String, D>,
    /// What it wrote.
    pub products: &'a BTreeMap<String, D>,
}

// Not derived, since that would ask for digests that can be copied.
impl<D> Clone for Sides<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Sides<'_, D> {}

impl<'a> From<&'a Link> for Sides<'a, Digest> {
    fn from(link: &'a Link) -> Self {
        Self {
            materials: &link.materials,
            products: &link.products,
        }
    }
}

/// What one functionary says of one step; the signature is verified.
#[derive(Debug, Clone, Copy)]
pub struct Witness<'a, D> {
    /// The step.
    pub step: &'a str,
    /// The functionary.
    pub keyid: KeyId,
    /// What it read and wrote.
    pub sides: Sides<'a, D>,
}

/// When the functionaries of one step must have seen the same artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Always.
    Always,
    /// Where the step's threshold is above one; otherwise the word of the functionary whom the layout names first
    /// counts. This is in-toto's way.
    AboveOne,
}

/// Verifies that enough functionaries signed for each step and agree; gives what one of them says of each step.
///
/// # Errors
/// [`ChainError::Threshold`], [`ChainError::Disagreement`].
pub fn check_thresholds<'a, D: PartialEq>(
    layout: &'a Layout,
    witnesses: &[Witness<'a, D>],
    agreement: Agreement,
) -> Result<BTreeMap<&'a str, Sides<'a, D>>, ChainError> {
    let mut chain = BTreeMap::new();
    for step in &layout.steps {
        let of_step: BTreeMap<KeyId, &Witness<'a, D>> = witnesses
            .iter()
            .filter(|one| one.step == step.name && step.pubkeys.contains(&one.keyid))
            .map(|one| (one.keyid, one))
            .collect();
        let first = step.pubkeys.iter().find_map(|keyid| of_step.get(keyid));
        let Some(first) = first.filter(|_| of_step.len() as u64 >= u64::from(step.threshold))
        else {
            return Err(ChainError::Threshold {
                step: step.name.clone(),
                found: of_step.len(),
                needed: step.threshold.max(1),
            });
        };
        let must_agree = agreement == Agreement::Always || step.threshold > 1;
        let differs = |one: &&Witness<'a, D>| {
            one.sides.materials != first.sides.materials
                || one.sides.products != first.sides.products
        };
        if must_agree && of_step.values().any(differs) {
            return Err(ChainError::Disagreement(step.name.clone()));
        }
        chain.insert(step.name.as_str(), first.sides);
    }
    Ok(chain)
}
