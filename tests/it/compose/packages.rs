//! Images made of this machine's own Debian packages, since none can be pulled.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
};

use super::engine::Engine;

/// What the servers name as needed and do not need to serve.
const LEFT_OUT: [&str; 13] = [
    "adduser",
    "debconf",
    "dpkg",
    "init-system-helpers",
    "libllvm14",
    "libpython3-stdlib",
    "locales",
    "perl",
    "perl-modules-5.36",
    "postgresql-common",
    "python3",
    "systemd",
    "systemd-sysv",
];

/// Files that belong to no package, and are needed.
const OTHERS: [&str; 10] = [
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/usr/bin/awk",
];

/// An image of these packages and all that they need.
pub(super) fn image(engine: &Engine, name: &str, packages: &[&str]) {
    let all = closure(packages);
    let list = std::env::temp_dir().join(format!("assay-packages-{}", std::process::id()));
    let mut names = Vec::new();
    for path in files(&all) {
        names.extend_from_slice(path.as_os_str().as_bytes());
        names.push(0);
    }
    fs::write(&list, names).unwrap();
    let mut tar = Command::new("tar")
        .args(["--create", "--directory=/", "--no-recursion", "--null"])
        .arg("--files-from")
        .arg(&list)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let archive = tar.stdout.take().unwrap();
    engine.import(name, archive);
    assert!(tar.wait().unwrap().success(), "tar of {packages:?}");
    fs::remove_file(list).unwrap();
}

/// The packages, and those that they need, among what is installed.
fn closure(packages: &[&str]) -> BTreeSet<String> {
    let told = said(
        "dpkg-query",
        &[
            "--show",
            "--showformat",
            "${Package}\t${Provides}\t${Pre-Depends}, ${Depends}\n",
        ],
    );
    let mut needs: HashMap<&str, &str> = HashMap::new();
    let mut given: HashMap<&str, &str> = HashMap::new();
    for line in told.lines() {
        let mut columns = line.split('\t');
        let (package, provides) = (columns.next().unwrap(), columns.next().unwrap());
        needs.insert(package, columns.next().unwrap());
        given.extend(provides.split(',').map(|name| (first_word(name), package)));
    }
    let mut found = BTreeSet::new();
    let mut next: Vec<&str> = packages.to_vec();
    while let Some(package) = next.pop() {
        if LEFT_OUT.contains(&package) || !found.insert(package.to_owned()) {
            continue;
        }
        let needed = needs.get(package).copied();
        let needed = needed.unwrap_or_else(|| panic!("the package {package} is not installed"));
        for choice in needed.split(',') {
            let known = |name: &'_ str| {
                let name = first_word(name);
                needs
                    .get_key_value(name)
                    .map(|(name, _)| *name)
                    .or_else(|| given.get(name).copied())
            };
            next.extend(choice.split('|').find_map(known));
        }
    }
    found
}

/// The name in `name:any (>= 1.0)`.
fn first_word(text: &str) -> &str {
    let text = text.trim();
    text.split([' ', ':', '(']).next().unwrap_or(text)
}

/// The paths of everything in these packages, below `/`, each after its folder.
fn files(packages: &BTreeSet<String>) -> BTreeSet<PathBuf> {
    let mut arguments = vec!["--listfiles"];
    arguments.extend(packages.iter().map(String::as_str));
    let told = said("dpkg-query", &arguments);
    let mut all = BTreeSet::new();
    let listed = told
        .lines()
        .filter(|line| line.starts_with('/'))
        .map(PathBuf::from);
    let others = OTHERS.iter().map(PathBuf::from);
    let links = fs::read_dir("/etc/alternatives").unwrap();
    let links = links.map(|entry| entry.unwrap().path());
    for path in listed.chain(others).chain(links) {
        if wanted(&path) {
            add(&mut all, &path);
        }
    }
    all
}

fn wanted(path: &Path) -> bool {
    [
        "/usr/share/doc",
        "/usr/share/man",
        "/usr/share/locale",
        "/usr/share/info",
        "/boot",
    ]
    .iter()
    .all(|left_out| !path.starts_with(left_out))
        && path.symlink_metadata().is_ok()
}

/// Adds a path with its folders; where one of them is a link, the link and what it leads to.
fn add(all: &mut BTreeSet<PathBuf>, path: &Path) {
    let mut real = PathBuf::from("/");
    let parts: Vec<_> = path
        .components()
        .filter(|part| *part != Component::RootDir)
        .collect();
    for (at, part) in parts.iter().enumerate() {
        real.push(part);
        all.insert(real.strip_prefix("/").unwrap().to_owned());
        let last = at + 1 == parts.len();
        if !last && real.is_symlink() {
            real = real.canonicalize().unwrap();
            add(all, &real.clone());
        }
    }
    all.remove(Path::new(""));
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
