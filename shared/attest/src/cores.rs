//! Work on many things at once.

use std::{
    cmp::Reverse,
    panic,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Bytes of work that are worth a thread of their own: less is done before it would have started.
const WORTH_A_THREAD: u64 = 1 << 20;

/// Does `work` on every item, on all cores, those with the most `bytes` first. Gives the results in the items' order.
pub(crate) fn on_all_cores<T: Sync, R: Send>(
    items: &[T],
    bytes: impl Fn(&T) -> u64,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let mut order: Vec<(usize, &T)> = items.iter().enumerate().collect();
    order.sort_by_key(|(_, item)| Reverse(bytes(item)));
    let all = items.iter().map(&bytes).fold(0, u64::saturating_add);
    let worth = usize::try_from(all / WORTH_A_THREAD).unwrap_or(usize::MAX);
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(items.len())
        .min(worth);
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        while let Some((index, item)) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((*index, work(item)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_items_order() {
        let items: Vec<u64> = (0..1000).collect();
        let square = |n: &u64| n * n;
        let expected: Vec<u64> = items.iter().map(square).collect();
        for bytes in [0, WORTH_A_THREAD] {
            assert_eq!(on_all_cores(&items, |n| n * bytes, square), expected);
        }
        assert!(on_all_cores(&[], |_: &u64| 1, square).is_empty());
    }
}
