//! How much memory a service takes while it waits.

use nix::sys::prctl;

/// Has the kernel give this process its memory in small pages.
///
/// A service that waits touches little of many regions, and a huge page for each doubles what it takes. Programs that it
/// starts inherit this; trainers are freed of it.
pub fn take_small_pages() {
    // A kernel that refuses costs memory and nothing else.
    let _refused = prctl::set_thp_disable(true);
}

/// Undoes what the service that started this process has asked for: training is quicker with huge pages.
pub(crate) fn take_any_pages() {
    let _refused = prctl::set_thp_disable(false);
}
