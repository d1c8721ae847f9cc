//! Bytes into an S3 server and out of it again through the store, against curl with the same bytes.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use assay_platform::{
    Config,
    store::{Store, s3::S3},
};
use assay_test_parts::Buckets;

use crate::print;

pub(crate) fn run(mib: u64) -> anyhow::Result<()> {
    let server = assay_test_parts::S3::start()?;
    let buckets = Buckets::create_on(&server.url(), &["training-jobs", "curl"])?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    write(&data, mib)?;
    let store = open(&buckets, folder.path())?;
    let before = resident()?;
    let runtime = tokio::runtime::Runtime::new()?;

    let target = format!("{}/{}/data", buckets.endpoint(), buckets.name("curl"));
    // In turns, so that both meet the same server; the better of three.
    let (mut up, mut down) = ([f64::INFINITY; 2], [f64::INFINITY; 2]);
    for _ in 0..3 {
        let began = Instant::now();
        let stored = runtime.block_on(store.put_open_file(File::open(&data)?))?;
        up[0] = up[0].min(began.elapsed().as_secs_f64());
        up[1] = up[1].min(curl(&buckets, &["-T", path(&data)?, &target])?);

        let to = folder.path().join("fetched");
        let began = Instant::now();
        runtime.block_on(store.fetch(stored.digest, &to))?;
        down[0] = down[0].min(began.elapsed().as_secs_f64());
        fs::remove_file(&to)?;
        down[1] = down[1].min(curl(&buckets, &["-o", path(&to)?, &target])?);
        fs::remove_file(&to)?;
    }
    let after = resident()?;
    for (way, [ours, theirs]) in [("in", up), ("out", down)] {
        print(format!(
            "{mib} MiB {way}: ours {ours:.2} s with checksums ({:.0} MiB/s), curl {theirs:.2} s without, ratio {:.2}",
            mib as f64 / ours,
            ours / theirs
        ));
    }
    print(format!(
        "memory: {:.1} MB more at most than before",
        after.saturating_sub(before) as f64 / 1e3
    ));
    Ok(())
}

fn write(path: &Path, mib: u64) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    let block: Vec<u8> = (0..1_u32 << 18)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    for _ in 0..mib {
        file.write_all(&block)?;
    }
    Ok(file.sync_all()?)
}

fn open(buckets: &Buckets, folder: &Path) -> anyhow::Result<Store> {
    let mut config = Config::in_dir(folder)?.store;
    let secret = folder.join("secret");
    fs::write(&secret, buckets.secret())?;
    config.endpoint = buckets.endpoint().to_owned();
    config.access_key = buckets.key().to_owned();
    config.secret_key_file = secret;
    config.bucket_jobs = buckets.name("training-jobs");
    Ok(Store::S3(S3::open(config, folder.join("rooms"))?))
}

/// Seconds that curl takes.
fn curl(buckets: &Buckets, what: &[&str]) -> anyhow::Result<f64> {
    let account = format!("{}:{}", buckets.key(), buckets.secret());
    let began = Instant::now();
    let status = Command::new("curl")
        .args(["-sf", "--aws-sigv4", "aws:amz:us-east-1:s3", "-u", &account])
        .args(["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"])
        .args(what)
        .stdout(Stdio::null())
        .status()
        .context("curl")?;
    ensure!(status.success(), "curl ended with {status}");
    Ok(began.elapsed().as_secs_f64())
}

fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is no text")
}

/// The most memory that this process ever had, in kB.
fn resident() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmHWM")?.parse()?)
}
