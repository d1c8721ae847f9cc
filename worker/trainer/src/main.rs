//! The trainer as a program of its own.

/// Training allocates and frees large buffers all the time; the system allocator would map each anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    assay_trainer::run::main(std::env::args_os().skip(1))
}
