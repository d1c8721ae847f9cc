//! A source of bytes that ends when too much is asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hdf5_pure::{FormatError, Source};

/// One read of metadata at most: the names of a model's arrays stand in one piece, some 30 bytes each.
pub(super) const MAX_METADATA_READ: usize = 1 << 20;
/// Reads of one file: a model of 2,000 layers needs some hundred thousand.
const MAX_READS: u64 = 4_000_000;
/// Bytes of metadata that may be read in all, some of them many times.
const MAX_METADATA_BYTES: u64 = 512 << 20;

/// Set while the numbers of a data set of known size are read, which may be one large read.
pub(super) type Bulk = Arc<AtomicBool>;

/// The file's bytes and what may still be read.
pub(super) struct Budget {
    bytes: Vec<u8>,
    reads: AtomicU64,
    metadata: AtomicU64,
    bulk: Bulk,
}

impl Budget {
    pub(super) fn new(bytes: Vec<u8>) -> (Self, Bulk) {
        let bulk = Bulk::default();
        let budget = Self {
            bytes,
            reads: AtomicU64::new(0),
            metadata: AtomicU64::new(0),
            bulk: Arc::clone(&bulk),
        };
        (budget, bulk)
    }

    fn spend(&self, len: usize) -> bool {
        let reads = self.reads.fetch_add(1, Ordering::Relaxed);
        if self.bulk.load(Ordering::Relaxed) {
            return reads < MAX_READS;
        }
        let bytes = self.metadata.fetch_add(len as u64, Ordering::Relaxed);
        reads < MAX_READS && bytes < MAX_METADATA_BYTES && len <= MAX_METADATA_READ
    }
}

impl Source for Budget {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), FormatError> {
        let end = || FormatError::UnexpectedEof {
            expected: buf.len(),
            available: 0,
        };
        if !self.spend(buf.len()) {
            return Err(end());
        }
        let start = usize::try_from(offset).map_err(|_| end())?;
        let part = start
            .checked_add(buf.len())
            .and_then(|stop| self.bytes.get(start..stop))
            .ok_or_else(end)?;
        buf.copy_from_slice(part);
        Ok(())
    }
}
