//! What the trainer may open: its program and libraries, the inputs, the output folder. Nothing else.

use std::{fs, io, path::Path};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, make_bitflags,
};

use super::elf;
use crate::sandbox::{Isolation, Mechanism};

/// The newest rights that are asked for; an older kernel enforces those that it knows.
const NEWEST: ABI = ABI::V7;
/// Where shared libraries lie. They can be read, but of what lies there only the loader can be executed.
const LIBRARIES: [&str; 5] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",
];
/// What the processor's caches are like. Arithmetic libraries size their blocks by it, so hiding it would make results
/// inside the room differ in their last bits from those outside; it tells nothing of anybody.
const HARDWARE: &str = "/sys/devices/system/cpu";

/// Builds the rules while the room can still be reached: afterwards the user may lack the way to it.
pub(super) fn prepare(trainer: &Path, room: &Path) -> Result<RulesetCreated, String> {
    build(trainer, room).map_err(|error| error.to_string())
}

fn build(trainer: &Path, room: &Path) -> Result<RulesetCreated, Box<dyn std::error::Error>> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let run = make_bitflags!(AccessFs::{ReadFile | Execute});
    let write = make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | MakeReg | RemoveFile});

    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rule(beneath(trainer, run)?)?
        .add_rule(beneath(&room.join("in"), read)?)?
        .add_rule(beneath(&room.join("out"), write)?)?;
    if Path::new(HARDWARE).is_dir() {
        rules = rules.add_rule(beneath(Path::new(HARDWARE), read)?)?;
    }
    if let Some(loader) = elf::interpreter(trainer)? {
        rules = rules.add_rule(beneath(&loader, run)?)?;
        if let Some(folder) = loader.canonicalize()?.parent() {
            rules = rules.add_rule(beneath(folder, read)?)?;
        }
        for library in LIBRARIES.map(Path::new) {
            if library.is_dir() {
                rules = rules.add_rule(beneath(library, read)?)?;
            } else if library.is_file() {
                rules = rules.add_rule(beneath(library, AccessFs::ReadFile.into())?)?;
            }
        }
    }
    Ok(rules)
}

fn beneath(
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<PathBeneath<PathFd>, landlock::PathFdError> {
    Ok(PathBeneath::new(PathFd::new(path)?, access))
}

/// Applies the rules to this process for good and records what the kernel took of them.
pub(super) fn enforce(prepared: Result<RulesetCreated, String>, isolation: &mut Isolation) {
    let abi = prepared.and_then(|rules| restrict(rules).map_err(|error| error.to_string())?);
    let since = |first: ABI, detail: &str| match &abi {
        Ok(abi) if *abi >= first => Ok(format!("ABI {}, {detail}", *abi as i32)),
        Ok(abi) => Err(format!(
            "the kernel has Landlock ABI {}, this needs ABI {}",
            *abi as i32, first as i32
        )),
        Err(reason) => Err(reason.clone()),
    };
    let files = since(ABI::V1, "inputs read-only, one output folder");
    let net = since(ABI::V4, "no TCP");
    let scope = since(ABI::V6, "no signals, no abstract sockets");
    isolation.record(Mechanism::LandlockFilesystem, files.and_then(confirm));
    isolation.record(Mechanism::LandlockNetwork, net);
    isolation.record(Mechanism::LandlockScope, scope);
}

fn restrict(rules: RulesetCreated) -> Result<Result<ABI, String>, RulesetError> {
    let status = rules.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotImplemented) => {
            Err("this kernel was built without Landlock".to_owned())
        }
        (RulesetStatus::NotEnforced, _) => {
            Err("Landlock is not enabled at boot (lsm=landlock,…)".to_owned())
        }
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi),
        _ => Err("Landlock reported rules in force without an ABI".to_owned()),
    })
}

/// The root folder is readable to everyone on any machine, so only Landlock can refuse it.
fn confirm(detail: String) -> Result<String, String> {
    match fs::read_dir("/") {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(detail),
        _ => Err("the rules were accepted, yet / can still be read".to_owned()),
    }
}
