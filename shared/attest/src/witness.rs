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
    use super::*;
    use crate::Digest;

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
}
