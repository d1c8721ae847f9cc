//! Makes the processor treat denormal numbers as zero.
//!
//! The optimizer's averages decay through the denormal range for every weight that no longer moves, and the
//! processor takes a hundred times longer for such numbers.

/// Sets the calling thread's floating-point unit to flush denormal results and operands to zero.
///
/// It stays so for the life of the thread, so only threads that do nothing but arithmetic call it.
#[cfg(target_arch = "x86_64")]
#[expect(
    unsafe_code,
    reason = "the control register has no safe accessor; only bits 6 (denormals are zero) and 15 (flush to \
              zero) of this thread's MXCSR change, the memory operand is a local, and no code here relies on \
              denormals"
)]
pub(crate) fn flush_to_zero() {
    let mut control: u32 = 0;
    // SAFETY: both instructions are baseline SSE and touch only MXCSR and `control`.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack));
        control |= 0x8040;
        std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack, readonly));
    }
}

/// Sets the calling thread's floating-point unit to flush denormal results and operands to zero.
///
/// It stays so for the life of the thread, so only threads that do nothing but arithmetic call it.
#[cfg(target_arch = "aarch64")]
#[expect(
    unsafe_code,
    reason = "the control register has no safe accessor; only bit 24 (flush to zero) of this thread's FPCR \
              changes and no code here relies on denormals"
)]
pub(crate) fn flush_to_zero() {
    // SAFETY: FPCR may be read and written at any privilege level; memory is not touched.
    unsafe {
        let mut control: u64;
        std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack));
        control |= 1 << 24;
        std::arch::asm!("msr fpcr, {}", in(reg) control, options(nomem, nostack));
    }
}

/// Does nothing: this processor's control register is not known here.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) fn flush_to_zero() {}

/// Whether [`flush_to_zero`] has an effect on this kind of processor.
pub(crate) const fn flushes() -> bool {
    cfg!(any(target_arch = "x86_64", target_arch = "aarch64"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn denormals_are_zero_on_a_thread_that_asked_for_it() {
        let smallest = std::hint::black_box(f32::MIN_POSITIVE);
        let half = move || std::hint::black_box(smallest) * std::hint::black_box(0.5);
        assert!(half() > 0.0);
        let flushed = std::thread::spawn(move || {
            super::flush_to_zero();
            half()
        });
        assert_eq!(flushed.join().unwrap() == 0.0, super::flushes());
    }
}
