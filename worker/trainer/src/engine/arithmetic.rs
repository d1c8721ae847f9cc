use assay_protocol::Fault;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::flush_to_zero::{flush_to_zero, flushes};

/// Names the class of machines within which a run repeats bit for bit, as `cpu/x86-64/avx512f/ftz`.
///
/// The parts: the processor family; the vector instructions that the matrix product picks at run time (a
/// wider unit adds in another order); whether denormal numbers are flushed to zero. The number of threads is
/// not part of it, for results do not depend on it.
pub fn arithmetic() -> String {
    let denormals = if flushes() { "ftz" } else { "denormals" };
    format!("cpu/{}/{denormals}", instructions())
}

#[cfg(target_arch = "x86_64")]
fn instructions() -> &'static str {
    if std::is_x86_feature_detected!("avx512f") {
        "x86-64/avx512f"
    } else if std::is_x86_feature_detected!("fma") && std::is_x86_feature_detected!("avx") {
        "x86-64/fma"
    } else {
        "x86-64/scalar"
    }
}

#[cfg(target_arch = "aarch64")]
fn instructions() -> &'static str {
    "aarch64/neon"
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instructions() -> &'static str {
    std::env::consts::ARCH
}

/// Threads of their own for the arithmetic, all flushing denormals to zero; 0 takes one a processor.
pub(crate) fn threads(count: usize) -> Result<ThreadPool, Fault> {
    ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(|i| format!("arithmetic-{i}"))
        .start_handler(|_| flush_to_zero())
        .build()
        .map_err(|error| {
            Fault::without_field(
                "trainer.threads",
                format!("the threads for the arithmetic cannot be started: {error}"),
            )
        })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_class_has_no_spaces_and_starts_with_the_device() {
        let class = super::arithmetic();
        assert!(class.starts_with("cpu/"), "{class}");
        assert!(!class.contains(' '), "{class}");
    }
}
