//! Witnesses: people or workers who trained again, and got what a proof says.
//!
//! Each signs a link of the step `witness` with a key of their own. It names the inputs as materials and, under the
//! same paths, those outputs that the same training gives again byte for byte. So the links of several witnesses are
//! alike, and a layout can ask for as many as it likes with the step's `threshold`.

use crate::{
    ArtifactPath, Role,
    intoto::{Artifacts, Link},
};

/// The step in which somebody trains again.
pub const WITNESS: &str = "witness";
/// The outputs that a witness vouches for. The log has times in it, and the Keras archive is made of these weights.
pub const WITNESSED: [&str; 3] = ["metrics.json", "model.json", "model.safetensors"];

/// What `witness` links record as the command, and a layout expects.
pub fn witness_command() -> Vec<String> {
    ["assay", "reproduce"].map(str::to_owned).into()
}

/// The link of somebody whose training gave each of [`WITNESSED`] as the `run_training` link names it. Environment and
/// byproducts are left to the caller.
pub fn witness_link(training: &Link) -> Link {
    let part = |artifacts: &Artifacts, of: fn(&ArtifactPath<'_>) -> bool| -> Artifacts {
        let chosen = artifacts
            .iter()
            .filter(|(path, _)| ArtifactPath::parse(path).is_ok_and(|path| of(&path)));
        chosen
            .map(|(path, digest)| (path.clone(), *digest))
            .collect()
    };
    let mut link = Link::new(WITNESS, witness_command());
    link.materials = part(&training.materials, |path| path.role != Role::Output);
    link.products = part(&training.products, |path| WITNESSED.contains(&path.file));
    link
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        Digest, SigningKey,
        intoto::{Artifact, ChainError, Layout, Rule, Step, check_rules, check_thresholds},
    };

    fn training() -> Link {
        let mut link = Link::new("run_training", Vec::new());
        let digest = |path: &str| (path.to_owned(), Digest::of(path.as_bytes()));
        link.materials = [
            "d/inputs/model/m.keras",
            "d/inputs/parameters.json",
            "image/config.json",
        ]
        .map(digest)
        .into();
        link.products = crate::OUTPUT_NAMES
            .map(|name| digest(&format!("d/outputs/{name}")))
            .into();
        link
    }

    /// The training and two witnesses, of whom neither may differ.
    fn layout(witnesses: &[&SigningKey]) -> Layout {
        let keys = || witnesses.iter().map(|key| key.keyid()).collect();
        let mut step = Step::new(WITNESS, keys(), witness_command());
        step.threshold = 2;
        step.expected_products = vec![
            Rule::matching("*", Artifact::Products, "run_training"),
            Rule::Disallow("*".into()),
        ];
        let mut training = Step::new("run_training", keys(), Vec::new());
        training.expected_products = vec![
            Rule::matching("*/outputs/model.safetensors", Artifact::Products, WITNESS),
            Rule::Disallow("*/outputs/model.safetensors".into()),
        ];
        let keys = witnesses.iter().map(|key| key.public().clone());
        Layout::new(
            "",
            time::OffsetDateTime::UNIX_EPOCH,
            keys,
            vec![training, step],
        )
    }

    #[test]
    fn a_witness_vouches_for_what_is_the_same_everywhere() {
        let link = witness_link(&training());
        let names: Vec<_> = link.products.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "d/outputs/metrics.json",
                "d/outputs/model.json",
                "d/outputs/model.safetensors"
            ]
        );
        assert_eq!(link.materials.len(), 2);
    }

    #[test]
    fn two_witnesses_satisfy_a_threshold_of_two() {
        let (one, other) = (SigningKey::generate(), SigningKey::generate());
        let layout = layout(&[&one, &other]);
        let (training, witness) = (training(), witness_link(&training()));
        let links = [
            (one.keyid(), &training),
            (one.keyid(), &witness),
            (other.keyid(), &witness),
        ];
        let chain: BTreeMap<String, &Link> = check_thresholds(&layout, &links).unwrap();
        assert_eq!(check_rules(&layout, &chain), Ok(()));
        let alone = check_thresholds(&layout, &links[..2]).unwrap_err();
        assert!(matches!(alone, ChainError::Threshold { found: 1, .. }));

        let mut different = witness.clone();
        let path = "d/outputs/model.safetensors".to_owned();
        different
            .products
            .insert(path, Digest::of(b"another model"));
        let links = [
            (one.keyid(), &training),
            (one.keyid(), &witness),
            (other.keyid(), &different),
        ];
        let disagree = check_thresholds(&layout, &links).unwrap_err();
        assert!(matches!(disagree, ChainError::Disagreement(_)));
        let links = [
            (one.keyid(), &training),
            (one.keyid(), &different),
            (other.keyid(), &different),
        ];
        let chain = check_thresholds(&layout, &links).unwrap();
        assert!(check_rules(&layout, &chain).is_err());
    }
}
