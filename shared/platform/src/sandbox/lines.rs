//! Reading what an untrusted process prints: bounded lines, a bounded sum, a bounded tail.

use std::{collections::VecDeque, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    sync::watch,
    time::sleep,
};

/// How far a run has come, for those who read what it prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// The process runs.
    Running,
    /// It has ended; what it printed is still wanted.
    Ended,
    /// Nobody wants to know any more.
    Abandoned,
}

/// Bytes of one line; a longer one is cut here.
pub(super) const MAX_LINE: usize = 1 << 20;
/// Bytes of standard error that are kept.
pub(super) const TAIL: usize = 16 << 10;
/// How long a stream may stay silent after the process has ended. Only a process that it left behind could hold the
/// stream open, which is possible only where seccomp is missing and allowed to be.
const SILENCE: Duration = Duration::from_millis(250);

/// A line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Complete.
    Whole(Vec<u8>),
    /// The beginning of a line that was longer than [`MAX_LINE`].
    Cut(Vec<u8>),
    /// The stream is at its end.
    End,
    /// More was printed than allowed.
    TooMuch,
}

/// Lines of a stream, up to a number of bytes.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    left: u64,
    phase: watch::Receiver<Phase>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Reads at most `most` bytes.
    pub(super) fn new(stream: R, most: u64, phase: watch::Receiver<Phase>) -> Self {
        Self {
            reader: BufReader::with_capacity(64 << 10, stream),
            left: most,
            phase,
        }
    }

    /// The next line. An error of the pipe is an end: there is nothing more to learn from it.
    pub(super) async fn next(&mut self) -> Line {
        let mut line = Vec::new();
        let mut cut = false;
        loop {
            let chunk = tokio::select! {
                biased;
                read = self.reader.fill_buf() => read.unwrap_or_default(),
                () = silence(&mut self.phase) => &[],
            };
            if chunk.is_empty() {
                return match (line.is_empty(), cut) {
                    (true, _) => Line::End,
                    (false, false) => Line::Whole(line),
                    (false, true) => Line::Cut(line),
                };
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let text = end.and_then(|end| chunk.get(..end)).unwrap_or(chunk);
            let room = MAX_LINE - line.len();
            cut |= text.len() > room;
            line.extend_from_slice(text.get(..room).unwrap_or(text));
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.reader.consume(used);
            let Some(left) = self.left.checked_sub(used as u64) else {
                return Line::TooMuch;
            };
            self.left = left;
            match (end, cut) {
                (None, _) => {}
                (Some(_), false) => return Line::Whole(line),
                (Some(_), true) => return Line::Cut(line),
            }
        }
    }
}

/// Reads a stream to its end and keeps the last [`TAIL`] bytes as text. The second part says whether more than
/// `most` bytes came, upon which reading stops.
pub(super) async fn tail(
    mut stream: impl AsyncRead + Unpin,
    most: u64,
    mut phase: watch::Receiver<Phase>,
) -> (String, bool) {
    let mut kept = VecDeque::with_capacity(TAIL);
    let mut buffer = vec![0; 16 << 10];
    let mut left = most;
    let too_much = loop {
        let count = tokio::select! {
            biased;
            read = stream.read(&mut buffer) => read.unwrap_or(0),
            () = silence(&mut phase) => 0,
        };
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else {
            break false;
        };
        kept.extend(chunk);
        kept.drain(..kept.len().saturating_sub(TAIL));
        match left.checked_sub(count as u64) {
            Some(rest) => left = rest,
            None => break true,
        }
    };
    let text = String::from_utf8_lossy(kept.make_contiguous()).into_owned();
    (text, too_much)
}

async fn silence(phase: &mut watch::Receiver<Phase>) {
    // Without a sender there is no run any more either.
    let _ = phase.wait_for(|phase| *phase >= Phase::Ended).await;
    sleep(SILENCE).await;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8], most: u64) -> Vec<Line> {
        let (_open, phase) = watch::channel(Phase::Running);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut lines = Lines::new(bytes, most, phase);
            let mut all = Vec::new();
            loop {
                let line = lines.next().await;
                let last = matches!(line, Line::End | Line::TooMuch);
                all.push(line);
                if last {
                    return all;
                }
            }
        })
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_is_whole() {
        let mut bytes = vec![b'x'; 3 * MAX_LINE];
        bytes.extend_from_slice(b"\nnext");
        let lines = read(&bytes, u64::MAX);
        assert!(matches!(&lines[0], Line::Cut(line) if line.len() == MAX_LINE));
        assert_eq!(lines[1], Line::Whole(b"next".to_vec()));
        assert_eq!(lines[2], Line::End);
    }

    #[test]
    fn a_sum_over_the_limit_ends_the_reading() {
        assert_eq!(read(b"ab\ncd\n", 5).last(), Some(&Line::TooMuch));
        assert_eq!(read(b"ab\ncd\n", 6).last(), Some(&Line::End));
    }

    #[test]
    fn the_tail_is_the_end() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (_open, phase) = watch::channel(Phase::Running);
        let mut bytes = vec![b'x'; 5 * TAIL];
        bytes.extend_from_slice(b"end\xff");
        let (text, too_much) = runtime.block_on(tail(bytes.as_slice(), u64::MAX, phase.clone()));
        assert!(text.ends_with("end\u{fffd}") && text.len() < TAIL + 4 && !too_much);
        let (_, too_much) = runtime.block_on(tail(bytes.as_slice(), 10, phase));
        assert!(too_much);
    }

    proptest! {
        #[test]
        fn lines_are_those_of_split(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300)) {
            let mut wanted: Vec<_> = bytes.split(|b| *b == b'\n').map(|l| Line::Whole(l.to_vec())).collect();
            if wanted.last() == Some(&Line::Whole(Vec::new())) {
                wanted.pop();
            }
            wanted.push(Line::End);
            prop_assert_eq!(read(&bytes, u64::MAX), wanted);
        }
    }
}
