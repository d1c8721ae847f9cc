//! Hashing one file, against OpenSSL in the same run: processor time, since the wall clock belongs to everyone.

use std::{fs::File, io::Write, process::Command};

use nix::sys::resource::{UsageWho, getrusage};

use crate::print;

pub(crate) fn run(mib: u64) -> anyhow::Result<()> {
    let mut file = tempfile::NamedTempFile::new()?;
    let block: Vec<u8> = (0..1_u32 << 18)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    for _ in 0..mib {
        file.write_all(&block)?;
    }
    file.flush()?;
    let mut ours = f64::INFINITY;
    let mut theirs = f64::INFINITY;
    for _ in 0..4 {
        let before = used(UsageWho::RUSAGE_SELF)?;
        assay_attest::hash_reader(File::open(file.path())?)?;
        ours = ours.min(used(UsageWho::RUSAGE_SELF)? - before);

        let before = used(UsageWho::RUSAGE_CHILDREN)?;
        Command::new("openssl")
            .args(["dgst", "-sha256"])
            .arg(file.path())
            .output()?;
        theirs = theirs.min(used(UsageWho::RUSAGE_CHILDREN)? - before);
    }
    print(format!(
        "sha256 of {mib} MiB: ours {ours:.3} s, openssl {theirs:.3} s of processor time, ratio {:.2}",
        ours / theirs
    ));
    Ok(())
}

/// Processor time used so far, user and system, in seconds.
pub(crate) fn used(who: UsageWho) -> anyhow::Result<f64> {
    let usage = getrusage(who)?;
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
