//! What Trivy needs to find something without a network: a database of a few vulnerabilities, and an image.
//!
//! The vulnerabilities are real ones, the versions that mend them are invented: this proves the way of a finding, not
//! Trivy's knowledge.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::names;

/// The release of Debian that fixtures speak of.
const RELEASE: &str = "debian 12";
/// Bytes of a page of the database (bbolt's file format, version 2).
const PAGE: usize = 4096;
const PAGE_HEADER: usize = 16;
const ELEMENT: usize = 16;
const LEAF: u16 = 2;
const META: u16 = 4;
const FREE_LIST: u16 = 16;

/// A vulnerability in the fixture's database.
#[derive(Debug, Clone, Copy)]
pub struct Vulnerability {
    /// Its id.
    pub id: &'static str,
    /// `CRITICAL`, `HIGH`, `MEDIUM`, `LOW`.
    pub severity: &'static str,
    /// The source package of Debian.
    pub package: &'static str,
    /// The version that mends it: every older one has it.
    pub fixed: &'static str,
}

/// One of zlib, which every image has.
pub const ZLIB: Vulnerability = Vulnerability {
    id: "CVE-2023-45853",
    severity: "CRITICAL",
    package: "zlib",
    fixed: "1:99.0-1",
};

/// What Trivy reads of a Debian image, with one package: `zlib1g` of the source `zlib`, older than any fix.
pub const DEBIAN: [(&str, &str); 3] = [
    ("etc/os-release", OS_RELEASE),
    ("etc/debian_version", "12.1\n"),
    ("var/lib/dpkg/status", DPKG_STATUS),
];
const DPKG_STATUS: &str = "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\n\
                               Version: 1:1.2.13.dfsg-1\nMaintainer: nobody\nDescription: compression\n\n";
const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";

/// The Trivy program that the environment names.
///
/// # Errors
/// The variable is not set.
pub fn program() -> anyhow::Result<PathBuf> {
    Ok(names::of(names::TRIVY)?.into())
}

/// Writes Trivy's database to its cache folder, as of `updated` (RFC 3339). An older one there is replaced.
///
/// # Errors
/// A file cannot be written.
pub fn write_database(
    cache: &Path,
    updated: &str,
    vulnerabilities: &[Vulnerability],
) -> anyhow::Result<()> {
    let mut fixes: Buckets = BTreeMap::new();
    let mut details: Buckets = BTreeMap::new();
    for one in vulnerabilities {
        let fix = Node::Value(json!({ "FixedVersion": one.fixed }).to_string());
        let package = fixes
            .entry(one.package.to_owned())
            .or_insert_with(|| Node::Bucket(BTreeMap::new()));
        if let Node::Bucket(package) = package {
            package.insert(one.id.to_owned(), fix);
        }
        let detail = json!({"Title": format!("{}: a flaw", one.package), "Severity": one.severity});
        details.insert(one.id.to_owned(), Node::Value(detail.to_string()));
    }
    let source =
        json!({"ID": "debian", "Name": "Debian Security Tracker", "URL": "https://example.org"});
    let sources = BTreeMap::from([(RELEASE.to_owned(), Node::Value(source.to_string()))]);
    let root = BTreeMap::from([
        (RELEASE.to_owned(), Node::Bucket(fixes)),
        ("data-source".to_owned(), Node::Bucket(sources)),
        ("vulnerability".to_owned(), Node::Bucket(details)),
    ]);
    let folder = cache.join("db");
    fs::create_dir_all(&folder)?;
    replace(&folder.join("trivy.db"), &database(&root))?;
    let about = json!({
        "Version": 2, "UpdatedAt": updated, "DownloadedAt": updated, "NextUpdate": updated,
    });
    replace(&folder.join("metadata.json"), about.to_string().as_bytes())
}

/// A scan may be reading the old file.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)?;
    Ok(())
}

type Buckets = BTreeMap<String, Node>;

enum Node {
    Bucket(Buckets),
    Value(String),
}

