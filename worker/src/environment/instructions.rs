//! The instructions of the processor that arithmetic may use: they decide in which order numbers are added.

/// The names of those that there are, a space between each two; as in the reference of Rust's feature detection.
#[cfg(target_arch = "x86_64")]
pub(super) fn names() -> String {
    let found = [
        ("sse4.1", is_x86_feature_detected!("sse4.1")),
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512dq", is_x86_feature_detected!("avx512dq")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
    ];
    list(&found)
}

/// The names of those that there are, a space between each two; as in the reference of Rust's feature detection.
#[cfg(target_arch = "aarch64")]
pub(super) fn names() -> String {
    use std::arch::is_aarch64_feature_detected;
    let found = [
        ("neon", is_aarch64_feature_detected!("neon")),
        ("fp16", is_aarch64_feature_detected!("fp16")),
        ("dotprod", is_aarch64_feature_detected!("dotprod")),
        ("sve", is_aarch64_feature_detected!("sve")),
        ("sve2", is_aarch64_feature_detected!("sve2")),
        ("bf16", is_aarch64_feature_detected!("bf16")),
    ];
    list(&found)
}

/// Empty: nothing is known of other processors.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn names() -> String {
    list(&[])
}

fn list(found: &[(&str, bool)]) -> String {
    let names: Vec<_> = found
        .iter()
        .filter(|(_, present)| *present)
        .map(|(name, _)| *name)
        .collect();
    names.join(" ")
}
