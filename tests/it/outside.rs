//! The field's own tools over a bundle, where it lies. Their versions are pinned in `tests/outside/requirements.txt`.

mod aibom;
mod curl;
mod keras;
mod layouts;
mod model_signing;
mod openssl;
pub(crate) mod proof;
mod safetensors;
mod witness;

use std::{
    path::Path,
    process::{Command, Output},
};

/// A program of the Python folder that `./test` made.
fn python(program: &str) -> Command {
    let folder = std::env::var("ASSAY_TEST_PYTHON")
        .expect("ASSAY_TEST_PYTHON names the folder of the outside tools; run ./test");
    let mut command = Command::new(Path::new(&folder).join(program));
    command.env("KERAS_BACKEND", "numpy");
    command
}

/// A script of `tests/outside`.
fn script(name: &str) -> String {
    format!("{}/outside/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn show(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
