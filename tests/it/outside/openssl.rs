//! OpenSSL over the AIBoM's detached signature.

use std::process::Command;

use super::show;
use crate::support::server::Server;

#[test]
fn openssl_accepts_the_detached_signature_and_refuses_a_changed_document() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let bundle = server.bundle(&server.train("wine", &["epochs=1"]), dir.path());
    let bom = bundle.join("aibom.json");
    let verify = || {
        Command::new("openssl")
            .args(["dgst", "-sha256", "-verify"])
            .arg(dir.path().join("trust/platform.pub"))
            .arg("-signature")
            .arg(bundle.join("aibom.sig"))
            .arg(&bom)
            .output()
            .unwrap()
    };
    let accepted = verify();
    assert!(accepted.status.success(), "{}", show(&accepted));

    let mut bytes = std::fs::read(&bom).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&bom, bytes).unwrap();
    assert!(!verify().status.success());
}
