//! Model signatures and digests, against `openssl dgst -sha256` over the same bytes in the same run.
//!
//! Processor time where one stream is compared with one stream, since the wall clock belongs to everyone; wall time
//! where the point is that two cores work.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, ensure};

use crate::{hash::used, print};

/// Each figure is the least of so many.
const TIMES: usize = 4;
const MIB: u64 = 1 << 20;

pub(crate) fn run(mib: u64, python: Option<PathBuf>) -> anyhow::Result<()> {
    let assay = std::env::current_exe()?.with_file_name("assay");
    ensure!(
        assay.exists(),
        "{} is missing; build the workspace first",
        assay.display()
    );
    let dir = tempfile::tempdir()?;
    let bench = Bench {
        assay,
        at: dir.path(),
    };
    let key = assay_attest::SigningKey::generate();
    fs::write(dir.path().join("key.pem"), key.to_pkcs8_pem()?.as_bytes())?;
    fs::write(dir.path().join("key.pub"), key.public().to_pem())?;
    bench.one_file(mib)?;
    bench.many_files(mib)?;
    bench.weights(mib)?;
    match python {
        Some(python) => bench.safemodels(&python),
        None => {
            print(
                "safe_hash against safemodels: not measured; name a Python with safetensors, numpy and tqdm (--python) and safemodels' folder in SAFEMODELS",
            );
            Ok(())
        }
    }
}

struct Bench<'a> {
    assay: PathBuf,
    at: &'a Path,
}

/// Seconds of a command: processor time of it and its threads, and by the wall clock.
struct Seconds {
    cpu: f64,
    wall: f64,
}

