//! What a container prints, taken apart into its two streams.

use std::time::Duration;

use bollard::container::{AttachContainerResults, LogOutput};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    sync::watch,
    time::sleep,
};

use crate::sandbox::lines::Phase;

/// How long the engine may be silent, once the container has ended, before its streams are taken to be at their end.
const SILENCE: Duration = Duration::from_secs(30);

/// Passes both streams on until the engine ends them, or nobody wants them any more. Whoever does not read slows the
/// container down.
pub(super) async fn part(
    attached: AttachContainerResults,
    (mut stdout, mut stderr): (DuplexStream, DuplexStream),
    mut phase: watch::Receiver<Phase>,
) {
    // Kept: an engine may take the closing of its input for the wish to leave.
    let AttachContainerResults { mut output, input } = attached;
    loop {
        let next = tokio::select! {
            biased;
            next = output.next() => next,
            () = silence(&mut phase) => break,
        };
        let (stream, bytes) = match next {
            Some(Ok(LogOutput::StdOut { message } | LogOutput::Console { message })) => {
                (&mut stdout, message)
            }
            Some(Ok(LogOutput::StdErr { message })) => (&mut stderr, message),
            Some(Ok(LogOutput::StdIn { .. })) => continue,
            // A connection that breaks ends the streams; what became of the container is learnt elsewhere.
            Some(Err(_)) | None => break,
        };
        tokio::select! {
            biased;
            // A reader that has gone, since too much was printed, need not keep the other from reading.
            _gone = stream.write_all(&bytes) => {}
            _ = phase.wait_for(|phase| *phase == Phase::Abandoned) => break,
        }
    }
    drop(input);
}

async fn silence(phase: &mut watch::Receiver<Phase>) {
    // Without a sender there is no run any more either.
    let ended = phase.wait_for(|phase| *phase >= Phase::Ended).await;
    if !ended.is_ok_and(|phase| *phase == Phase::Ended) {
        return;
    }
    tokio::select! {
        () = sleep(SILENCE) => {}
        _ = phase.wait_for(|phase| *phase == Phase::Abandoned) => {}
    }
}
