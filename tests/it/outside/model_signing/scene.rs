//! A small model, a key, a certificate, and the two programs over them. Commands are words in one line; `@x` is a path.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::super::{python, show};
use crate::support::{assay, text};

pub(crate) struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with_root("secp384r1", "sha256")
    }

    /// A scene whose certificates are of a root with this curve and signed over this hash.
    pub(crate) fn with_root(curve: &str, hash: &str) -> Self {
        let scene = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let model = scene.model();
        fs::create_dir_all(model.join("sub")).unwrap();
        fs::create_dir(model.join(".git")).unwrap();
        for (path, content) in [
            ("config.json", "{}"),
            ("sub/ü b.bin", "0123"),
            ("sub.z", "z"),
            (".git/x", "x"),
            ("Z", ""),
        ] {
            fs::write(model.join(path), content).unwrap();
        }
        let extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
                          subjectAltName=email:ada@example.org\n";
        fs::write(scene.at("extensions"), extensions).unwrap();
        let root = format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:{curve} -{hash} -nodes -keyout root.pem -out root.crt \
             -days 30 -subj /CN=root -addext keyUsage=critical,keyCertSign"
        );
        let ada = format!(
            "x509 -req -in request -CA root.crt -CAkey root.pem -CAcreateserial -days 30 -{hash} -extfile extensions \
             -out ada.crt"
        );
        for line in [
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out key.pem",
            "pkey -in key.pem -pubout -out key.pub",
            &root,
            "req -new -key key.pem -subj /CN=ada -out request",
            &ada,
        ] {
            let output = scene.run(&mut Command::new("openssl"), line);
            assert!(output.status.success(), "{}", show(&output));
        }
        scene
    }

    pub(crate) fn at(&self, name: &str) -> String {
        text(&self.dir.path().join(name)).to_owned()
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.dir.path().join("model")
    }

    fn run(&self, command: &mut Command, line: &str) -> Output {
        command
            .current_dir(self.dir.path())
            .args(line.split_whitespace())
            .output()
            .unwrap()
    }

    /// `model_signing` in the scene's folder.
    pub(crate) fn theirs(&self, line: &str) -> Result<(), String> {
        let output = self.run(&mut python("model_signing"), line);
        if output.status.success() {
            Ok(())
        } else {
            Err(show(&output))
        }
    }

    /// `assay model` in the scene's folder.
    pub(crate) fn ours(&self, line: &str) -> Result<(), String> {
        let output = self.run(Command::new(assay()).arg("model"), line);
        if output.status.success() {
            Ok(())
        } else {
            Err(show(&output))
        }
    }
}

/// Makes changes that every verifier must refuse, each undone before the next.
pub(crate) fn tampered(model: &Path, check: &mut dyn FnMut(&str)) {
    let at = |path: &str| model.join(path);
    fs::write(at("config.json"), "{\"a\":2}").unwrap();
    check("changed");
    fs::write(at("config.json"), "{}").unwrap();
    fs::write(at("added"), "").unwrap();
    check("added");
    fs::remove_file(at("added")).unwrap();
    fs::rename(at("sub.z"), at("sub.y")).unwrap();
    check("renamed");
    fs::rename(at("sub.y"), at("sub.z")).unwrap();
    let swap = || {
        fs::rename(at("sub.z"), at("tmp")).unwrap();
        fs::rename(at("config.json"), at("sub.z")).unwrap();
        fs::rename(at("tmp"), at("config.json")).unwrap();
    };
    swap();
    check("swapped");
    swap();
    fs::rename(at("sub.z"), model.with_extension("kept")).unwrap();
    check("removed");
    fs::rename(model.with_extension("kept"), at("sub.z")).unwrap();
}
