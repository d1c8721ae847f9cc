//! Checkpoints that a training leaves in the bundle, so that a part of it can be trained again.
//!
//! They are no products of the step, for the layout's rules say what these are and older layouts know none. The worker
//! names them in `byproducts.checkpoints` of the `run_training` link that it signs, by epoch, digest and size.

use serde::{Deserialize, Serialize};

use crate::{ArtifactPath, Digest, intoto::Link};

/// The byproduct of `run_training` that names them.
pub const CHECKPOINTS: &str = "checkpoints";

/// The checkpoints of a training that its bundle has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeptCheckpoints {
    /// What they are of, as they themselves say it: the worker's digest over job, inputs and program.
    pub belongs_to: Digest,
    /// Each of them, the oldest first.
    pub kept: Vec<KeptCheckpoint>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptCheckpoint {
    /// The last epoch that it holds, counted from 1.
    pub epoch: u32,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

impl KeptCheckpoints {
    /// What a `run_training` link names; `None` when none were kept.
    ///
    /// # Errors
    /// When it is not of the form that this version knows, or names an epoch twice.
    pub fn of(link: &Link) -> Result<Option<Self>, String> {
        let Some(value) = link.byproducts.get(CHECKPOINTS) else {
            return Ok(None);
        };
        let found = Self::deserialize(value).map_err(|error| format!("malformed: {error}"))?;
        match found.kept.is_sorted_by(|one, next| one.epoch < next.epoch) {
            true => Ok(Some(found)),
            false => Err("their epochs do not ascend".to_owned()),
        }
    }

    /// The one after this epoch.
    pub fn after(&self, epoch: u32) -> Option<&KeptCheckpoint> {
        self.kept.iter().find(|one| one.epoch == epoch)
    }
}

/// The path of a job's checkpoint in its bundle.
pub fn checkpoint_path(unique_dir: &str, epoch: u32) -> String {
    format!("{unique_dir}/checkpoints/checkpoint-{epoch}.safetensors")
}

/// Every checkpoint that a `run_training` link names, with its path in the bundle.
pub(crate) fn named(link: &Link) -> Result<Vec<(String, KeptCheckpoint)>, String> {
    let Some(found) = KeptCheckpoints::of(link)? else {
        return Ok(Vec::new());
    };
    let mut paths = link.products.keys();
    let unique_dir = paths.find_map(|path| Some(ArtifactPath::parse(path).ok()?.unique_dir));
    let unique_dir = unique_dir.ok_or("the link has no products beside which they could lie")?;
    let path = |one: KeptCheckpoint| (checkpoint_path(unique_dir, one.epoch), one);
    Ok(found.kept.into_iter().map(path).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn link(epochs: &[u32]) -> Link {
        let mut link = Link::new("run_training", Vec::new());
        let one = |epoch: &u32| json!({"epoch": epoch, "sha256": Digest::of(b"x"), "bytes": 1});
        let kept: Vec<_> = epochs.iter().map(one).collect();
        let all = json!({"belongs-to": Digest::of(b"job"), "kept": kept});
        link.byproducts.insert(CHECKPOINTS.to_owned(), all);
        link.products
            .insert("d/outputs/logs.txt".to_owned(), Digest::of(b"log"));
        link
    }

    #[test]
    fn they_lie_beside_the_products() {
        let named = named(&link(&[2, 5])).unwrap();
        let paths: Vec<_> = named.into_iter().map(|(path, _)| path).collect();
        let path = |epoch| format!("d/checkpoints/checkpoint-{epoch}.safetensors");
        assert_eq!(paths, [path(2), path(5)]);
        let found = KeptCheckpoints::of(&link(&[2, 5])).unwrap().unwrap();
        assert_eq!(found.after(5).map(|one| one.bytes), Some(1));
        assert_eq!(found.after(3), None);
    }

    #[test]
    fn one_epoch_has_one_checkpoint() {
        assert!(KeptCheckpoints::of(&link(&[2, 2])).is_err());
        assert!(named(&link(&[5, 2])).is_err());
        let none = Link::new("run_training", Vec::new());
        assert_eq!(KeptCheckpoints::of(&none), Ok(None));
    }
}
