//! What workers are called.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
};

use assay_attest::PublicKey;
use uuid::Uuid;

use crate::owned;

/// The file that tells a folder from all others.
const FILE: &str = "worker.id";
/// Letters of what it holds.
const LETTERS: usize = 8;
/// Letters of a machine's name that are shown.
const HOST: usize = 40;

/// What proofs call a worker: by its key.
pub fn signer_name(key: &PublicKey) -> String {
    format!("worker-{}", key.keyid().short())
}

/// What the worker in this folder is called in the database and in logs.
///
/// By its key, its machine, and a word that is the folder's own and stays: so it is the same after a restart, and no two
/// that run at once share it, whatever keys they have.
///
/// # Errors
/// The folder's word cannot be read, or not be made where there is none.
pub fn process_name(dir: &Path, signer: &str) -> io::Result<String> {
    let word = read_or_make(&dir.join(FILE))?;
    Ok(format!("{signer}-{}-{word}", host()))
}

/// The machine's name, as far as it fits an address.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    fitting(&name)
}

fn fitting(name: &str) -> String {
    let letters = name.trim().chars().take(HOST);
    let fitting: String = letters
        .map(|letter| match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => letter,
            _ => '-',
        })
        .collect();
    match fitting.trim_matches('-') {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}

fn read_or_make(path: &Path) -> io::Result<String> {
    match owned::open_plain(path) {
        Ok(file) => {
            let mut word = String::new();
            file.take(64).read_to_string(&mut word)?;
            let word = word.trim();
            let is_one = word.len() == LETTERS && word.bytes().all(|one| one.is_ascii_hexdigit());
            return if is_one {
                Ok(word.to_owned())
            } else {
                let text = format!("{} holds no worker's word; remove it", path.display());
                Err(io::Error::new(io::ErrorKind::InvalidData, text))
            };
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut word = Uuid::new_v4().simple().to_string();
    word.truncate(LETTERS);
    let draft = path.with_extension("draft");
    let mut file = owned::create_private(&draft)?;
    file.set_len(0)?;
    file.write_all(word.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_word_and_two_differ() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = process_name(one.path(), "worker-0a").unwrap();
        assert_eq!(process_name(one.path(), "worker-0a").unwrap(), first);
        let second = process_name(two.path(), "worker-0a").unwrap();
        assert_ne!(first, second);
        assert!(first.starts_with(&format!("worker-0a-{}-", host())));
        fs::write(one.path().join(FILE), "../..").unwrap();
        let error = process_name(one.path(), "worker-0a").unwrap_err();
        assert!(error.to_string().contains("remove it"), "{error}");
    }

    #[test]
    fn a_machines_name_fits_an_address() {
        for (name, shown) in [
            ("Build_7.example.org\n", "build-7-example-org"),
            ("  ", "unnamed"),
            ("--", "unnamed"),
            (&"x".repeat(70), &"x".repeat(40)),
        ] {
            assert_eq!(fitting(name), *shown);
        }
    }
}
