//! Using up what is limited, lying about it, and refusing to go.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    hint::black_box,
    io::{self, Write},
    process::ExitCode,
    thread,
    time::Duration,
};

use assay_protocol::Event;

use super::say;

pub(crate) fn drop(name: &str) -> ExitCode {
    match name {
        "memory" => memory(),
        "shared memory" => shared_memory(),
        "threads" => threads(),
        "processes" => processes(),
        "one file" => one_file(),
        "many files" => many_files(),
        "hidden files" => hidden_files(),
        "sparse file" => sparse_files(),
        "spin" => spin(),
        "stubborn" => stubborn(),
        "sleep" => sleep(),
        "leaderless" => leaderless(),
        "flood" => flood(io::stdout(), b"no event at all\n"),
        "flood errors" => flood(io::stderr(), b"no event at all\n"),
        "endless line" => flood(io::stdout(), &[b'x'; 4096]),
        "forge" => return forge(),
        "crash" => std::process::abort(),
        other => panic!("no attack is called {other:?}"),
    }
    ExitCode::SUCCESS
}

fn memory() {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![1_u8; 16 << 20]));
    }
}

/// Memory that a bound on private memory alone would not see.
fn shared_memory() {
    let mut mib = 0;
    // SAFETY: maps new memory and touches only that.
    unsafe {
        loop {
            let map = libc::mmap(
                std::ptr::null_mut(),
                16 << 20,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            if map == libc::MAP_FAILED {
                break;
            }
            libc::memset(map, 1, 16 << 20);
            mib += 16;
        }
    }
    say(format!("mapped {mib}"));
}

fn threads() {
    let mut made = 0;
    while made < 10_000
        && thread::Builder::new()
            .stack_size(16 << 10)
            .spawn(sleep)
            .is_ok()
    {
        made += 1;
    }
    say(format!("threads {made}"));
}

fn processes() {
    let mut made = 0;
    for _ in 0..10_000 {
        // SAFETY: the child calls nothing but a sleep.
        match unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } {
            0 => sleep(),
            -1 => {}
            _ => made += 1,
        }
    }
    say(format!("processes {made}"));
}

fn one_file() {
    let mut file = File::create("out/big").expect("the output folder is writable");
    let block = vec![1; 1 << 20];
    while file.write_all(&block).is_ok() {}
    // The kernel refuses; going on with another file is what the watch must see.
    for number in 0.. {
        let _ = fs::write(format!("out/{number}"), &block);
    }
}

fn many_files() {
    for number in 0_u64.. {
        let _ = File::create(format!("out/{number}"));
    }
}

fn hidden_files() {
    let block = vec![1; 1 << 20];
    let mut held = Vec::new();
    loop {
        if let Ok(mut file) = File::create("out/hidden") {
            let _ = fs::remove_file("out/hidden");
            let _ = file.write_all(&block);
            held.push(file);
        }
    }
}

/// Files that cost nothing to write, and much to read.
fn sparse_files() {
    for number in 0.. {
        if let Ok(file) = File::create(format!("out/{}", number % 20)) {
            let _ = file.set_len(1 << 40).or_else(|_| file.set_len(4 << 20));
        }
    }
}

fn spin() {
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(burn)).collect();
    for thread in threads {
        let _ = thread.join();
    }
}

fn burn() {
    let mut number = 1_u64;
    loop {
        number = black_box(number.wrapping_mul(3));
    }
}

/// Ignores every signal that can be ignored.
fn stubborn() {
    for number in 1..65 {
        // SAFETY: ignoring a signal runs no handler.
        unsafe { libc::signal(number, libc::SIG_IGN) };
    }
    spin();
}

fn sleep() {
    say(format!("pid {}", std::process::id()));
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Ends the first thread only: the process goes on without it.
fn leaderless() {
    thread::spawn(sleep);
    // SAFETY: ends this thread and nothing else; what lies on its stack stays.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

fn flood(mut stream: impl Write, bytes: &[u8]) {
    let block = bytes.repeat(64);
    while stream.write_all(&block).is_ok() {}
}

/// Claims success, then fails.
fn forge() -> ExitCode {
    let done = Event::Done {
        outputs: Vec::new(),
        metrics: BTreeMap::new(),
        training_seconds: 0.0,
    };
    let mut line = serde_json::to_vec(&done).unwrap_or_default();
    line.push(b'\n');
    // What the launcher says to the server, said again by the trainer.
    line.extend_from_slice(b"{\"sealed\":{\"sandbox\":\"process\",\"held\":[],\"missing\":[]}}\n");
    line.extend_from_slice(b"\xff\xfe not text\n");
    let _ = io::stdout().write_all(&line);
    ExitCode::from(3)
}
