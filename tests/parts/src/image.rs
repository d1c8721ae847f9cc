//! Images of a test's own: a program of ours, the libraries that it needs, and nothing else.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use bollard::{
    API_DEFAULT_VERSION, Docker, body_full,
    query_parameters::{CreateImageOptionsBuilder, RemoveImageOptionsBuilder},
};
use futures_util::StreamExt as _;

use crate::{blocking, names};

/// Seconds that an engine may take to answer.
const PATIENCE: u64 = 120;
const BLOCK: usize = 512;

/// An image in the shared engine; removed with the value.
#[derive(Debug)]
pub struct Image {
    engine: String,
    name: String,
}

impl Image {
    /// Makes one from a program of this machine, as `/<its name>`, in the engine that the environment names. `changes`
    /// are lines of a Dockerfile, as `LABEL a=b`.
    pub fn of_program(program: &Path, changes: &[&str]) -> anyhow::Result<Self> {
        Self::of_program_on(&names::of(names::DOCKER)?, program, changes)
    }

    /// The same in the engine at this address, `unix:///…`.
    pub fn of_program_on(engine: &str, program: &Path, changes: &[&str]) -> anyhow::Result<Self> {
        let name = program.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{} has no name", program.display()))?;
        let mut files = BTreeMap::from([(name.to_owned(), program.to_owned())]);
        files.extend(libraries(program)?);
        let archive = archive(&files)?;
        let this = Self {
            engine: engine.to_owned(),
            name: format!("assay-test-{name}:{}", uuid::Uuid::new_v4().simple()),
        };
        let docker = this.connect()?;
        let (repository, tag) = this.name.split_once(':').context("a tag")?;
        let options = CreateImageOptionsBuilder::default()
            .from_src("-")
            .repo(repository)
            .tag(tag)
            .changes(changes.iter().map(|line| (*line).to_owned()).collect())
            .build();
        blocking::run(async move {
            let body = body_full(archive.into());
            let mut told = docker.create_image(Some(options), Some(body), None);
            while let Some(line) = told.next().await {
                line.context("importing an image")?;
            }
            Ok(())
        })?;
        Ok(this)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the name means: `sha256:…`.
    pub fn id(&self) -> anyhow::Result<String> {
        let docker = self.connect()?;
        blocking::run(async {
            let found = docker.inspect_image(&self.name).await?;
            found.id.context("an image without an id")
        })
    }

    fn connect(&self) -> anyhow::Result<Docker> {
        let path = self.engine.strip_prefix("unix://");
        let path = path.with_context(|| format!("{} is not unix:///…", self.engine))?;
        Ok(Docker::connect_with_unix(
            path,
            PATIENCE,
            API_DEFAULT_VERSION,
        )?)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let Ok(docker) = self.connect() else {
            return;
        };
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        // What cannot be removed goes with the engine.
        let _left = blocking::run(async {
            docker.remove_image(&self.name, Some(options), None).await?;
            Ok(())
        });
    }
}

/// The shared libraries of a program, by the paths at which it looks for them.
fn libraries(program: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let told = Command::new("ldd").arg(program).output().context("ldd")?;
    let text = String::from_utf8_lossy(&told.stdout);
    // A static program has none, and ldd then says so on the other stream.
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    let named = words.map(|path| {
        let from = fs::canonicalize(path).with_context(|| path.to_owned())?;
        Ok((path.trim_start_matches('/').to_owned(), from))
    });
    named.collect()
}

/// A tar archive (POSIX ustar) of these files, each readable and executable by everybody.
fn archive(files: &BTreeMap<String, PathBuf>) -> anyhow::Result<Vec<u8>> {
    let mut all = Vec::new();
    for (name, from) in files {
        let bytes = fs::read(from).with_context(|| from.display().to_string())?;
        all.extend(header(name, bytes.len())?);
        all.extend(&bytes);
        all.resize(all.len().next_multiple_of(BLOCK), 0);
    }
    all.resize(all.len() + 2 * BLOCK, 0);
    Ok(all)
}

fn header(name: &str, bytes: usize) -> anyhow::Result<Vec<u8>> {
    ensure!(name.len() < 100, "{name} is too long a name");
    let mut block = vec![0; BLOCK];
    let mut put = |at: usize, text: &str| {
        for (to, from) in block.iter_mut().skip(at).zip(text.bytes()) {
            *to = from;
        }
    };
    put(0, name);
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{bytes:011o}\0"));
    put(136, "00000000000\0");
    // The checksum counts as spaces in itself.
    put(148, "        0");
    put(257, "ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    for (to, from) in block.iter_mut().skip(148).zip(sum.bytes()) {
        *to = from;
    }
    Ok(block)
}