/// A bbolt file: two meta pages, an empty list of free pages, and a leaf page for each bucket.
fn database(root: &Buckets) -> Vec<u8> {
    let mut pages = Vec::new();
    let root = bucket(root, &mut pages);
    let high = 3 + (pages.len() / PAGE) as u64;
    let mut file = Vec::new();
    for transaction in 0..2_u64 {
        let mut meta = Vec::new();
        for number in [0xED0C_DAED_u32, 2, PAGE as u32, 0] {
            meta.extend(number.to_le_bytes());
        }
        for number in [root, 0, 2, high, transaction] {
            meta.extend(number.to_le_bytes());
        }
        meta.extend(fnv_1a(&meta).to_le_bytes());
        file.extend(page(transaction, META, 0, &meta));
    }
    file.extend(page(2, FREE_LIST, 0, &[]));
    file.extend(pages);
    file
}

/// Adds a bucket's page behind those of the buckets in it; gives its number.
fn bucket(nodes: &Buckets, pages: &mut Vec<u8>) -> u64 {
    let items: Vec<(&str, u32, Vec<u8>)> = nodes
        .iter()
        .map(|(key, node)| match node {
            Node::Value(text) => (key.as_str(), 0, text.clone().into_bytes()),
            Node::Bucket(inner) => {
                let mut value = bucket(inner, pages).to_le_bytes().to_vec();
                value.extend(0_u64.to_le_bytes());
                (key.as_str(), 1, value)
            }
        })
        .collect();
    let (mut heads, mut data): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    for (index, (key, flags, value)) in items.iter().enumerate() {
        // Counted from the element's own place.
        let position = ELEMENT * (items.len() - index) + data.len();
        for number in [
            *flags,
            position as u32,
            key.len() as u32,
            value.len() as u32,
        ] {
            heads.extend(number.to_le_bytes());
        }
        data.extend(key.as_bytes());
        data.extend(value);
    }
    heads.extend(data);
    let number = 3 + (pages.len() / PAGE) as u64;
    pages.extend(page(number, LEAF, items.len() as u16, &heads));
    number
}

fn page(number: u64, flags: u16, count: u16, body: &[u8]) -> Vec<u8> {
    let size = (PAGE_HEADER + body.len()).next_multiple_of(PAGE);
    let mut page = number.to_le_bytes().to_vec();
    page.extend(flags.to_le_bytes());
    page.extend(count.to_le_bytes());
    page.extend(((size / PAGE - 1) as u32).to_le_bytes());
    page.extend(body);
    page.resize(size, 0);
    page
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Writes an archive, as `docker save` does, of an image with one layer of these files. Uses the machine's `tar` and
/// `sha256sum`.
///
/// # Errors
/// A file cannot be written, or a program is missing.
pub fn write_image(archive: &Path, files: &[(&str, &str)]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root");
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().context("a file's folder")?)?;
        fs::write(path, text)?;
    }
    let layer = folder.path().join("layer.tar");
    tar(&root, &layer)?;
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer)?)]},
    });
    let out = folder.path().join("image");
    fs::create_dir(&out)?;
    fs::write(out.join("config.json"), config.to_string())?;
    fs::rename(layer, out.join("layer.tar"))?;
    let manifest = json!([{"Config": "config.json", "RepoTags": null, "Layers": ["layer.tar"]}]);
    fs::write(out.join("manifest.json"), manifest.to_string())?;
    let draft = archive.with_extension("draft");
    tar(&out, &draft)?;
    fs::rename(draft, archive)?;
    Ok(())
}

fn tar(folder: &Path, to: &Path) -> anyhow::Result<()> {
    let mut names: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()?;
    names.sort();
    let done = Command::new("tar")
        .args([
            "--format=ustar",
            "--owner=0",
            "--group=0",
            "--mtime=@0",
            "-C",
        ])
        .arg(folder)
        .arg("-cf")
        .arg(to)
        .args(names)
        .status()
        .context("tar")?;
    ensure!(done.success(), "tar: {done}");
    Ok(())
}

fn sha256(path: &Path) -> anyhow::Result<String> {
    let told = Command::new("sha256sum")
        .arg(path)
        .output()
        .context("sha256sum")?;
    let text = String::from_utf8(told.stdout)?;
    let digest = text
        .split_whitespace()
        .next()
        .context("sha256sum's answer")?;
    Ok(digest.to_owned())
}
