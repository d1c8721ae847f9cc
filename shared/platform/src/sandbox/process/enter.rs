use std::{
    convert::Infallible,
    ffi::{CString, OsStr},
    fs::{self, File},
    io::{self, Read, Seek, Write},
    os::unix::ffi::OsStrExt,
    process::ExitCode,
};

use nix::{
    errno::Errno,
    sys::{prctl, signal::Signal},
    unistd::{chdir, close, fexecve, getppid},
};

use super::{
    landlock, proc, rlimits, seccomp,
    spec::{Report, Spec},
    users,
};
use crate::{
    memory,
    sandbox::{Isolation, Mechanism},
};

/// Exit status of a launcher that did not start the trainer (`EX_UNAVAILABLE` of `<sysexits.h>`).
const NOT_STARTED: u8 = 69;

/// Seals this process into a room and becomes the trainer.
///
/// Call it before anything else, above all before a thread is started, when the first argument is
/// [`super::ENTER_ROOM`]; `spec` is the argument after it. It comes back only when the trainer was not
/// started: the report on standard output says why, and the given exit status is to be returned
/// from `main`. A probe comes back too, with success.
pub fn enter(spec: &OsStr) -> ExitCode {
    let report = match serde_json::from_slice::<Spec>(spec.as_bytes()) {
        Err(error) => Report::Failed {
            reason: format!("the room's description cannot be read: {error}"),
        },
        Ok(spec) => match seal(&spec) {
            Ok(Sealed::Probed) => return ExitCode::SUCCESS,
            Ok(Sealed::Executed(never)) => match never {},
            Err(report) => report,
        },
    };
    // With the pipe gone as well there is nobody left to tell.
    let _ = tell(&report);
    ExitCode::from(NOT_STARTED)
}

enum Sealed {
    Probed,
    Executed(Infallible),
}

fn seal(spec: &Spec) -> Result<Sealed, Report> {
    memory::take_any_pages();
    close_inherited().map_err(failed("close inherited files"))?;
    // Everything that the room's user may not be able to reach is opened while it still can be.
    let trainer = File::open(&spec.trainer.path).map_err(failed("open the trainer's program"))?;
    let status = File::open("/proc/self/status").map_err(failed("open /proc/self/status"))?;
    let rules = landlock::prepare(&spec.trainer.path, &spec.room);
    chdir(&spec.room).map_err(failed("go into the room"))?;

    let isolation = restrict(spec, status, rules)?;
    for missing in &isolation.missing {
        if !spec.allow_missing.contains(&missing.mechanism) {
            return Err(Report::Refused {
                mechanism: missing.mechanism,
                reason: missing.reason.clone(),
            });
        }
    }
    tell(&Report::Sealed(Box::new(isolation))).map_err(failed("report to the server"))?;
    if spec.probe {
        return Ok(Sealed::Probed);
    }
    execute(spec, &trainer).map(Sealed::Executed)
}

/// Gives up one thing after another. The order matters: each step must still be allowed to take the next.
fn restrict(
    spec: &Spec,
    mut status: File,
    rules: Result<::landlock::RulesetCreated, String>,
) -> Result<Isolation, Report> {
    let mut isolation = Isolation {
        sandbox: "process".to_owned(),
        ..Isolation::default()
    };
    let namespaces = users::leave_network();
    let user = users::become_user(spec.user);
    let bound_threads = user.is_ok() && (spec.user_is_own || namespaces.own_users);
    let bounds = rlimits::apply(&spec.limits, bound_threads);
    die_with_server(spec.server)?;

    let privileges = prctl::set_no_new_privs().map_err(|errno| format!("prctl: {errno}"));
    isolation.record(
        Mechanism::NoNewPrivs,
        privileges.and_then(|()| confirm(&mut status, "NoNewPrivs", "1", "set")),
    );
    isolation.record(Mechanism::UnprivilegedUser, user);
    isolation.record(Mechanism::Rlimits, bounds);
    landlock::enforce(rules, &mut isolation);
    isolation.record(Mechanism::NetworkNamespace, namespaces.network);
    let filter = seccomp::apply(std::process::id());
    isolation.record(
        Mechanism::Seccomp,
        filter.and_then(|detail| confirm(&mut status, "Seccomp", "2", &detail)),
    );
    Ok(isolation)
}

/// Asks the kernel to kill this process with the server's thread that started it. A change of user clears the
/// wish, so this comes after it; and the server may have died before, so its id is compared.
fn die_with_server(server: i32) -> Result<(), Report> {
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(failed("tie its life to the server's"))?;
    if getppid().as_raw() != server {
        return Err(Report::Failed {
            reason: "the server is gone".to_owned(),
        });
    }
    Ok(())
}

/// Reads a line of `/proc/self/status` through the file opened before Landlock.
fn confirm(status: &mut File, field: &str, wanted: &str, detail: &str) -> Result<String, String> {
    let mut text = String::new();
    status
        .rewind()
        .and_then(|()| status.read_to_string(&mut text))
        .map_err(|error| format!("/proc/self/status: {error}"))?;
    match proc::status_field(&text, field) {
        Some(value) if value == wanted => Ok(detail.to_owned()),
        value => Err(format!("/proc/self/status says {field}: {value:?}")),
    }
}

/// The server opens its files close-on-exec; this does not rely on every library there to do the same.
fn close_inherited() -> io::Result<()> {
    let open: Vec<i32> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        match close(descriptor) {
            // The descriptor that the folder was read through is in the list and closed already.
            Ok(()) | Err(Errno::EBADF) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn tell(report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    let mut out = io::stdout();
    out.write_all(&line)?;
    out.flush()
}

fn execute(spec: &Spec, trainer: &File) -> Result<Infallible, Report> {
    let mut arguments = vec![CString::from(c"assay-trainer")];
    for argument in &spec.trainer.args {
        arguments.push(
            CString::new(argument.as_bytes()).map_err(failed("pass the trainer's arguments"))?,
        );
    }
    let environment: [CString; 0] = [];
    fexecve(trainer, &arguments, &environment).map_err(failed("execute the trainer"))
}

fn failed<E: std::fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> Report {
    move |error| Report::Failed {
        reason: format!("could not {doing}: {error}"),
    }
}
