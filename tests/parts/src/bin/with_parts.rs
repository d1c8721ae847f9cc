//! `with-parts [NAMES] -- COMMAND`: runs a command beside real servers, and ends them with it.
//!
//! NAMES is a list of `postgres`, `rabbitmq`, `s3`, `openbao` and `docker`, separated by commas; all of them by default. A server
//! that the environment names already is used, and none is started for it. The servers end also when this program is
//! killed.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, bail};
use assay_test_parts::{Docker, OpenBao, Postgres, Rabbit, S3, names};

/// What was started; ends with the value.
#[derive(Debug, Default)]
struct Parts {
    postgres: Option<Postgres>,
    rabbit: Option<Rabbit>,
    s3: Option<S3>,
    openbao: Option<OpenBao>,
    docker: Option<Docker>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let at = arguments.iter().position(|argument| argument == "--");
    let (wanted, command) = match at {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => bail!("usage: with-parts [postgres,rabbitmq,s3,openbao,docker] -- COMMAND"),
    };
    let [program, rest @ ..] = command else {
        bail!("with-parts: a command must follow --");
    };
    let wanted = match wanted {
        [] => "postgres,rabbitmq,s3,openbao,docker",
        [names] => names,
        _ => bail!("with-parts: separate the names by commas"),
    };
    let mut variables = Vec::new();
    let mut parts = Parts::default();
    for name in wanted.split(',') {
        parts.start(name, &mut variables)?;
    }
    // When this program is killed the command is too: its servers are gone then.
    let status = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", program])
        .args(rest)
        .envs(variables)
        .status()
        .with_context(|| format!("starting {program}"))?;
    drop(parts);
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    Ok(ExitCode::from(
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
    ))
}

impl Parts {
    fn start(
        &mut self,
        name: &str,
        variables: &mut Vec<(&'static str, String)>,
    ) -> anyhow::Result<()> {
        match name {
            "postgres" if absent(names::POSTGRES) => {
                let server = Postgres::start_quick()?;
                variables.push((names::POSTGRES, server.url()));
                self.postgres = Some(server);
            }
            "rabbitmq" if absent(names::AMQP) => {
                let server = Rabbit::start()?;
                variables.push((names::AMQP, server.url()));
                variables.push((names::AMQP_MANAGEMENT, server.management_url()));
                self.rabbit = Some(server);
            }
            "s3" if absent(names::S3) => {
                let server = S3::start()?;
                variables.push((names::S3, server.url()));
                self.s3 = Some(server);
            }
            "openbao" if absent(names::OPENBAO) => {
                let server = OpenBao::start()?;
                variables.push((names::OPENBAO, server.url()));
                self.openbao = Some(server);
            }
            "docker" if absent(names::DOCKER) => {
                let server = Docker::start()?;
                variables.push((names::DOCKER, server.url()));
                self.docker = Some(server);
            }
            "postgres" | "rabbitmq" | "s3" | "openbao" | "docker" => {}
            _ => bail!("with-parts: unknown server {name}"),
        }
        Ok(())
    }
}

fn absent(name: &str) -> bool {
    std::env::var_os(name).is_none()
}