impl Bench<'_> {
    fn one_file(&self, mib: u64) -> anyhow::Result<()> {
        fs::create_dir(self.at.join("model"))?;
        fill(&self.at.join("model/weights.bin"), mib, 1)?;
        let openssl = self.least("openssl", &["dgst", "-sha256", "model/weights.bin"])?;
        let sign = self.ours(&[
            "sign",
            "model",
            "--key",
            "key.pem",
            "--signature",
            "model.sig",
        ])?;
        let verify = self.ours(&[
            "verify",
            "model",
            "--key",
            "key.pub",
            "--signature",
            "model.sig",
        ])?;
        for (name, taken) in [("sign", &sign), ("verify", &verify)] {
            print(format!(
                "{name} a model of {mib} MiB: {:.3} s of processor time, openssl {:.3} s, ratio {:.2}",
                taken.cpu,
                openssl.cpu,
                taken.cpu / openssl.cpu
            ));
        }
        fs::remove_dir_all(self.at.join("model"))?;
        Ok(())
    }

    fn many_files(&self, mib: u64) -> anyhow::Result<()> {
        fs::create_dir(self.at.join("many"))?;
        let names: Vec<String> = (0..8).map(|number| format!("many/{number}.bin")).collect();
        for (number, name) in (0..).zip(&names) {
            fill(&self.at.join(name), mib / 8, number)?;
        }
        let mut arguments = vec!["dgst", "-sha256"];
        arguments.extend(names.iter().map(String::as_str));
        let openssl = self.least("openssl", &arguments)?;
        let sign = self.ours(&[
            "sign",
            "many",
            "--key",
            "key.pem",
            "--signature",
            "many.sig",
        ])?;
        let verify = self.ours(&[
            "verify",
            "many",
            "--key",
            "key.pub",
            "--signature",
            "many.sig",
        ])?;
        for (name, taken) in [("sign", &sign), ("verify", &verify)] {
            print(format!(
                "{name} 8 files of {} MiB: {:.3} s by the clock, openssl one after the other {:.3} s, ratio {:.2}",
                mib / 8,
                taken.wall,
                openssl.wall,
                taken.wall / openssl.wall
            ));
        }
        fs::remove_dir_all(self.at.join("many"))?;
        Ok(())
    }

    /// A safetensors file: its tensor digest, and its metadata changed and signed anew.
    fn weights(&self, mib: u64) -> anyhow::Result<()> {
        self.write_weights(mib)?;
        let openssl = self.least("openssl", &["dgst", "-sha256", "w.safetensors"])?;
        self.ours(&["sign", "w.safetensors", "--key", "key.pem"])?;
        let verify = self.ours(&["verify", "w.safetensors", "--key", "key.pub"])?;
        print(format!(
            "tensor digest of {mib} MiB (verify): {:.3} s of processor time, openssl's SHA-256 {:.3} s, ratio {:.2}",
            verify.cpu,
            openssl.cpu,
            verify.cpu / openssl.cpu
        ));
        let mut least = f64::INFINITY;
        for number in 0..TIMES * 2 {
            let set = format!("run={number}");
            let taken = self.once(
                &self.assay,
                &[
                    "model",
                    "meta",
                    "w.safetensors",
                    "--set",
                    &set,
                    "--key",
                    "key.pem",
                ],
            )?;
            least = least.min(taken.wall);
        }
        print(format!(
            "metadata of {mib} MiB changed and signed anew: {:.1} ms by the clock",
            least * 1e3
        ));
        Ok(())
    }

    fn safemodels(&self, python: &Path) -> anyhow::Result<()> {
        let folder = std::env::var("SAFEMODELS")
            .context("SAFEMODELS names the folder of safemodels 0.2.0")?;
        let script = format!(
            "import sys, importlib.util as u\ns = u.spec_from_file_location('h', '{folder}/safemodels/hash.py')\n\
             m = u.module_from_spec(s); s.loader.exec_module(m)\nprint(m.safe_hash(sys.argv[1]))"
        );
        let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..TIMES {
            theirs = theirs.min(self.once(python, &["-c", &script, "w.safetensors"])?.cpu);
            ours = ours.min(
                self.once(
                    &self.assay,
                    &["model", "hash", "w.safetensors", "--safe-hash"],
                )?
                .cpu,
            );
        }
        print(format!(
            "safe_hash: {ours:.3} s of processor time, safemodels {theirs:.3} s, ratio {:.2}",
            ours / theirs
        ));
        Ok(())
    }

    fn write_weights(&self, mib: u64) -> anyhow::Result<()> {
        let (count, each) = (16, mib * MIB / 16);
        let tensors: Vec<String> = (0..count)
            .map(|n| {
                format!(
                    "\"w{n}\":{{\"dtype\":\"F32\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                    each / 4,
                    n * each,
                    (n + 1) * each
                )
            })
            .collect();
        let header = format!("{{{}}}", tensors.join(","));
        let data = self.at.join("data");
        fill(&data, mib, 3)?;
        let mut file = File::create(self.at.join("w.safetensors"))?;
        std::io::Write::write_all(&mut file, &(header.len() as u64).to_le_bytes())?;
        std::io::Write::write_all(&mut file, header.as_bytes())?;
        std::io::copy(&mut File::open(&data)?, &mut file)?;
        file.sync_all()?;
        fs::remove_file(data)?;
        Ok(())
    }

    fn ours(&self, arguments: &[&str]) -> anyhow::Result<Seconds> {
        let mut all = vec!["model"];
        all.extend(arguments);
        self.least(self.assay.to_str().context("a path that is no text")?, &all)
    }

    fn least(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Seconds> {
        let mut least = Seconds {
            cpu: f64::INFINITY,
            wall: f64::INFINITY,
        };
        for _ in 0..TIMES {
            let taken = self.once(Path::new(program), arguments)?;
            least.cpu = least.cpu.min(taken.cpu);
            least.wall = least.wall.min(taken.wall);
        }
        Ok(least)
    }

    fn once(&self, program: &Path, arguments: &[&str]) -> anyhow::Result<Seconds> {
        let before = used(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)?;
        let start = Instant::now();
        let output = Command::new(program)
            .current_dir(self.at)
            .args(arguments)
            .output()?;
        let wall = start.elapsed().as_secs_f64();
        ensure!(
            output.status.success(),
            "{} {arguments:?}: {}",
            program.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        let cpu = used(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)? - before;
        Ok(Seconds { cpu, wall })
    }
}

/// Bytes that no hash has it easy with.
fn fill(path: &Path, mib: u64, salt: u32) -> anyhow::Result<()> {
    let block: Vec<u8> = (0..1_u32 << 18)
        .flat_map(|n| {
            n.wrapping_add(salt)
                .wrapping_mul(2_654_435_761)
                .to_le_bytes()
        })
        .collect();
    let mut file = File::create(path)?;
    for _ in 0..mib {
        std::io::Write::write_all(&mut file, &block)?;
    }
    file.sync_all()?;
    Ok(())
}
