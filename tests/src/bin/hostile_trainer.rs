//! A trainer that wants out. It stands in for the real one in the tests of the sandbox: which attack it tries is
//! named in its input folder, and what came of each attempt it reports as events.
//!
//! It is also the launcher that seals its room, and (`server …`) a small server around both, for the tests that
//! need a server of another user or one that can be killed.

#![expect(
    unsafe_code,
    reason = "an attacker makes system calls that no safe interface offers"
)]

use std::{fs, io::Write, process::ExitCode};

use assay_platform::sandbox::{ENTER_ROOM, enter};
use assay_protocol::{Event, LogLevel};

#[path = "hostile_trainer/bombs.rs"]
mod bombs;
#[path = "hostile_trainer/calls.rs"]
mod calls;
#[path = "hostile_trainer/reach.rs"]
mod reach;
#[path = "hostile_trainer/server.rs"]
mod server;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next().unwrap_or_default();
    if first == ENTER_ROOM {
        return enter(&arguments.next().unwrap_or_default());
    }
    if first == "server" {
        return server::main(arguments);
    }
    let attack = fs::read_to_string("in/attack").unwrap_or_default();
    match attack.as_str() {
        "honest" => reach::honest(),
        "reads" => reach::reads(&reach::targets()),
        "writes" => reach::writes(&reach::targets()),
        "sockets" => reach::sockets(&reach::targets()),
        "calls" => calls::all(&reach::targets()),
        reach if reach.starts_with("reach ") => reach::named(&reach["reach ".len()..]),
        bomb => return bombs::drop(bomb),
    }
    ExitCode::SUCCESS
}

/// Says one line as an event.
fn say(message: String) {
    let event = Event::Log {
        level: LogLevel::Info,
        message,
    };
    let mut line = serde_json::to_vec(&event).unwrap_or_default();
    line.push(b'\n');
    let mut out = std::io::stdout();
    let _ = out.write_all(&line).and_then(|()| out.flush());
}

/// Says what came of an attempt: `done …` or `refused …`.
fn report<T>(what: &str, outcome: std::io::Result<T>) {
    match outcome {
        Ok(_) => say(format!("done {what}")),
        Err(error) => say(format!("refused {what}: {error}")),
    }
}
