//! From what the trainer prints to events: its claims, passed on as claims.

use assay_protocol::{Event, LogLevel};
use tokio::{
    io::AsyncRead,
    sync::{mpsc, watch},
};

use super::lines::{Line, Lines, Phase};

/// Lines that are no events, passed on as warnings.
const GARBAGE_SHOWN: u64 = 100;
/// Bytes that are shown of such a line.
const GARBAGE_BYTES: usize = 1024;

/// What came of standard output.
#[derive(Debug, Default)]
pub(super) struct Printed {
    /// Lines that were no events.
    pub(super) garbage_lines: u64,
    /// Whether more was printed than allowed.
    pub(super) over: bool,
}

/// Passes events on until the stream ends. A receiver that is gone, or that nobody reads after the run was
/// cancelled, does not keep the stream from being read to its end. `look` is called at each event that marks a step: a
/// moment at which the trainer is surely there to be measured.
pub(super) async fn pump(
    mut lines: Lines<impl AsyncRead + Unpin>,
    events: mpsc::Sender<Event>,
    look: impl Fn(),
    mut phase: watch::Receiver<Phase>,
) -> Printed {
    let mut printed = Printed::default();
    loop {
        let (line, whole) = match lines.next().await {
            Line::Whole(line) => (line, true),
            Line::Cut(line) => (line, false),
            Line::End => return printed,
            Line::TooMuch => {
                printed.over = true;
                return printed;
            }
        };
        let parsed = serde_json::from_slice(&line).ok().filter(|_| whole);
        let event = match parsed {
            Some(event) => event,
            None => {
                printed.garbage_lines += 1;
                if printed.garbage_lines > GARBAGE_SHOWN {
                    continue;
                }
                warning(&line)
            }
        };
        if !matches!(event, Event::Log { .. } | Event::Epoch(_)) {
            look();
        }
        tokio::select! {
            biased;
            // An error means that nobody listens; the trainer need not know.
            _ = events.send(event) => {}
            _ = phase.wait_for(|phase| *phase == Phase::Abandoned) => {}
        }
    }
}

fn warning(line: &[u8]) -> Event {
    let shown = line.get(..GARBAGE_BYTES).unwrap_or(line);
    Event::Log {
        level: LogLevel::Warning,
        message: format!(
            "the trainer printed a line that is no event: {}",
            String::from_utf8_lossy(shown).escape_debug()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_pass_and_the_rest_becomes_bounded_warnings() {
        let mut text = String::from("{\"event\":\"log\",\"level\":\"info\",\"message\":\"hi\"}\n");
        for _ in 0..GARBAGE_SHOWN + 5 {
            text.push_str("{\"event\":\"no such\"}\n");
        }
        let (_running, phase) = watch::channel(Phase::Running);
        let (sender, mut events) = mpsc::channel(1000);
        let lines = Lines::new(text.as_bytes(), u64::MAX, phase.clone());
        let printed = pump(lines, sender, || {}, phase).await;
        assert_eq!(printed.garbage_lines, GARBAGE_SHOWN + 5);
        assert!(!printed.over);
        let mut seen = Vec::new();
        while let Ok(event) = events.try_recv() {
            seen.push(event);
        }
        assert_eq!(seen.len() as u64, 1 + GARBAGE_SHOWN);
        assert!(matches!(&seen[0], Event::Log { message, .. } if message == "hi"));
        assert!(matches!(
            &seen[1],
            Event::Log {
                level: LogLevel::Warning,
                ..
            }
        ));
    }

    #[tokio::test]
    async fn an_abandoned_run_waits_for_no_receiver() {
        let (phase, phases) = watch::channel(Phase::Running);
        let (sender, _never_read) = mpsc::channel(1);
        let text = b"x\nx\nx\nx\n".as_slice();
        let lines = Lines::new(text, u64::MAX, phases.clone());
        phase.send_replace(Phase::Abandoned);
        assert_eq!(pump(lines, sender, || {}, phases).await.garbage_lines, 4);
    }
}
