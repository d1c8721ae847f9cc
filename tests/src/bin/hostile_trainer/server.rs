//! A server around one run, as small as can be: `server ROOMS ATTACK TARGETS LIMITS [DOCKER]`; with the last it runs the
//! attack in a container.
//!
//! Prints every event as the trainer does, and at the end one line of JSON with how the run ended.

use std::{ffi::OsString, io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;
use assay_platform::sandbox::{
    Command, DockerConfig, DockerSandbox, Mode, ProcessSandbox, Program, Room, Sandbox,
    SandboxConfig,
};
use tokio::sync::mpsc;

pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: impl Iterator<Item = OsString>) -> anyhow::Result<()> {
    let mut arguments = arguments;
    let mut next = || arguments.next().context("an argument is missing");
    let rooms = PathBuf::from(next()?);
    let attack = next()?.into_encoded_bytes();
    let targets = next()?.into_encoded_bytes();
    let limits = serde_json::from_slice(&next()?.into_encoded_bytes())?;

    let docker: Option<DockerConfig> = match arguments.next() {
        Some(config) => Some(serde_json::from_slice(&config.into_encoded_bytes())?),
        None => None,
    };
    let room = Room::create(&rooms)?;
    room.add_input_bytes("attack", &attack)?;
    // The targets name this process, whose id the test could not know.
    let mut targets: serde_json::Value = serde_json::from_slice(&targets)?;
    targets["server"] = std::process::id().into();
    room.add_input_bytes("targets.json", &serde_json::to_vec(&targets)?)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let finished = runtime.block_on(async {
        let allow_missing = SandboxConfig::default().allow_missing;
        let sandbox = match docker {
            Some(config) => match DockerSandbox::open(&config, &allow_missing, &rooms).await {
                Ok(docker) => Sandbox::Docker(docker),
                Err(error) => return Err(error),
            },
            None => Sandbox::Process(ProcessSandbox {
                launcher: Program::this([""; 0]),
                trainer: Program::this([""; 0]),
                allow_missing,
            }),
        };
        let (sender, mut events) = mpsc::channel(64);
        let command = Command {
            mode: Mode::Train,
            threads: 1,
        };
        let printing = async {
            while let Some(event) = events.recv().await {
                let line = serde_json::to_string(&event).unwrap_or_default();
                let _ = writeln!(std::io::stdout(), "{line}");
            }
        };
        let run = sandbox.run(&room, command, &limits, sender, std::future::pending());
        tokio::join!(run, printing).0
    })?;
    let end = serde_json::json!({
        "ended": format!("{:?}", finished.ended),
        "isolation": finished.isolation,
    });
    writeln!(std::io::stdout(), "{end}")?;
    Ok(())
}
