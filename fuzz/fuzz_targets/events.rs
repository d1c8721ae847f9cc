//! A line of the trainer's standard output. What is read can be written and read again.
#![no_main]

use assay_protocol::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let Ok(event) = serde_json::from_slice::<Event>(line) else {
        return;
    };
    let text = serde_json::to_vec(&event).expect("an event can be written");
    let again: Event = serde_json::from_slice(&text).expect("a written event can be read");
    assert_eq!(again, event);
});
