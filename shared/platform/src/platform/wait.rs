//! Waiting, at the start of a service, for the servers that it needs.

use std::{fmt::Display, time::Duration};

use tokio::time::{Instant, sleep};

/// A part that is there after so long was not worth a word: connections are made in the background.
const QUIET: Duration = Duration::from_secs(2);
/// Between two tries, at first and at last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Opens a part, again and again while its trouble is one that goes by, for `patience` at most. Says so once, after a moment; other
/// trouble, as a wrong password, ends it at once.
///
/// # Errors
/// The last one.
pub(super) async fn until<T, E, F>(
    part: &'static str,
    patience: Duration,
    passes: impl Fn(&E) -> bool,
    mut open: impl FnMut() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
    E: Display,
{
    let begun = Instant::now();
    let (mut pause, longest) = PAUSES;
    let mut said = false;
    loop {
        match open().await {
            Ok(opened) => {
                if said {
                    tracing::info!(part, waited_ms = begun.elapsed().as_millis(), "it is there");
                }
                return Ok(opened);
            }
            Err(error) if !passes(&error) => return Err(error),
            Err(error) if begun.elapsed() + pause > patience => {
                tracing::error!(part, "waited for {} s", begun.elapsed().as_secs());
                return Err(error);
            }
            Err(error) => {
                if !said && begun.elapsed() >= QUIET {
                    let most = patience.as_secs();
                    tracing::warn!(part, %error, "waiting for it, {most} s at most");
                    said = true;
                }
            }
        }
        sleep(pause).await;
        pause = (2 * pause).min(longest);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn tries(patience: Duration, good_at: u32, passing: bool) -> (Result<(), String>, u32) {
        let tried = Cell::new(0);
        let open = async || {
            tried.set(tried.get() + 1);
            if tried.get() == good_at {
                Ok(())
            } else {
                Err("away".to_owned())
            }
        };
        let result = until("the test", patience, |_| passing, open).await;
        (result, tried.get())
    }

    #[tokio::test]
    async fn what_goes_by_is_waited_for_and_nothing_else() {
        let minute = Duration::from_secs(60);
        assert_eq!(tries(minute, 1, true).await, (Ok(()), 1));
        assert_eq!(tries(minute, 3, true).await, (Ok(()), 3));
        assert_eq!(tries(minute, 3, false).await, (Err("away".to_owned()), 1));
        assert_eq!(
            tries(Duration::ZERO, 3, true).await,
            (Err("away".to_owned()), 1)
        );
    }
}
