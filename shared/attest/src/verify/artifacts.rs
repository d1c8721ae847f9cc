use std::collections::BTreeSet;

use super::Report;
use crate::{
    ArtifactPath, IMAGE_PATH, OUTPUT_NAMES, Role,
    intoto::{Artifacts, Link},
};

/// Checks what layout rules cannot say: that a job has each of its inputs and outputs exactly once, all in one folder.
pub(super) fn check_paths(ingest: Option<&Link>, training: Option<&Link>, report: &mut Report) {
    let compared = "the artifacts of the links with those that a job must have";
    if ingest.is_none() && training.is_none() {
        report.skipped("artifact-paths", compared, "there is no verified link");
        return;
    }
    let inputs = || Role::INPUTS.map(|role| (role, "")).into();
    let outputs = || OUTPUT_NAMES.map(|name| (Role::Output, name)).into();
    let mut dirs = BTreeSet::new();
    let mut look = |artifacts, expected| compare(artifacts, expected, &mut dirs);
    let result = (|| {
        if let Some(link) = ingest {
            look(&link.products, inputs())?;
        }
        if let Some(link) = training {
            look(&link.materials, inputs())?;
            look(&link.products, outputs())?;
        }
        Ok(())
    })();
    let one_dir = result.and_then(|()| match dirs.len() {
        1 => Ok(()),
        _ => Err(format!("they lie in {} folders; expected one", dirs.len())),
    });
    report.made("artifact-paths", compared, one_dir);
}

fn compare<'a>(
    artifacts: &'a Artifacts,
    mut missing: BTreeSet<(Role, &'a str)>,
    dirs: &mut BTreeSet<&'a str>,
) -> Result<(), String> {
    // The image is no file of the job: the layout's rules say where it may stand.
    let mut optional = BTreeSet::from(Role::OPTIONAL_INPUTS);
    let takes_inputs = missing.iter().any(|(role, _)| *role != Role::Output);
    for path in artifacts.keys().filter(|path| *path != IMAGE_PATH) {
        let parsed = ArtifactPath::parse(path).map_err(|error| error.to_string())?;
        let name = if parsed.role == Role::Output {
            parsed.file
        } else {
            ""
        };
        let expected =
            missing.remove(&(parsed.role, name)) || (takes_inputs && optional.remove(&parsed.role));
        if !expected {
            return Err(format!("{path} is not expected there, or is there twice"));
        }
        dirs.insert(parsed.unique_dir);
    }
    match missing.first() {
        None => Ok(()),
        Some((role, name)) => Err(format!("there is no {role:?} {name}").trim_end().to_owned()),
    }
}
