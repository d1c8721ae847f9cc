//! Reaching for what lies outside of the room, and the honest work that must go on working inside.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{OpenOptionsExt, symlink},
            net::{SocketAddr, UnixDatagram, UnixListener, UnixStream},
        },
    },
    path::PathBuf,
    thread,
    time::Duration,
};

use serde::Deserialize;

use super::{report, say};

/// What there is to reach for; the test writes it into the room.
#[derive(Deserialize)]
pub(crate) struct Targets {
    /// Files that must not be read.
    secrets: Vec<PathBuf>,
    /// A folder beside the room that must not be written.
    outside: PathBuf,
    /// A port on loopback where the test listens.
    port: u16,
    /// A unix socket where the test listens.
    socket: PathBuf,
    /// An abstract unix socket where the test listens.
    abstract_name: String,
    /// The server's process.
    pub(crate) server: i32,
}

pub(crate) fn targets() -> Targets {
    let file = File::open("in/targets.json").expect("the test wrote the targets");
    serde_json::from_reader(file).expect("the targets are JSON")
}

/// What a trainer does all day.
pub(crate) fn honest() {
    report("read input", fs::read("in/attack"));
    report("read hardware", fs::read_dir("/sys/devices/system/cpu"));
    report("write output", fs::write("out/part", vec![7; 100_000]));
    report("rename output", fs::rename("out/part", "out/result"));
    report(
        "remove output",
        fs::write("out/x", "").and_then(|()| fs::remove_file("out/x")),
    );
    let sum: u64 = (0..4_u64)
        .map(|i| thread::spawn(move || i))
        .map(|thread| thread.join().unwrap_or(100))
        .sum();
    say(format!("threads {sum}"));
    say(format!("environment {}", std::env::vars_os().count()));
    let open = (3..1024).filter(|fd| {
        // SAFETY: asks about a number; touches no memory.
        (unsafe { libc::fcntl(*fd, libc::F_GETFD) }) != -1
    });
    say(format!("open files {}", open.count()));
    say(format!("uid {}", nix::unistd::getuid()));
}

pub(crate) fn reads(targets: &Targets) {
    let server = targets.server;
    let of_server = ["environ", "mem", "maps", "fd", "root/etc/passwd", "cwd"];
    let paths = targets.secrets.iter().cloned().chain(
        of_server
            .map(|name| PathBuf::from(format!("/proc/{server}/{name}")))
            .into_iter()
            .chain(
                [
                    "/etc/passwd",
                    "/etc/hostname",
                    "/proc/self/environ",
                    "/proc/self/mem",
                    "/proc/1/environ",
                    "/dev/null",
                    "/dev/urandom",
                    "/bin/sh",
                    "../../",
                    "/",
                    "/tmp",
                    "/root",
                ]
                .map(PathBuf::from),
            ),
    );
    for path in paths {
        report(&format!("read {}", path.display()), read(&path));
    }
}

/// Reaches for a socket in every way.
pub(crate) fn named(path: &str) {
    report("see it", fs::metadata(path));
    report("open it", File::open(path));
    report("connect to it", UnixStream::connect(path));
    for usual in ["/var/run/docker.sock", "/run/docker.sock"] {
        report(usual, fs::metadata(usual));
    }
}

fn read(path: &PathBuf) -> io::Result<()> {
    // A folder can be opened like a file; reading it needs another call.
    if path.is_dir() {
        return fs::read_dir(path).map(drop);
    }
    let mut byte = [0];
    File::open(path)?.read(&mut byte).map(drop)
}

pub(crate) fn writes(targets: &Targets) {
    let outside = &targets.outside;
    for path in [
        outside.join("escaped"),
        "escaped".into(),
        "../escaped".into(),
        "out/../escaped".into(),
        "in/escaped".into(),
        "/tmp/assay-escaped".into(),
        "/dev/shm/assay-escaped".into(),
    ] {
        report(&format!("write {}", path.display()), fs::write(&path, "x"));
    }
    let append = || OpenOptions::new().append(true).open("in/attack");
    report(
        "append to an input",
        append().and_then(|mut file| file.write_all(b"x")),
    );
    report("remove an input", fs::remove_file("in/attack"));
    report("rename an input", fs::rename("in/attack", "out/attack"));
    report("link an input", fs::hard_link("in/attack", "out/linked"));
    report("remove the room's folder", fs::remove_dir("out"));
    report("symbolic link", symlink("/etc/passwd", "out/symbolic"));
    report(
        "link twice",
        fs::write("out/a", "").and_then(|()| fs::hard_link("out/a", "out/b")),
    );
    report("folder", fs::create_dir("out/folder"));
    report(
        "chmod",
        fs::set_permissions(
            "in/attack",
            std::os::unix::fs::PermissionsExt::from_mode(0o777),
        ),
    );
    report("unix socket", UnixListener::bind("out/socket"));
    let nameless = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .open("out");
    report("file without a name", nameless);
    for secret in &targets.secrets {
        let opened = OpenOptions::new().append(true).open(secret);
        report(&format!("write {}", secret.display()), opened);
        report(
            &format!("remove {}", secret.display()),
            fs::remove_file(secret),
        );
    }
}

pub(crate) fn sockets(targets: &Targets) {
    let soon = Duration::from_millis(500);
    let local = ([127, 0, 0, 1], targets.port).into();
    report(
        "connect to loopback",
        TcpStream::connect_timeout(&local, soon),
    );
    let far = ([192, 0, 2, 1], 80).into();
    report("connect afar", TcpStream::connect_timeout(&far, soon));
    report("listen", TcpListener::bind("127.0.0.1:0"));
    report("udp", UdpSocket::bind("127.0.0.1:0"));
    report("unix", UnixStream::connect(&targets.socket));
    let name = SocketAddr::from_abstract_name(&targets.abstract_name);
    report(
        "abstract unix",
        name.and_then(|name| UnixStream::connect_addr(&name)),
    );
    report("unix datagram", UnixDatagram::unbound());
    report("unix pair", UnixStream::pair());
}
